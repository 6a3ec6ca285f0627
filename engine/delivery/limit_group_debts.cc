// The parts of a group that need no look at who is in it: which of several options are the strictest, and what
// outlives the program, the debts of its rates.

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "engine/delivery/limit_group.h"

namespace delivery {
namespace {

double NsForOne(const std::optional<RateGate>& gate) {
  if (!gate.has_value() || gate->options().count == 0) return 0;
  return static_cast<double>(gate->options().period.nanoseconds()) / static_cast<double>(gate->options().count);
}

// The rate may be another one now: as RateGate::SetOptions, the same time, or as many at the new rate, where that is
// less.
void RestoreDebt(base::Duration debt, double ns_for_one, base::Instant now, std::optional<RateGate>& gate) {
  if (!gate.has_value()) return;
  const double faster = ns_for_one > 0 ? NsForOne(gate) / ns_for_one : 1;
  if (faster < 1)
    debt = base::Duration::Nanoseconds(static_cast<std::int64_t>(static_cast<double>(debt.nanoseconds()) * faster));
  gate->SetRestedAt(now + debt);
}

// The slower rate, with the smaller of both bursts: else it would let more pass at one moment than the other one does.
std::optional<base::Rate> Slower(const std::optional<base::Rate>& a, const std::optional<base::Rate>& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  const auto& [slower, other] = base::IsSlower(*b, *a) ? std::tie(*b, *a) : std::tie(*a, *b);
  const std::uint64_t burst = GateOptions(slower).burst_max, other_burst = GateOptions(other).burst_max;
  const bool is_exact = other.burst_max.has_value() && other_burst == burst;  // What is stated holds exactly.
  base::Rate strictest = slower;
  if (other_burst < burst || is_exact) strictest.burst_max = other_burst;
  return strictest;
}

}  // namespace

LimitOptions Strictest(const LimitOptions& a, const LimitOptions& b) {
  return {std::min(a.connections, b.connections), Slower(a.connection_rate, b.connection_rate),
          Slower(a.message_rate, b.message_rate)};
}

// What may pass once it is durable counts.
base::Duration LimitGroup::DebtOf(const std::optional<RateGate>& gate, const std::optional<base::Rate>& rate,
                                  base::Instant now, base::Duration unsaved) const {
  if (!gate.has_value()) return {};
  RateGate whole = *gate;
  whole.SetBurst(GateOptions(*rate).burst_max);
  const base::Instant rested = whole.RestedAfter(now, unsaved);
  return rested.IsNever() || rested <= now ? base::Duration() : rested - now;
}

std::uint32_t LimitGroup::open() const {
  const std::lock_guard lock(mutex_);
  return connections_ - closing_;
}

LimitGroup::Debts LimitGroup::debts(base::Instant now, base::Duration unsaved) const {
  const std::lock_guard lock(mutex_);
  return {DebtOf(messages_, options_.message_rate, now, unsaved),
          DebtOf(connection_rate_, options_.connection_rate, now, unsaved), NsForOne(messages_),
          NsForOne(connection_rate_)};
}

// Whether there is one of more than a message.
bool LimitGroup::SetBursts() {
  const auto set = [this](std::optional<RateGate>& gate, const std::optional<base::Rate>& rate) {
    if (!gate.has_value()) return false;
    const std::uint64_t burst = GateOptions(*rate).burst_max;
    gate->SetBurst(is_saved_ ? burst : 1);
    return burst > 1;
  };
  const bool of_messages = set(messages_, options_.message_rate);
  return set(connection_rate_, options_.connection_rate) || of_messages;
}

void LimitGroup::WriteDown(std::atomic<bool>* wants_save) {
  const std::lock_guard lock(mutex_);
  wants_save_ = wants_save;
  is_saved_ = false;
  SetBursts();
}

void LimitGroup::StartSave() {
  const std::lock_guard lock(mutex_);
  is_being_saved_ = true;
}

void LimitGroup::OnSaved() {
  const std::lock_guard lock(mutex_);
  if (is_saved_ || !is_being_saved_) return;
  is_saved_ = true;
  if (SetBursts()) CallEveryone();
}

void LimitGroup::Restore(const Debts& debts, base::Instant now) {
  const std::lock_guard lock(mutex_);
  RestoreDebt(debts.messages, debts.ns_per_message, now, messages_);
  RestoreDebt(debts.connections, debts.ns_per_connection, now, connection_rate_);
}

void LimitGroup::Tighten(const Debts& debts, base::Instant now) {
  const std::lock_guard lock(mutex_);
  const auto tighten = [now](base::Duration debt, double ns_for_one, std::optional<RateGate>& gate) {
    const std::optional<RateGate> own = gate;
    RestoreDebt(debt, ns_for_one, now, gate);
    if (own.has_value() && own->RestedAfter(now, {}) > gate->RestedAfter(now, {})) gate = own;
  };
  tighten(debts.messages, debts.ns_per_message, messages_);
  tighten(debts.connections, debts.ns_per_connection, connection_rate_);
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
  if (!has_rate_) return "";
  const std::lock_guard lock(mutex_);
  if (!HasRate() || Tokens(now, {}) > unwritten_) return "";
  const bool is_learned = learned_.has_value() && learned_->Available(now) <= unwritten_;
  return is_learned ? "adaptive_rate" : keys_.messages;
}

}  // namespace delivery
