// The automation rules of one (source, site): which of them a reply fires, and the settings that they override for a
// while. Pure.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/config/automation.h"
#include "engine/delivery/rule_settings.h"

namespace delivery {

class Automation {
 public:
  struct Override {
    config::Shaping::Change change;
    base::Instant until;
    std::string rule;        // Identity of the rule.
    std::string sample;      // The reply that fired it.
    bool of_domain = false;  // It goes with the domain, whatever rules there are.
  };

  // What the files say now. A rule that was there before keeps its count and what it has done; what the others have
  // done ends, and is returned.
  std::vector<Override> SetRules(config::AutomationRules rules);
  // The rules that fire on a negative reply, as one line. One that suspends and whose time is not over is quiet:
  // replies that were under way when it was decided say nothing new.
  std::vector<std::shared_ptr<const config::AutomationRule>> OnReply(std::string_view line, base::Instant now);
  // One rule has one override of a key: the same again lasts longer. False: it is the same value as before, and that
  // holds as it did.
  bool Add(Override override);
  // What is overridden now; who ends last wins.
  std::vector<config::Shaping::Change> Overrides() const;
  const std::vector<Override>& active() const { return overrides_; }
  // Ends those whose time is over, and returns them.
  std::vector<Override> TakeEnded(base::Instant now);
  base::Instant NextEnd() const;  // Never(): nothing is overridden.
  // Forgets all counts and overrides.
  void Reset();
  // From when on nothing of the past matters any more; the past: it does not.
  base::Instant RestedAt() const;

 private:
  struct Watched {
    std::shared_ptr<const config::AutomationRule> rule;
    std::deque<base::Instant> seen;  // Replies that fitted, in the rule's period; at most its count.
    base::Instant suspends_until;    // It has fired, and suspends.
  };
  static bool IsReached(Watched& watched, base::Instant now);

  std::vector<Watched> rules_;
  std::vector<Override> overrides_;  // By their ends.
};

// An override as it is kept beyond the program; and one that was kept, as `rules` have it. Nullopt: they have it no
// more.
RuleSetting SettingOf(const Automation::Override& override);
std::optional<Automation::Override> OverrideOf(const config::AutomationRules& rules, const RuleSetting& setting);

}  // namespace delivery
