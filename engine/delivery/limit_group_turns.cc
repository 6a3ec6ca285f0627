// The part of a group that says whose turn it is to begin a message, before there is a session for it.

#include <algorithm>
#include <cstdint>

#include "engine/delivery/limit_group.h"

namespace delivery {
namespace {

constexpr base::Duration kTurnLife = base::Duration::Minutes(5);  // A session is open by then, or will not be.
constexpr std::uint32_t kReturnedMost = 64;  // So many sessions may be opened at once for what others could not use.

}  // namespace

// What is written when, messages_ says: a turn that is used late does not come above the rate.
std::uint64_t LimitGroup::Turns(const GroupMember& member, base::Instant now) const {
  if (!turns_.has_value()) return UINT64_MAX;
  return turns_->Available(now) + returned_turns_ + (member.turn_until_ > now ? 1 : 0);
}

void LimitGroup::KeepTurn(GroupMember& member, base::Instant now) {
  if (!keys_.has_turns) return;
  const std::lock_guard lock(mutex_);
  if (turns_.has_value() && member.turn_until_ <= now && TakeTurn(now)) member.turn_until_ = now + kTurnLife;
}

bool LimitGroup::TakeTurn(base::Instant now) {
  if (returned_turns_ == 0) return turns_->TryPass(now);
  --returned_turns_;
  return true;
}

void LimitGroup::ReturnTurn(GroupMember& member) {
  if (!keys_.has_turns || member.turn_until_ == base::Instant()) return;
  const std::lock_guard lock(mutex_);
  member.turn_until_ = {};
  AddTurn();
  CallFirstForMessages();
}

void LimitGroup::AddTurn() {
  if (turns_.has_value()) returned_turns_ = std::min(returned_turns_ + 1, kReturnedMost);
}

void LimitGroup::UseTurn(GroupMember& member, base::Instant now) {
  if (!keys_.has_turns) return;
  const std::lock_guard lock(mutex_);
  // Another shard may have been faster since it looked.
  if (turns_.has_value() && member.turn_until_ <= now) (void)TakeTurn(now);
  member.turn_until_ = {};
}

}  // namespace delivery
