// The part of a group that says whose turn it is to begin a message, before there is a session for it.

#include <cstdint>

#include "engine/delivery/limit_group.h"

namespace delivery {
namespace {

constexpr base::Duration kTurnLife = base::Duration::Minutes(5);  // A session is open by then, or will not be.

}  // namespace

// What is written when, messages_ says: a turn that is used late does not come above the rate.
std::uint64_t LimitGroup::Turns(const GroupMember& member, base::Instant now) const {
  if (!turns_.has_value()) return UINT64_MAX;
  return turns_->Available(now) + (member.turn_until_ > now ? 1 : 0);
}

void LimitGroup::KeepTurn(GroupMember& member, base::Instant now) {
  if (!keys_.has_turns) return;
  const std::lock_guard lock(mutex_);
  if (turns_.has_value() && member.turn_until_ <= now && turns_->TryPass(now)) member.turn_until_ = now + kTurnLife;
}

void LimitGroup::UseTurn(GroupMember& member, base::Instant now) {
  if (!keys_.has_turns) return;
  const std::lock_guard lock(mutex_);
  // Another shard may have been faster since it looked.
  if (turns_.has_value() && member.turn_until_ <= now) (void)turns_->TryPass(now);
  member.turn_until_ = {};
}

}  // namespace delivery
