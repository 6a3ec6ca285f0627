#include "engine/delivery/automation.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace delivery {
namespace {

bool IsOf(const Automation::Override& override, const RuleSetting& setting) {
  return override.rule == setting.rule && override.change.setting.key == setting.key &&
         override.of_domain == setting.of_domain;
}

}  // namespace

std::vector<Automation::Override> Automation::SetRules(config::AutomationRules rules) {
  rules_ = std::move(rules);
  const auto stays = [this](const Override& override) {
    return std::any_of(rules_.begin(), rules_.end(),
                       [&override](const auto& rule) { return rule->Identity() == override.rule; });
  };
  const auto gone = std::stable_partition(overrides_.begin(), overrides_.end(), stays);
  std::vector<Override> ended(std::make_move_iterator(gone), std::make_move_iterator(overrides_.end()));
  overrides_.erase(gone, overrides_.end());
  return ended;
}

config::AutomationRules Automation::Fitting(std::string_view line) const {
  config::AutomationRules fitting;
  std::copy_if(rules_.begin(), rules_.end(), std::back_inserter(fitting),
               [line](const auto& rule) { return rule->Fits(line); });
  return fitting;
}

Automation::News Automation::TakeUp(const RuleSettings& settings, const Override* fired) {
  const std::vector<Override> before = std::exchange(overrides_, {});
  for (const RuleSetting& setting : settings) {
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&setting](const Override& override) { return IsOf(override, setting); });
    std::optional<Override> override;
    if (fired != nullptr && IsOf(*fired, setting)) {
      override = *fired;
    } else {
      override = known == before.end() ? OverrideOf(rules_, setting) : *known;
    }
    if (!override.has_value()) continue;
    override->until = setting.until;
    override->sample = setting.sample;
    overrides_.push_back(*std::move(override));
  }
  News news;
  news.is_other = !std::equal(before.begin(), before.end(), overrides_.begin(), overrides_.end(),
                              [](const Override& a, const Override& b) { return IsOf(a, SettingOf(b)); });
  std::copy_if(before.begin(), before.end(), std::back_inserter(news.ended), [this](const Override& old) {
    return std::none_of(overrides_.begin(), overrides_.end(),
                        [&old](const Override& one) { return IsOf(one, SettingOf(old)); });
  });
  return news;
}

std::vector<config::Shaping::Change> Automation::Overrides() const {
  std::vector<config::Shaping::Change> changes;
  for (const Override& override : overrides_) changes.push_back(override.change);
  return changes;
}

base::Instant Automation::NextEnd() const {
  return overrides_.empty() ? base::Instant::Never() : overrides_.front().until;
}

base::Instant Automation::RestedAt() const {
  return overrides_.empty() ? base::Instant::FromNanoseconds(INT64_MIN) : overrides_.back().until;
}

RuleSetting SettingOf(const Automation::Override& override) {
  return {override.rule, override.change.setting.key, override.of_domain, override.until, override.sample};
}

std::optional<Automation::Override> OverrideOf(const config::AutomationRules& rules, const RuleSetting& setting) {
  using Kind = config::AutomationAction::Kind;
  for (const auto& rule : rules) {
    if (rule->Identity() != setting.rule) continue;
    for (const config::AutomationAction& action : rule->actions) {
      // Where the connection was refused, there was no domain to set it for.
      const bool sets =
          action.kind == Kind::kSetDomainConfig || (action.kind == Kind::kSetConfig && !setting.of_domain);
      if (sets && action.change.setting.key == setting.key)
        return Automation::Override{action.change, setting.until, setting.rule, setting.sample, setting.of_domain};
    }
  }
  return std::nullopt;
}

}  // namespace delivery
