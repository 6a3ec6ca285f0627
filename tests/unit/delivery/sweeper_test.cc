#include "engine/delivery/sweeper.h"

#include <gtest/gtest.h>

#include "tests/unit/delivery/small_job.h"

namespace delivery {
namespace {

using base::Duration;
using ledger::OutcomeKind;
using ledger::State;
using testing::SmallJob;

class SweeperTest : public ::testing::Test {
 protected:
  static constexpr int kRecipients = 2000;
  void Turn() {
    sweeper.Run();
    small.commits.Flush();
  }
  void Settle() {  // The journal catches up.
    if (!small.log.submitted.empty()) small.commits.OnDurable(small.log.submitted.back().ticket);
  }
  std::uint64_t CountOf(State state) {
    std::uint64_t count = 0;
    for (ledger::RecipientId id = 0; id < small.states.size(); ++id) count += small.states[id].state == state ? 1 : 0;
    return count;
  }

  SmallJob small{kRecipients};
  Destination destination{{}, "d.example", small.states, small.Everybody(), [] {}};
  int swept = 0;
  Sweeper sweeper{small.settler, small.commits, [this](Destination&) { ++swept; }};
};

Sweep Bouncing() {
  Sweep sweep;
  sweep.kind = OutcomeKind::kBounced;
  sweep.classification = "BadDomain";
  sweep.text = "the domain does not exist";
  sweep.command = "dns";
  sweep.enhanced[0] = 5;
  sweep.enhanced[1] = 1;
  sweep.enhanced[2] = 2;
  return sweep;
}

TEST_F(SweeperTest, DoesASliceAtATurnUntilAllAreDone) {
  sweeper.Start(destination, Bouncing());
  Turn();
  const std::uint64_t slice = CountOf(State::kBounced);
  EXPECT_GT(slice, 0u);
  EXPECT_LT(slice, static_cast<std::uint64_t>(kRecipients)) << "one turn must not hold up the loop";
  EXPECT_TRUE(sweeper.WantsTurn());
  EXPECT_EQ(swept, 0);
  for (int turn = 0; turn < 10 && swept == 0; ++turn) {
    Settle();
    Turn();
  }
  EXPECT_EQ(swept, 1);
  EXPECT_FALSE(sweeper.WantsTurn());
  EXPECT_FALSE(destination.sweeping);
  EXPECT_TRUE(destination.queue.IsFinished());
  const auto& outcome = std::get<ledger::Outcome>(small.log.submitted[0].batch->records()[0]);
  EXPECT_EQ(outcome.classification, "BadDomain");
  EXPECT_EQ(outcome.reply_text, "the domain does not exist");
  EXPECT_EQ(outcome.command, "dns");
  EXPECT_EQ(outcome.enhanced[2], 2);
}

TEST_F(SweeperTest, WaitsForTheJournalWhenItIsFarBehind) {
  SmallJob large(20'000);
  Destination many({}, "d.example", large.states, large.Everybody(), [] {});
  int done = 0;
  Sweeper slow(large.settler, large.commits, [&done](Destination&) { ++done; });
  slow.Start(many, Bouncing());
  for (int turn = 0; turn < 30; ++turn) {
    slow.Run();
    large.commits.Flush();
  }
  EXPECT_LT(large.log.submitted.size(), 30u) << "batches gather in memory";
  EXPECT_FALSE(slow.WantsTurn());
  large.commits.OnDurable(large.log.submitted.back().ticket);
  EXPECT_TRUE(slow.WantsTurn());
  slow.Cancel(many);
  EXPECT_EQ(done, 0);
}

TEST_F(SweeperTest, OfThoseThatAreDueLeavesTheOthers) {
  for (ledger::RecipientId id = 0; id < 5; ++id) {
    ASSERT_EQ(destination.queue.Claim(small.settler.now_s()), id);
    small.states[id].state = State::kDeferred;
    destination.queue.ReleaseUntil(id, small.settler.now_s() + 3600);
  }
  Sweep sweep = Bouncing();
  sweep.kind = OutcomeKind::kDeferred;
  sweep.only_due = true;
  sweeper.Start(destination, sweep);
  for (int turn = 0; turn < 10 && swept == 0; ++turn) {
    Turn();
    Settle();
  }
  EXPECT_EQ(swept, 1);
  EXPECT_EQ(small.states[0].attempts, 0);
  EXPECT_EQ(small.states[5].attempts, 1);
  EXPECT_EQ(CountOf(State::kDeferred), static_cast<std::uint64_t>(kRecipients));
}

TEST_F(SweeperTest, LeavesWhoIsClaimedAlone) {  // It is in flight: its own outcome follows.
  ASSERT_EQ(destination.queue.Claim(small.settler.now_s()), 0u);
  Sweep sweep;
  sweep.kind = OutcomeKind::kExpired;
  sweeper.Start(destination, sweep);
  for (int turn = 0; turn < 10 && swept == 0; ++turn) {
    Turn();
    Settle();
  }
  EXPECT_EQ(small.states[0].state, State::kUnattempted);
  EXPECT_EQ(CountOf(State::kExpired), static_cast<std::uint64_t>(kRecipients) - 1);
}

TEST_F(SweeperTest, CancelledItStops) {
  sweeper.Start(destination, Bouncing());
  Turn();
  const std::uint64_t done = CountOf(State::kBounced);
  sweeper.Cancel(destination);
  sweeper.Cancel(destination);
  Settle();
  Turn();
  EXPECT_EQ(CountOf(State::kBounced), done);
  EXPECT_EQ(swept, 0);
}

}  // namespace
}  // namespace delivery
