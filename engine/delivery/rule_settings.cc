#include "engine/delivery/rule_settings.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace delivery {

bool Remember(RuleSettings& settings, RuleSetting setting) {
  const auto winner = std::find_if(settings.rbegin(), settings.rend(),
                                   [&setting](const RuleSetting& one) { return one.key == setting.key; });
  const bool won_before =
      winner != settings.rend() && winner->rule == setting.rule && winner->of_domain == setting.of_domain;
  Forget(settings, setting.rule, setting.key);
  if (setting.of_domain)  // Whichever rule it was.
    std::erase_if(settings, [&](const RuleSetting& one) { return one.of_domain && one.key == setting.key; });
  const auto later = std::upper_bound(settings.begin(), settings.end(), setting.until,
                                      [](base::Instant until, const RuleSetting& one) { return until < one.until; });
  const bool wins = std::none_of(later, settings.end(), [&](const RuleSetting& one) { return one.key == setting.key; });
  settings.insert(later, std::move(setting));
  return wins && !won_before;
}

std::size_t Forget(RuleSettings& settings, std::string_view rule, std::string_view key) {
  return std::erase_if(settings, [&](const RuleSetting& one) { return one.rule == rule && one.key == key; });
}

RuleSettings ActiveAt(const RuleSettings& settings, base::Instant now) {
  RuleSettings active;
  std::copy_if(settings.begin(), settings.end(), std::back_inserter(active),
               [now](const RuleSetting& one) { return now < one.until; });
  return active;
}

}  // namespace delivery
