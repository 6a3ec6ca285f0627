#include "engine/delivery/automation.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace delivery {
namespace {

constexpr base::Instant kLongAgo = base::Instant::FromNanoseconds(INT64_MIN);

bool Suspends(const config::AutomationRule& rule) {
  using Kind = config::AutomationAction::Kind;
  return std::any_of(rule.actions.begin(), rule.actions.end(), [](const config::AutomationAction& action) {
    return action.kind != Kind::kSetConfig && action.kind != Kind::kSetDomainConfig;
  });
}

}  // namespace

std::vector<Automation::Override> Automation::SetRules(config::AutomationRules rules) {
  std::vector<Watched> watched;
  for (auto& rule : rules) {
    Watched next{.rule = std::move(rule), .seen = {}, .suspends_until = kLongAgo};
    for (Watched& before : rules_) {
      if (before.rule == nullptr || before.rule->Identity() != next.rule->Identity()) continue;
      next.seen = std::move(before.seen);
      next.suspends_until = before.suspends_until;
      before.rule = nullptr;
      break;
    }
    watched.push_back(std::move(next));
  }
  rules_ = std::move(watched);
  const auto stays = [this](const Override& override) {
    return override.of_domain || std::any_of(rules_.begin(), rules_.end(), [&override](const Watched& one) {
             return one.rule->Identity() == override.rule;
           });
  };
  const auto gone = std::stable_partition(overrides_.begin(), overrides_.end(), stays);
  std::vector<Override> ended(std::make_move_iterator(gone), std::make_move_iterator(overrides_.end()));
  overrides_.erase(gone, overrides_.end());
  return ended;
}

bool Automation::IsReached(Watched& watched, base::Instant now) {
  if (!watched.rule->threshold.has_value()) return true;
  const config::AutomationRule::Threshold& threshold = *watched.rule->threshold;
  watched.seen.push_back(now);
  while (watched.seen.size() > threshold.count || watched.seen.front() + threshold.period <= now)
    watched.seen.pop_front();
  return watched.seen.size() >= threshold.count;
}

std::vector<std::shared_ptr<const config::AutomationRule>> Automation::OnReply(std::string_view line,
                                                                               base::Instant now) {
  std::vector<std::shared_ptr<const config::AutomationRule>> fired;
  for (Watched& watched : rules_) {
    if (now < watched.suspends_until || !watched.rule->Fits(line) || !IsReached(watched, now)) continue;
    if (Suspends(*watched.rule)) watched.suspends_until = now + watched.rule->duration;
    fired.push_back(watched.rule);
  }
  return fired;
}

bool Automation::Add(Override override) {
  const auto is_of_key = [&override](const Override& other) {
    return other.change.setting.key == override.change.setting.key;
  };
  const auto is_same = [&](const Override& other) {
    return is_of_key(other) && other.of_domain == override.of_domain &&
           (override.of_domain || other.rule == override.rule);
  };
  const auto last = std::find_if(overrides_.rbegin(), overrides_.rend(), is_of_key);  // It is what holds.
  const bool held_already =
      last != overrides_.rend() && is_same(*last) && last->change.setting.value == override.change.setting.value;
  std::erase_if(overrides_, is_same);
  const auto later = std::upper_bound(overrides_.begin(), overrides_.end(), override.until,
                                      [](base::Instant until, const Override& other) { return until < other.until; });
  overrides_.insert(later, std::move(override));
  return !held_already;
}

std::vector<config::Shaping::Change> Automation::Overrides() const {
  std::vector<config::Shaping::Change> changes;
  for (const Override& override : overrides_) changes.push_back(override.change);
  return changes;
}

std::vector<Automation::Override> Automation::TakeEnded(base::Instant now) {
  std::vector<Override> ended;
  while (!overrides_.empty() && overrides_.front().until <= now) {
    ended.push_back(std::move(overrides_.front()));
    overrides_.erase(overrides_.begin());
  }
  return ended;
}

base::Instant Automation::NextEnd() const {
  return overrides_.empty() ? base::Instant::Never() : overrides_.front().until;
}

void Automation::Reset() {
  overrides_.clear();
  for (Watched& watched : rules_) {
    watched.seen.clear();
    watched.suspends_until = kLongAgo;
  }
}

base::Instant Automation::RestedAt() const {
  base::Instant at = overrides_.empty() ? kLongAgo : overrides_.back().until;
  for (const Watched& watched : rules_) {
    if (!watched.seen.empty()) at = std::max(at, watched.seen.back() + watched.rule->threshold->period);
  }
  return at;
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
