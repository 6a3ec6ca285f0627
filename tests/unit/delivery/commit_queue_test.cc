#include "engine/delivery/commit_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/unit/delivery/small_job.h"

namespace delivery {
namespace {

using ledger::OutcomeKind;

struct Waiter final : DurableWaiter {
  void OnRecordsDurable() override { ++heard; }
  int heard = 0;
};

class CommitQueueTest : public ::testing::Test {
 protected:
  void Add(OutcomeKind kind) {
    ledger::Outcome outcome;
    outcome.kind = kind;
    outcome.size = 1'000;
    queue.batch().Add(outcome);
    queue.Count(outcome);
  }
  testing::ManualLog log;
  const PlantedBugs bugs = {};
  CommitQueue queue{log, 7, bugs};
};

TEST_F(CommitQueueTest, HandsOverTheBatchOfATurnUnderATicketOfItsOwn) {
  queue.Flush();
  EXPECT_TRUE(log.submitted.empty()) << "a turn without records submits nothing";
  Add(OutcomeKind::kDelivered);
  Add(OutcomeKind::kBounced);
  queue.Flush();
  Add(OutcomeKind::kDelivered);
  queue.Flush();
  ASSERT_EQ(log.submitted.size(), 2u);
  EXPECT_EQ(log.submitted[0].shard, 7u);
  EXPECT_EQ(log.submitted[0].batch->count(), 2u);
  EXPECT_LT(log.submitted[0].ticket, log.submitted[1].ticket);
  EXPECT_EQ(queue.batches_on_their_way(), 2u);
}

TEST_F(CommitQueueTest, CountsNothingBeforeItIsDurable) {
  for (const OutcomeKind kind :
       {OutcomeKind::kDelivered, OutcomeKind::kBounced, OutcomeKind::kExpired, OutcomeKind::kWithdrawn,
        OutcomeKind::kCancelled, OutcomeKind::kInDoubt, OutcomeKind::kInDoubt, OutcomeKind::kResend,
        OutcomeKind::kDeferred, OutcomeKind::kHeld})
    Add(kind);
  queue.Flush();
  Add(OutcomeKind::kDelivered);
  queue.Flush();
  EXPECT_EQ(queue.durable().finals(), 0u);
  queue.OnDurable(log.submitted[0].ticket);
  const Counters& told = queue.durable();
  EXPECT_EQ(told.delivered, 1u);
  EXPECT_EQ(told.bytes, 1'000u);
  EXPECT_EQ(told.bounced, 1u);
  EXPECT_EQ(told.expired, 1u);
  EXPECT_EQ(told.withdrawn, 1u);
  EXPECT_EQ(told.cancelled, 1u);
  EXPECT_EQ(told.in_doubt, 2u);
  EXPECT_EQ(told.resent, 1u);
  EXPECT_EQ(told.deferred, 1u);
  EXPECT_EQ(told.held, 1u);
  EXPECT_EQ(told.finals(), 6u) << "who is resent is no longer final";
  EXPECT_TRUE(queue.IsBusy());
  queue.OnDurable(log.submitted[1].ticket);
  EXPECT_EQ(told.delivered, 2u);
  EXPECT_FALSE(queue.IsBusy());
}

TEST_F(CommitQueueTest, CountersAddUp) {
  Counters sum, one;
  one.delivered = one.bounced = one.expired = one.withdrawn = one.cancelled = one.in_doubt = 1;
  one.deferred = one.held = one.resent = one.bytes = 1;
  sum.Add(one);
  sum.Add(one);
  EXPECT_EQ(sum.finals(), 2 * one.finals());
  EXPECT_EQ(sum.deferred + sum.held + sum.bytes, 6u);
}

TEST_F(CommitQueueTest, AWaiterHearsWhenAllThatCameBeforeItIsDurable) {
  Waiter early, late;
  Add(OutcomeKind::kDelivered);
  queue.Wait(early);  // For the batch of this turn.
  queue.Flush();
  Add(OutcomeKind::kDelivered);
  queue.Flush();
  queue.Wait(late);  // For the last that was handed over.
  queue.OnDurable(log.submitted[0].ticket);
  queue.Tell();
  EXPECT_EQ(early.heard, 1);
  EXPECT_EQ(late.heard, 0);
  queue.OnDurable(log.submitted[1].ticket);
  queue.Tell();
  EXPECT_EQ(early.heard, 1);
  EXPECT_EQ(late.heard, 1);
}

TEST_F(CommitQueueTest, AWaiterThatCancelsHearsNothing) {
  Waiter waiter, never;
  Add(OutcomeKind::kDelivered);
  queue.Wait(waiter);
  queue.Flush();
  queue.Cancel(waiter);
  queue.Cancel(never);  // It does not wait.
  queue.OnDurable(log.submitted[0].ticket);
  queue.Tell();
  EXPECT_EQ(waiter.heard, 0);
}

TEST_F(CommitQueueTest, ATicketConfirmsAllBeforeIt) {
  Waiter first;
  Add(OutcomeKind::kDelivered);
  queue.Wait(first);
  queue.Flush();
  Add(OutcomeKind::kBounced);
  queue.Flush();
  queue.OnDurable(log.submitted[1].ticket);
  queue.Tell();
  EXPECT_EQ(first.heard, 1);
  EXPECT_EQ(queue.durable().finals(), 2u);
}

TEST_F(CommitQueueTest, TellsAFewAtATimeTheEarliestFirst) {
  std::vector<Waiter> waiters(100);
  Add(OutcomeKind::kDelivered);
  for (Waiter& waiter : waiters) queue.Wait(waiter);
  queue.Flush();
  Add(OutcomeKind::kDelivered);
  Waiter late;
  queue.Wait(late);
  queue.Flush();
  queue.Tell();
  EXPECT_EQ(waiters.front().heard, 0);
  queue.OnDurable(log.submitted[0].ticket);
  EXPECT_EQ(queue.durable().finals(), 1u) << "it counts before anybody hears of it";
  const auto heard = [&waiters] {
    return std::count_if(waiters.begin(), waiters.end(), [](const Waiter& waiter) { return waiter.heard == 1; });
  };
  std::vector<std::ptrdiff_t> told;
  while (queue.WantsTurn()) {
    queue.Tell();
    told.push_back(heard());
    EXPECT_EQ(waiters[static_cast<std::size_t>(told.back()) - 1].heard, 1);
  }
  EXPECT_EQ(told, (std::vector<std::ptrdiff_t>{32, 64, 96, 100}));
  EXPECT_EQ(late.heard, 0) << "its records are on their way";
  queue.Cancel(late);
}

}  // namespace
}  // namespace delivery
