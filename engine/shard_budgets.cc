#include "engine/shard_budgets.h"

#include <utility>

namespace engine {
namespace {

constexpr base::Duration kTellEvery = base::Duration::Seconds(1);

std::string_view NameOf(std::string_view provider) { return provider.empty() ? delivery::kOtherProvider : provider; }

}  // namespace

ShardBudgets::ShardBudgets(std::uint32_t shard, delivery::ShardLinks& links, const io::Clock& clock,
                           io::TimerWheel& timers, absl::AnyInvocable<void()> look)
    : shard_(shard),
      links_(links),
      clock_(clock),
      timers_(timers),
      look_(std::move(look)),
      tell_timer_([this] { TellAttempts(); }),
      blocked_timer_([this] { CheckBlocked(); }) {}

void ShardBudgets::CountAttempt(std::string_view provider) {
  const std::string_view name = NameOf(provider);
  auto known = untold_.find(name);
  if (known == untold_.end()) known = untold_.emplace(std::string(name), 0).first;
  ++known->second;
  if (!tell_timer_.IsSet()) timers_.Set(tell_timer_, clock_.Now() + kTellEvery);
}

void ShardBudgets::Tell(delivery::BudgetEvent event, std::string_view provider, std::string_view source,
                        std::string_view sample) {
  const std::string_view name = NameOf(provider);
  const auto untold = untold_.find(name);
  links_.Post(0, delivery::BudgetFact{.event = event,
                                      .provider = std::string(name),
                                      .source = std::string(source),
                                      .sample = std::string(sample),
                                      .attempted = untold == untold_.end() ? 0 : std::exchange(untold->second, 0)});
}

void ShardBudgets::TellAttempts() {
  for (auto& [provider, attempted] : untold_) {
    if (attempted == 0) continue;
    delivery::BudgetFact fact;
    fact.provider = provider;
    fact.attempted = std::exchange(attempted, 0);
    links_.Post(0, std::move(fact));
  }
}

void ShardBudgets::Hold(const delivery::PauseReason& pause) {
  holds_.push_back(pause);
  timers_.Set(blocked_timer_, clock_.Now() + kTellEvery);
}

void ShardBudgets::ReleaseAll() {
  holds_.clear();
  timers_.Cancel(blocked_timer_);
  if (std::exchange(blocked_, false)) links_.Post(0, delivery::ShardBlockedFact{shard_, false});
}

const delivery::PauseReason* ShardBudgets::HoldOf(std::string_view provider, std::string_view source) const {
  for (const delivery::PauseReason& hold : holds_) {
    if (hold.scope.Holds(NameOf(provider), source)) return &hold;
  }
  return nullptr;
}

void ShardBudgets::CheckBlocked() {
  timers_.Set(blocked_timer_, clock_.Now() + kTellEvery);
  look_();
}

void ShardBudgets::TellBlocked(bool blocked) {
  if (holds_.empty()) return;  // It has been said.
  if (std::exchange(blocked_, blocked) != blocked) links_.Post(0, delivery::ShardBlockedFact{shard_, blocked});
}

}  // namespace engine
