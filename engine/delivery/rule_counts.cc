#include "engine/delivery/rule_counts.h"

#include <algorithm>

namespace delivery {
namespace {

bool Suspends(const config::AutomationRule& rule, std::string_view scope) {
  using Kind = config::AutomationAction::Kind;
  return scope != kEverybody ||
         std::any_of(rule.actions.begin(), rule.actions.end(),
                     [](const config::AutomationAction& action) { return action.kind == Kind::kSuspend; });
}

}  // namespace

bool RuleCounts::IsReached(const config::AutomationRule& rule, Count& count, base::Instant now) {
  if (!rule.threshold.has_value()) return true;
  count.seen.push_back(now);
  while (count.seen.size() > rule.threshold->count || count.seen.front() + rule.threshold->period <= now)
    count.seen.pop_front();
  count.matters_until = std::max(count.matters_until, now + rule.threshold->period);
  return count.seen.size() >= rule.threshold->count;
}

bool RuleCounts::OnFit(const config::AutomationRule& rule, std::string_view scope, base::Instant now) {
  const bool suspends = Suspends(rule, scope);
  if (!rule.threshold.has_value() && !suspends) return true;  // There is nothing to remember.
  auto found = counts_.find({rule.Identity(), std::string(scope)});
  if (found == counts_.end()) {  // The others that are over make room.
    std::erase_if(counts_, [now](const auto& entry) { return entry.second.matters_until <= now; });
    found = counts_.try_emplace({rule.Identity(), std::string(scope)}).first;
  }
  Count& count = found->second;
  if (now < count.quiet_until || !IsReached(rule, count, now)) return false;
  if (!suspends) return true;
  count.quiet_until = now + rule.duration;
  count.matters_until = std::max(count.matters_until, count.quiet_until);
  return true;
}

void RuleCounts::Forget(Suspensions::Scopes scopes) {
  std::erase_if(counts_, [scopes](const auto& entry) {
    return std::find(scopes.begin(), scopes.end(), entry.first.second) != scopes.end();
  });
}

bool RuleCounts::IsUnused(base::Instant now) const {
  return std::all_of(counts_.begin(), counts_.end(),
                     [now](const auto& entry) { return entry.second.matters_until <= now; });
}

}  // namespace delivery
