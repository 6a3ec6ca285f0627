// The automation rules of one site of a campaign: which of them a reply fits, and the settings that they override for a
// while. How often they have fitted, and what they have set, is the program's (site_standing.h). Pure.
#pragma once

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
    bool of_domain = false;  // It goes with the domain.
  };

  // What the files say now. What a rule that was there before has done stays; what the others have done ends, and is
  // returned.
  std::vector<Override> SetRules(config::AutomationRules rules);
  // The rules that fit a negative reply, as one line.
  config::AutomationRules Fitting(std::string_view line) const;
  // What has been set at the receiver now, by any campaign. What neither these rules nor `fired` say is not for this
  // one.
  struct News {
    bool is_other = false;  // Than before: the limits are to be set.
    std::vector<Override> ended;
  };
  News TakeUp(const RuleSettings& settings, const Override* fired = nullptr);
  // What is overridden now; who ends last wins.
  std::vector<config::Shaping::Change> Overrides() const;
  const std::vector<Override>& active() const { return overrides_; }
  base::Instant NextEnd() const;   // Never(): nothing is overridden…
  base::Instant RestedAt() const;  // …and from when on; the past: now.

 private:
  config::AutomationRules rules_;
  std::vector<Override> overrides_;  // By their ends.
};

// An override as it is kept beyond the program; and one that was kept, as `rules` have it. Nullopt: they have it no
// more.
RuleSetting SettingOf(const Automation::Override& override);
std::optional<Automation::Override> OverrideOf(const config::AutomationRules& rules, const RuleSetting& setting);

}  // namespace delivery
