// What automation rules have set at one (source, site) and still holds: the part of it that outlives the site, the
// campaign and the program. What a value does is not kept: the rule says it, where the files still have it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace delivery {

struct RuleSetting {
  std::string rule;        // config::AutomationRule::Identity
  std::string key;         // Of shaping files.
  bool of_domain = false;  // SetDomainConfig: the site is the domain's own for so long.
  base::Instant until;
  std::string sample;  // The reply that fired the rule.
};
using RuleSettings = std::vector<RuleSetting>;

// The rule's earlier one of the same key is over.
void Remember(RuleSettings& settings, RuleSetting setting);
void Forget(RuleSettings& settings, std::string_view rule, std::string_view key);
RuleSettings ActiveAt(const RuleSettings& settings, base::Instant now);

}  // namespace delivery
