#include "engine/delivery/recipient_queue.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "engine/base/prng.h"

namespace delivery {
namespace {

using ledger::RecipientId;
using ledger::State;

class Entries {
 public:
  explicit Entries(std::uint64_t count)
      : memory_(ledger::StateTable::Bytes(count), '\0'), table(memory_.data(), count) {}

 private:
  std::string memory_;

 public:
  ledger::StateTable table;
};

TEST(RecipientQueue, HandsOutEverybodyOnceInOrder) {
  Entries entries(3000);
  RecipientQueue queue(entries.table, {.first = 100, .count = 2500});
  EXPECT_EQ(queue.pending(), 2500u);
  EXPECT_EQ(queue.NextDue(), 0u);
  for (RecipientId id = 100; id < 2600; ++id) ASSERT_EQ(queue.Claim(10), id);
  EXPECT_FALSE(queue.Claim(10).has_value());
  EXPECT_EQ(queue.claimed(), 2500u);
  EXPECT_EQ(queue.NextDue(), RecipientQueue::kNever) << "those that are left are claimed";
  EXPECT_FALSE(queue.IsFinished());
}

TEST(RecipientQueue, LeavesOutWhoIsFinal) {
  Entries entries(10);
  for (const State state : {State::kDelivered, State::kBounced, State::kExpired, State::kInDoubt})
    entries.table[static_cast<RecipientId>(state)].state = state;
  RecipientQueue queue(entries.table, {.first = 0, .count = 10});
  EXPECT_EQ(queue.pending(), 6u);
  std::set<RecipientId> claimed;
  while (const auto id = queue.Claim(1)) claimed.insert(*id);
  EXPECT_EQ(claimed, (std::set<RecipientId>{0, 1, 5, 6, 8, 9}));
}

TEST(RecipientQueue, CountsHowTheyStand) {
  Entries entries(10);
  for (const RecipientId id : {1u, 2u, 3u}) entries.table[id].state = State::kDeferred;
  entries.table[3].flags = ledger::kHeld;
  entries.table[4].state = State::kDelivered;
  RecipientQueue queue(entries.table, {.first = 0, .count = 10});
  const auto counts = [&queue] {
    const PendingCounts now = queue.counts();
    return std::vector<std::uint64_t>{now.unattempted, now.deferred, now.held, now.in_flight};
  };
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{6, 2, 1, 0}));
  for (const RecipientId id : {0u, 1u, 2u}) ASSERT_EQ(queue.Claim(1), id);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{5, 0, 1, 3}));
  entries.table[0].state = State::kDeferred;
  queue.ReleaseUntil(0, 100);
  entries.table[1].flags |= ledger::kHeld;
  queue.ReleaseUntil(1, 100);
  entries.table[2].state = State::kBounced;
  queue.ReleaseFinal(2);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{5, 1, 2, 0}));
}

TEST(RecipientQueue, WhoIsPutBackIsFirstInLine) {
  Entries entries(3000);
  RecipientQueue queue(entries.table, {.first = 100, .count = 2500});
  for (RecipientId id = 100; id < 2000; ++id) ASSERT_EQ(queue.Claim(10), id);
  queue.Unclaim(1500);
  queue.Unclaim(120);
  queue.Unclaim(1600);
  EXPECT_EQ(queue.claimed(), 1897u);
  EXPECT_EQ(queue.pending(), 2500u);
  for (const RecipientId id : {120u, 1500u, 1600u, 2000u, 2001u}) EXPECT_EQ(queue.Claim(10), id);
}

TEST(RecipientQueue, BringsBackWhoIsDueAndNotBefore) {
  Entries entries(5);
  RecipientQueue queue(entries.table, {.first = 0, .count = 5});
  for (RecipientId id = 0; id < 5; ++id) ASSERT_TRUE(queue.Claim(100).has_value());
  for (RecipientId id = 0; id < 5; ++id) queue.ReleaseUntil(id, 200 + static_cast<std::uint32_t>(id));
  EXPECT_EQ(queue.NextDue(), 200u);
  EXPECT_FALSE(queue.Claim(199).has_value());
  EXPECT_EQ(queue.Claim(201), 0u);
  EXPECT_EQ(queue.Claim(201), 1u);
  EXPECT_FALSE(queue.Claim(201).has_value());
  EXPECT_EQ(queue.NextDue(), 202u);
  EXPECT_EQ(queue.ClaimAny(), 2u) << "due or not";
}

TEST(RecipientQueue, LooksNoFurtherThanForATimeThatWillDo) {
  Entries entries(3000);
  RecipientQueue queue(entries.table, {.first = 0, .count = 3000});
  for (RecipientId id = 0; id < 3000; ++id) ASSERT_TRUE(queue.Claim(100).has_value());
  for (RecipientId id = 0; id < 3000; ++id) queue.ReleaseUntil(id, id < 2500 ? 300 : 200);
  EXPECT_EQ(queue.NextDue(), 200u);
  EXPECT_EQ(queue.NextDue(250), 200u);
  EXPECT_EQ(queue.NextDue(400), 300u);
}

TEST(RecipientQueue, IsFinishedWhenEverybodyIsFinal) {
  Entries entries(3);
  RecipientQueue queue(entries.table, {.first = 0, .count = 3});
  for (RecipientId id = 0; id < 3; ++id) {
    EXPECT_FALSE(queue.IsFinished());
    ASSERT_EQ(queue.Claim(0), id);
    entries.table[id].state = State::kDelivered;
    queue.ReleaseFinal(id);
  }
  EXPECT_TRUE(queue.IsFinished());
  EXPECT_FALSE(queue.ClaimAny().has_value());
  EXPECT_EQ(queue.NextDue(), RecipientQueue::kNever);
}

TEST(RecipientQueue, OfNobodyIsFinished) {
  Entries entries(1);
  RecipientQueue queue(entries.table, {.first = 0, .count = 0});
  EXPECT_TRUE(queue.IsFinished());
  EXPECT_FALSE(queue.ClaimAny().has_value());
  EXPECT_EQ(queue.NextDue(), RecipientQueue::kNever);
}

TEST(RecipientQueue, WhoGoesByAnotherSourceIsInItsQueue) {
  Entries entries(10);
  entries.table[7].via = 9;  // Of a pool that was larger.
  RecipientQueue own(entries.table, {.first = 0, .count = 10, .via = 0, .sources = 3});
  RecipientQueue other(entries.table, {.first = 0, .count = 10, .via = 2, .sources = 3});
  EXPECT_EQ(own.pending(), 10u);
  EXPECT_TRUE(other.IsFinished());
  entries.table[0].first_attempt_s = 5;
  EXPECT_EQ(own.ClaimUntried(10), 1u);
  own.SendBy(2, 1);
  other.Adopt(1);
  EXPECT_EQ(own.pending(), 9u);
  EXPECT_EQ(own.claimed(), 0u);
  EXPECT_EQ(own.Claim(10), 2u);
  EXPECT_EQ(other.NextDue(), 0u);
  EXPECT_EQ(other.Claim(10), 1u);
  EXPECT_FALSE(other.Claim(10).has_value());
  const RecipientQueue again(entries.table, {.first = 0, .count = 10, .via = 0, .sources = 3});
  EXPECT_EQ(again.elsewhere(), std::set<std::uint16_t>{2});
  std::set<RecipientId> rest;
  while (const auto id = own.ClaimUntried(10)) rest.insert(*id);
  EXPECT_EQ(rest, (std::set<RecipientId>{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(own.Claim(10), 0u);
}

TEST(RecipientShare, SharesOutEverybodyByWeight) {
  const RecipientShare heavy{.first = 0, .count = 10'000, .weight_begin = 0, .weight_end = 3, .weight_total = 4};
  const RecipientShare light{.first = 0, .count = 10'000, .weight_begin = 3, .weight_end = 4, .weight_total = 4};
  int heavies = 0;
  for (RecipientId id = 0; id < 10'000; ++id) {
    ASSERT_NE(heavy.Contains(id), light.Contains(id)) << "each is in exactly one share";
    heavies += heavy.Contains(id) ? 1 : 0;
  }
  EXPECT_NEAR(heavies, 7'500, 200);
  EXPECT_TRUE((RecipientShare{.first = 0, .count = 1}.Contains(0)));
}

// Against a model: whoever is claimed was due, nobody twice at once, and NextDue is never late.
TEST(RecipientQueue, AgreesWithAModelOverManySteps) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    base::Prng prng(seed);
    const std::uint64_t count = 1 + prng.Below(4000);
    Entries entries(count);
    RecipientQueue queue(entries.table, {.first = 0, .count = count});
    std::vector<std::uint32_t> due(count, 0);
    std::set<RecipientId> claimed, pending;
    for (RecipientId id = 0; id < count; ++id) pending.insert(id);
    std::uint32_t now = 1;
    for (int step = 0; step < 1500 && !pending.empty(); ++step) {
      now += static_cast<std::uint32_t>(prng.Below(3));
      if (prng.Chance(0.6)) {
        const auto id = queue.Claim(now);
        if (id.has_value()) {
          ASSERT_TRUE(pending.count(*id) == 1 && claimed.count(*id) == 0 && due[*id] <= now) << "seed " << seed;
          claimed.insert(*id);
        } else if (step % 25 == 0) {
          for (const RecipientId other : pending)
            ASSERT_TRUE(claimed.count(other) == 1 || due[other] > now)
                << "seed " << seed << ": " << other << " was due";
        }
      } else if (!claimed.empty()) {
        const RecipientId id = *claimed.begin();
        claimed.erase(id);
        if (prng.Chance(0.5)) {
          entries.table[id].state = State::kDelivered;
          queue.ReleaseFinal(id);
          pending.erase(id);
        } else {
          entries.table[id].state = State::kDeferred;
          due[id] = now + static_cast<std::uint32_t>(prng.Below(500));
          queue.ReleaseUntil(id, due[id]);
        }
      }
      ASSERT_EQ(queue.pending(), pending.size());
      ASSERT_EQ(queue.claimed(), claimed.size());
      if (step % 25 != 0) continue;
      for (const RecipientId id : pending)
        ASSERT_TRUE(claimed.count(id) == 1 || queue.NextDue() <= due[id]) << "seed " << seed;
    }
  }
}

TEST(RecipientQueue, AsksAFlagOfEverybodyWhoIsPending) {
  Entries entries(4);
  RecipientQueue queue(entries.table, {.first = 0, .count = 4});
  entries.table[0].state = State::kBounced;
  entries.table[1].flags = entries.table[2].flags = ledger::kNoDomain;
  EXPECT_FALSE(queue.AllPendingHave(ledger::kNoDomain));
  entries.table[3].flags = ledger::kNoDomain | ledger::kHeld;
  EXPECT_TRUE(queue.AllPendingHave(ledger::kNoDomain));
  for (RecipientId id = 0; id < 4; ++id) entries.table[id].state = State::kBounced;
  EXPECT_FALSE(queue.AllPendingHave(ledger::kNoDomain)) << "there is none";
}

}  // namespace
}  // namespace delivery
