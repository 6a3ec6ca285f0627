// The limits of the whole program: what each (source, site) and each group of them keeps, whichever shard or campaign
// asks. What is as new and unused is forgotten. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/delivery/broken_tls.h"
#include "engine/delivery/limit_group.h"
#include "engine/delivery/site_standing.h"
#include "engine/delivery/warmup.h"

namespace delivery {

class HostLimits {
 public:
  enum class Kind : std::uint8_t { kProvider, kProviderTotal, kSiteTotal, kCampaign, kSite, kSource };
  struct GroupName {
    Kind kind = Kind::kProvider;
    std::string source;  // Empty: all.
    std::string name;    // Of the provider, site or campaign; of kSource: kAllSites.
    friend auto operator<=>(const GroupName&, const GroupName&) = default;
  };

  static constexpr char kAllSites[] = "all";

  // `outlives`: what it has is saved all the time, and loaded by the next program.
  explicit HostLimits(bool outlives = false) : outlives_(outlives) {}

  // `options` are what this campaign allows from now on.
  std::shared_ptr<SiteStanding> Site(const std::string& source, const std::string& site, std::uint32_t campaign,
                                     const SiteStanding::Options& options, base::Instant now);
  // `options`: of a group that is new. What holds then, its sites say (LimitGroup::SetOptionsOf).
  std::shared_ptr<LimitGroup> Group(const GroupName& name, const LimitGroup::Options& options, base::Instant now);

  // Of a source at a provider, or at a site (kSite) of none. `numbers` hold until its sites say what does
  // (Warmup::SetNumbersOf).
  std::shared_ptr<Warmup> WarmupOf(const GroupName& name, const std::vector<std::uint32_t>& numbers);

  // Save and OnSaved look at a few sites at a time, so that nobody waits for them for long.
  //
  // What outlives the program of one source, or of what holds over all of them (""), as text: one line for each that is
  // not as new. What may pass in the next `unsaved` counts as passed. Zero: nothing passes any more.
  std::string Save(const std::string& source, base::Instant now, base::WallTime wall, base::Duration unsaved) const;
  void OnSaved(const std::string& source) const;  // What Save said last of the source is durable.
  // Takes up what Save wrote, beside what is there; what was of one source is of `source` now. Returns how many lines
  // are of kinds that only a later program knows: they are left out. Errors: kDataLoss, and nothing is taken up.
  absl::StatusOr<std::uint64_t> Load(std::string_view text, const std::string& source, base::Instant now,
                                     base::WallTime wall);

  // Somebody goes from `from` to `to`, which has some of its hosts: what is known of `from` holds there. Where
  // something is known of `to`, the stricter of both, if it has `all_hosts` of `from`: else whoever names another's
  // hosts beside his own could bring his trouble there; of what is learned only for the first who goes that way: from
  // then on `to` learns itself. A warm-up goes on unless `to` has one.
  void Inherit(const std::string& source, const std::string& from, const std::string& to, bool all_hosts,
               base::Instant now);
  // Of some of the sites that nobody uses now, about `left`, which are counted off; what rules have set there ends,
  // too. `from`: the first of them; the next one then, and none after the last. Returns how many of both there were.
  std::size_t LiftSuspensions(const std::string& source, Suspensions::Scopes scopes, base::Instant now,
                              std::optional<std::string>& from, int& left);

  // The operator has lifted what suspends it, and what rules have set there, also where nobody has asked for it yet.
  // What an earlier run of some campaign has written down of suspensions counts no more.
  void Lift(const std::string& source, const std::string& site, Suspensions::Scopes scopes, base::Instant now);
  bool WasLifted(const std::string& source, const std::string& site) const;

  // What automation rules have set at a site that nobody may have asked for yet; and all that holds at one.
  void RememberSetting(const std::string& source, const std::string& site, RuleSetting setting, base::Instant now);
  RuleSettings SettingsOf(const std::string& source, const std::string& site, base::Instant now) const;
  bool HasDomainSettings() const { return has_domain_settings_; }  // Else there is no need to ask for any of a domain.

  // What is known of a site, and what a group owes, also where nobody has asked for it yet; as new: nothing.
  SiteStanding::Kept KeptOf(const std::string& source, const std::string& site, base::Instant now) const;
  LimitGroup::Debts DebtsOf(const GroupName& name, base::Instant now) const;

  bool TakeNews() { return has_news_.exchange(false); }  // Something has come since the last time.
  BrokenTls& broken_tls() { return broken_tls_; }

  std::size_t size() const;  // Sites and groups that are remembered.

 private:
  struct Old {  // From an earlier program; nobody has asked for it yet.
    SiteStanding::Kept kept;
    base::Instant at;
  };
  using SiteName = std::pair<std::string, std::string>;  // Source, site.

  template <typename Name, typename Value, typename Visit>
  void ForEach(const std::map<Name, Value>& all, const Visit& visit) const;
  template <typename Name, typename Value>
  static void Forget(std::map<Name, std::shared_ptr<Value>>& known, Name& cursor, base::Instant now);
  void ForgetOldSites(base::Instant now);
  bool IsFirstOf(const std::string& source, const std::string& from, const std::string& to);
  static bool IsIn(const std::string& source, const GroupName& name);
  void ForgetWarmups();
  void TakeOld(const GroupName& name, Old old, base::Instant now);
  void InheritWarmup(const GroupName& from, const GroupName& to);
  void InheritTotal(const std::string& from, const std::string& to, bool all_hosts, base::Instant now);
  static SiteStanding::Kept Now(const Old& old, base::Instant now);
  SiteStanding::Kept DoKeptOf(const SiteName& name, base::Instant now) const;
  static std::size_t EndOf(Suspensions::Scopes scopes, base::Instant now, Old& old);

  const bool outlives_;
  BrokenTls broken_tls_;
  std::atomic<bool> has_news_ = false, has_domain_settings_ = false;
  mutable std::mutex mutex_;
  std::map<SiteName, std::shared_ptr<SiteStanding>> sites_;
  std::map<GroupName, std::shared_ptr<LimitGroup>> groups_;
  std::map<SiteName, Old> old_sites_;
  std::map<GroupName, Old> old_groups_;
  std::map<GroupName, std::shared_ptr<Warmup>> warmups_;
  std::map<GroupName, Warmup::Kept> old_warmups_;
  std::set<SiteName> lifted_;
  std::set<std::tuple<std::string, std::string, std::string>> inherited_;  // Source, from, to.
  SiteName site_cursor_, old_site_cursor_;
  GroupName group_cursor_, warmup_cursor_;
};

}  // namespace delivery
