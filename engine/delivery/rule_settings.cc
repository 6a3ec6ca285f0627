#include "engine/delivery/rule_settings.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace delivery {

void Remember(RuleSettings& settings, RuleSetting setting) {
  Forget(settings, setting.rule, setting.key);
  if (setting.of_domain)  // Whichever rule it was: as Automation::Add.
    std::erase_if(settings, [&](const RuleSetting& one) { return one.of_domain && one.key == setting.key; });
  settings.push_back(std::move(setting));
}

void Forget(RuleSettings& settings, std::string_view rule, std::string_view key) {
  std::erase_if(settings, [&](const RuleSetting& one) { return one.rule == rule && one.key == key; });
}

RuleSettings ActiveAt(const RuleSettings& settings, base::Instant now) {
  RuleSettings active;
  std::copy_if(settings.begin(), settings.end(), std::back_inserter(active),
               [now](const RuleSetting& one) { return now < one.until; });
  return active;
}

}  // namespace delivery
