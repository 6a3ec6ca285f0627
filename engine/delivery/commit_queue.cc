#include "engine/delivery/commit_queue.h"

#include <cstddef>
#include <utility>

#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr std::size_t kBatchAtLeast = 256;  // Records: a commit costs as much as eight messages.

}  // namespace

void Counters::Add(const Counters& other) {
  delivered += other.delivered;
  bounced += other.bounced;
  expired += other.expired;
  withdrawn += other.withdrawn;
  cancelled += other.cancelled;
  in_doubt += other.in_doubt;
  deferred += other.deferred;
  held += other.held;
  resent += other.resent;
  bytes += other.bytes;
}

CommitQueue::CommitQueue(ledger::CommitLog& log, std::uint32_t shard, const PlantedBugs& bugs)
    : log_(log), shard_(shard), bugs_(bugs), batch_(log.NewBatch()) {}

CommitQueue::~CommitQueue() {
  while (!waiters_.empty()) waiters_.PopFront();
}

void CommitQueue::Count(const ledger::Outcome& outcome) {
  entries_.push_back(tally_.EntryOf(outcome));
  switch (outcome.kind) {
    case ledger::OutcomeKind::kDelivered:
      ++counted_.delivered;
      counted_.bytes += outcome.size;
      return;
    case ledger::OutcomeKind::kDeferred:
      ++counted_.deferred;
      return;
    case ledger::OutcomeKind::kBounced:
      ++counted_.bounced;
      return;
    case ledger::OutcomeKind::kHeld:
      ++counted_.held;
      return;
    case ledger::OutcomeKind::kInDoubt:
      ++counted_.in_doubt;
      return;
    case ledger::OutcomeKind::kExpired:
      ++counted_.expired;
      return;
    case ledger::OutcomeKind::kWithdrawn:
      ++counted_.withdrawn;
      return;
    case ledger::OutcomeKind::kCancelled:
      ++counted_.cancelled;
      return;
    case ledger::OutcomeKind::kResend:
      ++counted_.resent;
      return;
  }
}

void CommitQueue::Wait(DurableWaiter& waiter) {
  CHECK(IsBusy());
  waiter.ticket_ = batch_->empty() ? ticket_ - 1 : ticket_;
  waiters_.PushBack(waiter);
}

void CommitQueue::Cancel(DurableWaiter& waiter) {
  if (waiter.hook_.IsLinked()) waiters_.Remove(waiter);
}

void CommitQueue::Flush() {
  if (batch_->empty() || (WantsTurn() && batch_->count() < kBatchAtLeast)) return;
  unsettled_.push_back(
      {ticket_, std::exchange(counted_, Counters()), std::exchange(entries_, {}), std::exchange(learning_, {})});
  if (bugs_.tell_before_sync) durable_.Add(std::exchange(unsettled_.back().counters, Counters()));
  log_.Submit(shard_, std::exchange(batch_, log_.NewBatch()), ticket_);
  ++ticket_;
}

void CommitQueue::OnDurable(std::uint64_t ticket) {
  while (!unsettled_.empty() && unsettled_.front().ticket <= ticket) {
    durable_.Add(unsettled_.front().counters);
    for (const Tally::Entry& entry : unsettled_.front().entries) tally_.Count(entry);
    const std::vector<ledger::RecipientId>& learning = unsettled_.front().learning;
    learned_.insert(learned_.end(), learning.begin(), learning.end());
    unsettled_.pop_front();
  }
  durable_ticket_ = ticket;
}

void CommitQueue::Tell() {
  for (int left = kToldAtOnce; left > 0 && WantsTurn(); --left) waiters_.PopFront().OnRecordsDurable();
}

}  // namespace delivery
