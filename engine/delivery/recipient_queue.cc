#include "engine/delivery/recipient_queue.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace delivery {
namespace {

std::uint64_t SlotOf(ledger::RecipientId id, std::uint64_t weight_total) {
  return base::StableHashCombine(id, 0x50) % weight_total;
}

}  // namespace

std::size_t OwnSource(ledger::RecipientId id, const std::vector<std::uint32_t>& weights) {
  std::uint64_t total = 0;
  for (const std::uint32_t weight : weights) total += weight;
  CHECK(total > 0);
  std::uint64_t slot = SlotOf(id, total);
  std::size_t source = 0;
  for (; slot >= weights[source]; ++source) slot -= weights[source];
  return source;
}

bool RecipientShare::Contains(ledger::RecipientId id) const {
  if (!IsSampled(id, sample_below)) return false;
  if (weight_end - weight_begin == weight_total) return true;
  const std::uint64_t slot = SlotOf(id, weight_total);
  return slot >= weight_begin && slot < weight_end;
}

bool RecipientShare::HasAny() const {
  for (std::uint64_t offset = 0; offset < count; ++offset) {
    if (Contains(first + offset)) return true;
  }
  return false;
}

RecipientQueue::RecipientQueue(ledger::StateTable& table, const RecipientShare& share)
    : table_(table), share_(share), block_due_((share.count + kBlock - 1) / kBlock, kNever) {
  for (std::uint64_t offset = 0; offset < share.count; ++offset) {
    const ledger::RecipientId id = share.first + offset;
    if (!IsOpen(id)) {
      if (!ledger::IsFinal(table_[id].state) && ViaOf(id) != share_.via && share_.Contains(id))
        elsewhere_.insert(ViaOf(id));
      continue;
    }
    ++pending_;
    ++CountOf(id);
    std::uint32_t& due = block_due_[offset / kBlock];
    due = std::min(due, table_[id].due_s);
  }
}

bool RecipientQueue::IsOpen(ledger::RecipientId id) const {
  const ledger::RecipientEntry& entry = table_[id];
  return !ledger::IsFinal(entry.state) && (entry.flags & ledger::kClaimed) == 0 && ViaOf(id) == share_.via &&
         share_.Contains(id);
}

std::uint16_t RecipientQueue::ViaOf(ledger::RecipientId id) const {
  return table_[id].via > share_.sources ? 0 : table_[id].via;
}

std::uint64_t& RecipientQueue::CountOf(ledger::RecipientId id) {
  const ledger::RecipientEntry& entry = table_[id];
  if ((entry.flags & ledger::kHeld) != 0) return open_.held;
  return entry.state == ledger::State::kDeferred ? open_.deferred : open_.unattempted;
}

PendingCounts RecipientQueue::counts() const {
  PendingCounts counts = open_;
  counts.in_flight = claimed_;
  return counts;
}

bool RecipientQueue::AllPendingHave(std::uint8_t flag) const {
  bool any = false;
  for (std::uint64_t offset = 0; offset < share_.count; ++offset) {
    const ledger::RecipientId id = share_.first + offset;
    if (!IsOpen(id)) continue;
    if ((table_[id].flags & flag) == 0) return false;
    any = true;
  }
  return any;
}

void RecipientQueue::ClearFlag(std::uint8_t flag) {
  for (std::uint64_t offset = 0; offset < share_.count; ++offset) {
    const ledger::RecipientId id = share_.first + offset;
    if (IsOpen(id)) table_[id].flags &= static_cast<std::uint8_t>(~flag);
  }
}

void RecipientQueue::MeasureBlock(std::uint64_t block) {
  std::uint32_t due = kNever;
  const std::uint64_t end = std::min(share_.count, (block + 1) * kBlock);
  for (std::uint64_t offset = block * kBlock; offset < end; ++offset) {
    const ledger::RecipientId id = share_.first + offset;
    if (IsOpen(id)) due = std::min(due, table_[id].due_s);
  }
  block_due_[block] = due;
}

std::optional<ledger::RecipientId> RecipientQueue::Claim(std::uint32_t now_s) { return ClaimOf(now_s, false); }

std::optional<ledger::RecipientId> RecipientQueue::ClaimUntried(std::uint32_t now_s) { return ClaimOf(now_s, true); }

std::optional<ledger::RecipientId> RecipientQueue::ClaimOf(std::uint32_t now_s, bool only_untried) {
  if (pending_ == claimed_) return std::nullopt;
  // One block more than there are: the scan may begin in the middle of one, and its front counts too.
  for (std::uint64_t visited = 0; visited <= block_due_.size(); ++visited) {
    const std::uint64_t block = scan_ / kBlock;
    const std::uint64_t end = std::min(share_.count, (block + 1) * kBlock);
    if (block_due_[block] <= now_s) {
      for (std::uint64_t offset = scan_; offset < end; ++offset) {
        const ledger::RecipientId id = share_.first + offset;
        if (!IsOpen(id) || table_[id].due_s > now_s) continue;
        if (only_untried && table_[id].first_attempt_s != 0) continue;
        table_[id].flags |= ledger::kClaimed;
        --CountOf(id);
        ++claimed_;
        scan_ = offset + 1 < share_.count ? offset + 1 : 0;
        if (offset + 1 == end) MeasureBlock(block);
        return id;
      }
      MeasureBlock(block);
    }
    scan_ = end < share_.count ? end : 0;
  }
  return std::nullopt;
}

std::optional<ledger::RecipientId> RecipientQueue::ClaimAny() { return Claim(kNever - 1); }

void RecipientQueue::SendBy(std::uint16_t via, ledger::RecipientId id) {
  CHECK(claimed_ > 0 && (table_[id].flags & ledger::kClaimed) != 0 && table_[id].first_attempt_s == 0);
  table_[id].flags = static_cast<std::uint8_t>(table_[id].flags & ~ledger::kClaimed);
  table_[id].via = via;
  --claimed_;
  --pending_;
}

void RecipientQueue::Adopt(ledger::RecipientId id) {
  CHECK(IsOpen(id));
  ++pending_;
  ++CountOf(id);
  std::uint32_t& due = block_due_[(id - share_.first) / kBlock];
  due = std::min(due, table_[id].due_s);
}

void RecipientQueue::ReleaseFinal(ledger::RecipientId id) {
  CHECK(claimed_ > 0 && (table_[id].flags & ledger::kClaimed) != 0 && ledger::IsFinal(table_[id].state));
  table_[id].flags = static_cast<std::uint8_t>(table_[id].flags & ~ledger::kClaimed);
  --claimed_;
  --pending_;
}

void RecipientQueue::ReleaseUntil(ledger::RecipientId id, std::uint32_t due_s) {
  CHECK(claimed_ > 0 && (table_[id].flags & ledger::kClaimed) != 0 && !ledger::IsFinal(table_[id].state));
  table_[id].flags = static_cast<std::uint8_t>(table_[id].flags & ~ledger::kClaimed);
  table_[id].due_s = due_s;
  --claimed_;
  ++CountOf(id);
  std::uint32_t& due = block_due_[(id - share_.first) / kBlock];
  due = std::min(due, due_s);
}

void RecipientQueue::Unclaim(ledger::RecipientId id) {
  ReleaseUntil(id, table_[id].due_s);
  scan_ = std::min(scan_, id - share_.first);
}

std::uint32_t RecipientQueue::NextDue(std::uint32_t enough) const {
  if (pending_ == claimed_) return kNever;
  const auto here = block_due_.begin() + static_cast<std::ptrdiff_t>(scan_ / kBlock);
  std::uint32_t next = kNever;
  for (auto block = here; block != block_due_.end() && next > enough; ++block) next = std::min(next, *block);
  for (auto block = block_due_.begin(); block != here && next > enough; ++block) next = std::min(next, *block);
  return next;
}

}  // namespace delivery
