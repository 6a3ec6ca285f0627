// What automation rules have set at one (source, site) and still holds: the part of it that outlives the site, the
// campaign and the program. What a value does is not kept: the rule says it, where the files still have it. Pure.
#pragma once

#include <cstddef>
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

// The rule's earlier one of the same key is over: the same again lasts longer. Who ends last stands last, and wins.
// False: that one won before, too.
bool Remember(RuleSettings& settings, RuleSetting setting);
std::size_t Forget(RuleSettings& settings, std::string_view rule, std::string_view key);  // How many there were.
RuleSettings ActiveAt(const RuleSettings& settings, base::Instant now);

}  // namespace delivery
