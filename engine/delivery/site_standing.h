// How one (source, site) stands with its receiver, for all shards and campaigns of the program: how many connections
// and messages it takes, which is learned, and whether it wants none for a while. What is learned limits the group.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/delivery/adaptive_rate.h"
#include "engine/delivery/limit_group.h"
#include "engine/delivery/rule_counts.h"
#include "engine/delivery/rule_settings.h"
#include "engine/delivery/suspensions.h"
#include "engine/delivery/window.h"

namespace delivery {

class SiteStanding {
 public:
  struct Options {
    LimitGroup::Options limits;
    bool adaptive = true;  // Learns; else the limits are what is used.
  };
  // What outlives the program. Zeros: as new.
  struct Kept {
    double window = 0;
    double messages_per_second = 0;
    LimitGroup::Debts debts;
    std::vector<Suspensions::Kept> suspensions;
    RuleSettings settings = {};  // Those that hold.
    bool IsNew() const {
      return window == 0 && messages_per_second == 0 && debts.messages == base::Duration() &&
             debts.connections == base::Duration() && suspensions.empty() && settings.empty();
    }
  };

  // Each campaign that sends there says what it allows; what holds is the strictest of each.
  SiteStanding(std::uint32_t campaign, const Options& options, base::Instant now);

  LimitGroup& group() { return group_; }
  const LimitGroup& group() const { return group_; }
  void SetOptions(std::uint32_t campaign, const Options& options, base::Instant now);
  void Forget(std::uint32_t campaign, base::Instant now);  // It sends nothing there any more.

  // ---- what the receiver says ----
  // A message was accepted, so long after its last byte was written.
  void OnAccepted(base::Instant now, base::Duration took);
  // A connection that began at `began` failed, or was one too many.
  void OnTrouble(base::Instant began, base::Instant now);
  // Connections were refused while others work: these are as many as it takes.
  void OnNoMore(base::Instant now);
  // A message that was written at `written` was one too many.
  void OnThrottled(base::Instant written, base::Instant now);

  // ---- suspension ----
  using Scopes = Suspensions::Scopes;
  // Everybody's mail. Until when; nullopt: it was suspended already.
  std::optional<base::Instant> Suspend(base::Instant now, Suspension::Span span, std::string_view reason,
                                       std::string_view sample);
  // False: it is suspended for longer.
  bool SuspendUntil(std::string_view scope, base::Instant until, base::Instant now, std::string_view reason,
                    std::string_view sample);
  // The operator resumes: what rules have set, and counted for these, is forgotten, too. Returns whose were suspended.
  std::vector<std::string> Lift(Scopes scopes, base::Instant now);
  Suspension suspension(Scopes scopes) const;         // What holds the mail of these.
  base::Instant SuspendedUntil(Scopes scopes) const;  // When that ends; the past: nothing does.

  // ---- automation rules ----
  // A reply fitted the rule: as RuleCounts::OnFit.
  bool CountFit(const config::AutomationRule& rule, std::string_view scope, base::Instant now);
  // What they have set holds for all who send here: where it changes, every site is called. False: it is set already,
  // and lasts longer now, which nobody is called for: who finds it over looks again.
  bool RememberSetting(RuleSetting setting, base::Instant now);
  void ForgetSetting(std::string_view rule, std::string_view key);
  RuleSettings settings(base::Instant now) const;
  // A domain has got limits of its own there: every site is called, and asks for those that came after `seen`, which is
  // the last one's number then; zero at first.
  void AddOwnDomain(const std::string& domain);
  std::vector<std::string> OwnDomainsAfter(std::uint64_t& seen) const;

  // ---- after a suspension ----
  // How many messages may be begun: one at a time while it is in doubt whether the receiver takes them. Zero: one is
  // under way, and its end calls everybody.
  std::uint64_t RoomToTry(Scopes scopes);
  using TryNumber = Suspensions::TryNumber;
  // nullopt: as zero above. Suspensions::kNoTry: nothing is in doubt. Else the caller owns the try, and ends it with…
  [[nodiscard]] std::optional<TryNumber> Try(Scopes scopes);
  void EndTry(Scopes scopes, TryNumber number);
  // A message that was begun at `began` was answered, and nothing was suspended for it: the doubt is over, and it goes
  // on with one session.
  void OnAnswered(Scopes scopes, base::Instant began, base::Instant now);

  // `unsaved`: until it is asked again, what may pass counts as passed.
  Kept Keep(base::Instant now, base::Duration unsaved) const;
  void Restore(const Kept& kept, base::Instant now);
  // Of each, what is stricter: this or what it has itself.
  void Tighten(const Kept& kept, base::Instant now);
  bool IsUnused(base::Instant now) const;  // Nobody is in it, and it is as new.

 private:
  // With the lock held.
  void Learn(const Kept& kept, base::Instant now);
  void Trouble(base::Instant began, base::Instant now);
  void PassOn(base::Instant now);
  void PassWindowOn();
  void Shrink(base::Instant now);
  void NoteSuspensions() { is_quiet_ = suspensions_.IsEmpty(); }
  void Combine(base::Instant now);

  LimitGroup group_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Options> options_;  // By campaign. Never empty: the last one's stay until another comes.
  std::optional<std::uint32_t> gone_;         // The campaign of the last ones, where it has gone.
  bool adaptive_;
  Window window_;
  AdaptiveRate rate_;
  Suspensions suspensions_;
  std::atomic<bool> is_quiet_ = true;  // Of suspensions_: there are none, as mostly. Who asks needs no lock then.
  RuleCounts rule_counts_;
  RuleSettings settings_;
  std::map<std::uint64_t, std::string> own_domains_;  // By their numbers; each is there once.
  std::map<std::string, std::uint64_t> own_domain_numbers_;
  base::Instant last_trouble_;
  base::Duration fastest_;  // Of the final replies; zero: none yet.
  base::Instant throttled_at_;
  int slow_ = 0;  // Final replies in a row that took much longer.
};

}  // namespace delivery
