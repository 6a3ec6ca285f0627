// The parts of a group that need no look at who is in it: which of several options are the strictest, and what
// outlives the program, the debts of its rates.

#include <algorithm>

#include "engine/delivery/limit_group.h"

namespace delivery {
namespace {

base::Duration DebtOf(const std::optional<RateGate>& gate, base::Instant now, base::Duration unsaved) {
  if (!gate.has_value()) return {};
  const base::Instant rested = gate->RestedAfter(now, unsaved);
  return rested.IsNever() || rested <= now ? base::Duration() : rested - now;
}

std::optional<base::Rate> Slower(const std::optional<base::Rate>& a, const std::optional<base::Rate>& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  return base::IsSlower(*b, *a) ? b : a;
}

}  // namespace

LimitOptions Strictest(const LimitOptions& a, const LimitOptions& b) {
  return {std::min(a.connections, b.connections), Slower(a.connection_rate, b.connection_rate),
          Slower(a.message_rate, b.message_rate)};
}

LimitGroup::Debts LimitGroup::debts(base::Instant now, base::Duration unsaved) const {
  const std::lock_guard lock(mutex_);
  return {DebtOf(messages_, now, unsaved), DebtOf(connection_rate_, now, unsaved)};
}

void LimitGroup::Restore(const Debts& debts, base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (messages_.has_value()) messages_->SetRestedAt(now + debts.messages);
  if (connection_rate_.has_value()) connection_rate_->SetRestedAt(now + debts.connections);
}

bool LimitGroup::IsUnused(base::Instant now) const {
  const std::lock_guard lock(mutex_);
  const auto is_rested = [now](const std::optional<RateGate>& gate) {
    return !gate.has_value() || gate->IsRested(now);
  };
  return members_.empty() && is_rested(messages_) && is_rested(connection_rate_);
}

base::Instant LimitGroup::TokenAt(const GroupMember& member) const {
  {
    const std::lock_guard lock(mutex_);
    if (member.has_token_) return {};
  }
  return TokenAt();
}

base::Instant LimitGroup::TokenAt() const {
  const std::lock_guard lock(mutex_);
  base::Instant at;
  for (const auto* gate : {&messages_, &learned_}) {
    if (gate->has_value()) at = std::max(at, (*gate)->OpensAt());
  }
  return at;
}

std::string_view LimitGroup::ScarceMessages(base::Instant now) const {
  const std::lock_guard lock(mutex_);
  if (!HasRate() || Tokens(now, {}) > unwritten_) return "";
  const bool is_learned = learned_.has_value() && learned_->Available(now) <= unwritten_;
  return is_learned ? "adaptive_rate" : keys_.messages;
}

}  // namespace delivery
