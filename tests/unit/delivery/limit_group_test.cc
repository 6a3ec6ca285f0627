#include "engine/delivery/limit_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using Call = GroupMember::Call;

class Calls final : public GroupMember::Caller {
 public:
  void CallSite(std::uint64_t site, Call call) override { calls_.emplace_back(site, call); }
  std::vector<std::pair<std::uint64_t, Call>> Take() { return std::exchange(calls_, {}); }

 private:
  std::vector<std::pair<std::uint64_t, Call>> calls_;
};

constexpr Instant At(std::int64_t ms) { return Instant::FromNanoseconds(1'000'000'000 + ms * 1'000'000); }
base::Rate PerSecond(std::uint64_t count, std::uint64_t burst = 1) { return {count, Duration::Seconds(1), burst}; }

class LimitGroupTest : public ::testing::Test {
 protected:
  void Make(const LimitGroup::Options& options) { group_ = std::make_shared<LimitGroup>(options, At(0)); }
  std::unique_ptr<GroupMember> Join(std::uint64_t site, std::uint32_t campaign = 0, std::uint32_t weight = 1) {
    return std::make_unique<GroupMember>(group_, GroupMember::Identity{calls_, site, campaign, weight});
  }
  bool Connects(GroupMember& member) { return group_->TakeConnection(member, At(0)).count > 0; }
  void End(GroupMember& member) {
    group_->StartClosing(member);
    group_->EndConnection(member);
  }
  // Begins and writes one message, if that is allowed now.
  bool Sends(GroupMember& member, Instant now) {
    if (group_->RoomToBegin(member, now, {}).count == 0) return false;
    group_->Begin(member);
    const bool sent = group_->TakeToken(member, now);
    if (sent) {
      group_->OnWritten(member);
    } else {
      group_->PutBack(member);
    }
    return sent;
  }

  Calls calls_;
  std::shared_ptr<LimitGroup> group_;
};

TEST_F(LimitGroupTest, HasSoManyConnectionsForAllOfItsSites) {
  Make({.connections = 2});
  auto a = Join(1), b = Join(2);
  EXPECT_TRUE(Connects(*a) && Connects(*b));
  EXPECT_FALSE(Connects(*a));
  EXPECT_FALSE(Connects(*b));
  EXPECT_THAT(calls_.Take(), IsEmpty());
  End(*b);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kPump)));
  EXPECT_FALSE(Connects(*b));  // It is a's turn.
  EXPECT_TRUE(Connects(*a));
}

TEST_F(LimitGroupTest, CallsTheNextWhereTheFirstHasNoUseForAConnection) {
  Make({.connections = 1});
  auto a = Join(1), b = Join(2), c = Join(3);
  EXPECT_TRUE(Connects(*a));
  EXPECT_FALSE(Connects(*b) || Connects(*c));
  End(*a);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(2, Call::kPump)));
  group_->LeaveConnectionLine(*b);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(3, Call::kPump)));
  EXPECT_TRUE(Connects(*c));
}

TEST_F(LimitGroupTest, IdleConnectionsMakeRoomForOthers) {
  Make({.connections = 1});
  auto a = Join(1), b = Join(2);
  EXPECT_TRUE(Connects(*a));
  group_->SetIdle(*a, true);
  EXPECT_FALSE(Connects(*b));
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kMakeRoom)));
  EXPECT_TRUE(group_->DoOthersWait(*a));
  EXPECT_FALSE(group_->DoOthersWait(*b));
  group_->SetIdle(*a, false);
  group_->SetIdle(*a, true);  // Idle again, and somebody still waits.
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kMakeRoom)));
}

// Whoever is first in the line has others behind him all the same.
TEST_F(LimitGroupTest, TheFirstInTheLineGivesWayToo) {
  Make({.connections = 1});
  auto a = Join(1), b = Join(2);
  EXPECT_TRUE(Connects(*a));
  EXPECT_FALSE(Connects(*a));
  EXPECT_FALSE(group_->DoOthersWait(*a));
  EXPECT_FALSE(Connects(*b));
  EXPECT_TRUE(group_->DoOthersWait(*a));
  group_->SetIdle(*a, true);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kMakeRoom)));
}

// Its request came when nobody was idle.
TEST_F(LimitGroupTest, WhoBecomesFirstAsksForRoomAgain) {
  Make({.connections = 1});
  auto a = Join(1), b = Join(2), c = Join(3);
  EXPECT_TRUE(Connects(*a));
  group_->SetIdle(*a, true);
  EXPECT_FALSE(Connects(*b));
  EXPECT_FALSE(Connects(*c));
  calls_.Take();
  group_->SetIdle(*a, false);
  group_->LeaveConnectionLine(*b);
  EXPECT_THAT(calls_.Take(), IsEmpty());
  group_->SetIdle(*a, true);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kMakeRoom)));
}

TEST_F(LimitGroupTest, WhoGoesGivesEverythingBack) {
  Make({.connections = 1, .message_rate = PerSecond(1)});
  auto a = Join(1), b = Join(2), c = Join(3);
  EXPECT_TRUE(Connects(*a));
  EXPECT_FALSE(Connects(*b) || Connects(*c));
  b.reset();
  calls_.Take();
  a.reset();
  EXPECT_THAT(calls_.Take(), Contains(Pair(3, Call::kPump)));
  EXPECT_TRUE(Connects(*c));
}

TEST_F(LimitGroupTest, ASmallerWindowMakesTooMany) {
  Make({.connections = 10});
  auto a = Join(1);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Connects(*a));
  group_->SetWindow(3);
  EXPECT_TRUE(group_->HasTooMany());
  group_->StartClosing(*a);
  EXPECT_FALSE(group_->HasTooMany());
  EXPECT_FALSE(Connects(*a));
  group_->EndConnection(*a);
  group_->SetWindow(4);
  EXPECT_TRUE(Connects(*a));
}

TEST_F(LimitGroupTest, TheRateIsThatOfAllSitesTogether) {
  Make({.message_rate = PerSecond(10)});
  auto a = Join(1), b = Join(2);
  EXPECT_TRUE(Sends(*a, At(0)));
  EXPECT_FALSE(Sends(*b, At(50)));
  EXPECT_FALSE(Sends(*a, At(60)));
  EXPECT_TRUE(Sends(*b, At(100)));
  EXPECT_THAT(calls_.Take(), Each(Pair(1, Call::kPump)));  // It is next.
  EXPECT_TRUE(Sends(*a, At(200)));
}

TEST_F(LimitGroupTest, TheFirstIsToldWhenToComeAndTheOthersAreCalled) {
  Make({.message_rate = PerSecond(10)});
  auto a = Join(1), b = Join(2), c = Join(3);
  EXPECT_TRUE(Sends(*a, At(0)));
  EXPECT_EQ(group_->RoomToBegin(*b, At(1), {}).at, At(100));
  EXPECT_TRUE(group_->RoomToBegin(*c, At(1), {}).at.IsNever());
  EXPECT_EQ(group_->RoomToBegin(*b, At(1), Duration::Milliseconds(30)).at, At(70));
  EXPECT_EQ(group_->RoomToBegin(*b, At(70), Duration::Milliseconds(30)).count, 1u);
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(3, Call::kPump)));
}

TEST_F(LimitGroupTest, ATokenIsKeptUntilTheMessageIsWritten) {
  Make({.message_rate = PerSecond(1)});
  auto a = Join(1), b = Join(2);
  group_->Begin(*a);
  EXPECT_TRUE(group_->TakeToken(*a, At(0)));
  EXPECT_TRUE(group_->TakeToken(*a, At(10)));  // Still the same.
  EXPECT_FALSE(group_->TakeToken(*b, At(10)));
  group_->OnWritten(*a);
  EXPECT_FALSE(group_->TakeToken(*a, At(20)));
  EXPECT_EQ(group_->TokenAt(), At(1000));
}

TEST_F(LimitGroupTest, WhatIsLearnedHoldsBesideTheRate) {
  Make({.message_rate = PerSecond(100)});
  auto a = Join(1);
  group_->SetLearnedRate(PerSecond(10), At(0));
  EXPECT_TRUE(Sends(*a, At(0)));
  EXPECT_FALSE(Sends(*a, At(20)));
  group_->SetLearnedRate(std::nullopt, At(20));
  EXPECT_THAT(calls_.Take(), ElementsAre(Pair(1, Call::kPump)));
  EXPECT_TRUE(Sends(*a, At(20)));
}

// A campaign of weight 3 that comes late gets three of four messages, and not all because it has had none.
TEST_F(LimitGroupTest, CampaignsShareByWeight) {
  Make({.message_rate = PerSecond(1000)});
  auto old = Join(1, 0, 1);
  int now = 0;
  for (; now < 500; ++now) EXPECT_TRUE(Sends(*old, At(now)));
  auto urgent = Join(2, 1, 3);
  int of_old = 0, of_urgent = 0;
  // Both have more to send than they may: each asks again as soon as it has sent.
  const auto send_all = [this](GroupMember& member, Instant at, int& sent) {
    const int before = sent;
    while (Sends(member, at)) ++sent;
    return sent > before;
  };
  for (; now < 1500; ++now) {
    while (send_all(*old, At(now), of_old) || send_all(*urgent, At(now), of_urgent)) continue;
  }
  EXPECT_NEAR(of_urgent, 750, 20);
  EXPECT_NEAR(of_old, 250, 20);
}

// Turns on several shards would be a hop of a mailbox for each message.
TEST_F(LimitGroupTest, WithoutTurnsWhoComesFirstHasWhatIsThere) {
  const LimitOptions options{.message_rate = PerSecond(10, 4)};
  group_ = std::make_shared<LimitGroup>(options, At(0), LimitGroup::Keys{"", "campaign_rate", /*takes_turns=*/false});
  auto a = Join(1), b = Join(2);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Sends(*a, At(0)));
  EXPECT_FALSE(Sends(*b, At(0)));
  EXPECT_FALSE(Sends(*a, At(0)));
  EXPECT_TRUE(Sends(*a, At(100))) << "b is called when there is one";
  EXPECT_FALSE(Sends(*b, At(100)));
  EXPECT_TRUE(Sends(*b, At(200)));
}

TEST_F(LimitGroupTest, WhoHasATokenWaitsForNoOther) {
  Make({.message_rate = PerSecond(1)});
  auto a = Join(1), b = Join(2);
  group_->Begin(*a);
  ASSERT_TRUE(group_->TakeToken(*a, At(0)));
  EXPECT_LT(group_->TokenAt(*a), At(0));
  EXPECT_EQ(group_->TokenAt(*b), At(1000));
}

// It is for its next message, and the group does not have it back.
TEST_F(LimitGroupTest, WhoseMessageIsNotWrittenKeepsItsToken) {
  Make({.message_rate = PerSecond(1)});
  auto a = Join(1), b = Join(2);
  group_->Begin(*a);
  ASSERT_TRUE(group_->TakeToken(*a, At(0)));
  group_->PutBack(*a);
  EXPECT_FALSE(group_->TakeToken(*b, At(0)));
  group_->Begin(*a);
  EXPECT_TRUE(group_->TakeToken(*a, At(0)));
  group_->OnWritten(*a);
  EXPECT_FALSE(group_->TakeToken(*a, At(0)));
}

// Each gives its connection back after a turn, and wants another one.
TEST_F(LimitGroupTest, CampaignsShareConnectionsByWeight) {
  Make({.connections = 4});
  auto old = Join(1, 0, 1), urgent = Join(2, 1, 3);
  std::vector<GroupMember*> open;
  const auto connect = [&](GroupMember& member) {
    while (Connects(member)) open.push_back(&member);
  };
  connect(*old);
  ASSERT_EQ(open.size(), 4u);
  int of_urgent = 0;
  for (int turn = 0; turn < 400; ++turn) {
    connect(*old);
    connect(*urgent);
    ASSERT_EQ(open.size(), 4u);
    GroupMember* const first = open.front();
    open.erase(open.begin());
    of_urgent += first == urgent.get() ? 1 : 0;
    End(*first);
  }
  EXPECT_NEAR(of_urgent, 300, 10);
}

// Who is first now was told to wait until it is called.
TEST_F(LimitGroupTest, TheNextCampaignIsCalledWhenItsTurnComes) {
  Make({.message_rate = PerSecond(10)});
  auto a = Join(1, 0), a_too = Join(2, 0), b = Join(3, 1);
  EXPECT_TRUE(Sends(*b, At(0)));
  group_->Begin(*a);
  EXPECT_EQ(group_->RoomToBegin(*a_too, At(0), {}).at, At(200));
  EXPECT_TRUE(group_->RoomToBegin(*b, At(0), {}).at.IsNever());
  EXPECT_TRUE(group_->TakeToken(*a, At(100)));
  group_->OnWritten(*a);
  EXPECT_THAT(calls_.Take(), Not(Contains(Pair(3, Call::kPump))));
  group_->Begin(*a);
  EXPECT_THAT(calls_.Take(), Contains(Pair(3, Call::kPump))) << "its turn has been, before it writes";
}

// Sessions take longer than turns, and there may be many who want one.
TEST_F(LimitGroupTest, ATurnIsKeptForWhoeverGetsASessionForIt) {
  const LimitGroup::Keys keys{"connections", "messages", /*takes_turns=*/true, /*has_turns=*/true};
  group_ = std::make_shared<LimitGroup>(LimitGroup::Options{.message_rate = PerSecond(1)}, At(0), keys);
  auto a = Join(1), b = Join(2), c = Join(3);
  const Duration ahead = Duration::Seconds(5);
  EXPECT_EQ(group_->RoomToBegin(*a, At(0), ahead).count, 1u);
  group_->KeepTurn(*a, At(0));
  EXPECT_EQ(group_->RoomToBegin(*b, At(0), ahead).at, At(1000)) << "whatever may be written by then";
  EXPECT_EQ(group_->RoomToBegin(*b, At(1000), ahead).count, 1u);
  group_->KeepTurn(*b, At(1000));
  EXPECT_EQ(group_->RoomToBegin(*c, At(1500), ahead).at, At(2000));
  EXPECT_EQ(group_->RoomToBegin(*a, At(1500), {}).count, 1u) << "it passes who stands in line";
  group_->Begin(*a);
  group_->UseTurn(*a, At(1500));
  EXPECT_TRUE(group_->TakeToken(*a, At(1500)));
  group_->OnWritten(*a);
  EXPECT_EQ(group_->RoomToBegin(*b, At(1500), {}).at, At(2500)) << "it has its turn, and waits to write";
  EXPECT_TRUE(group_->RoomToBegin(*a, At(1500), {}).at.IsNever());
  const Instant later = At(1000) + Duration::Minutes(5);
  EXPECT_EQ(group_->RoomToBegin(*b, later, {}).count, 0u) << "it has lost its turn, and others are in line";
  EXPECT_EQ(group_->RoomToBegin(*c, later, {}).count, 1u);
}

TEST_F(LimitGroupTest, DebtsOutliveIt) {
  Make({.connection_rate = PerSecond(2), .message_rate = base::Rate{100, Duration::Hours(24), 5}});
  auto a = Join(1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Sends(*a, At(0)));
  EXPECT_TRUE(Connects(*a));
  const LimitGroup::Debts debts = group_->debts(At(0));
  EXPECT_EQ(debts.messages, Duration::Seconds(864) * 5);
  EXPECT_EQ(debts.connections, Duration::Milliseconds(500));
  EXPECT_FALSE(group_->IsUnused(At(0)));
  LimitGroup again({.connection_rate = PerSecond(2), .message_rate = base::Rate{100, Duration::Hours(24), 5}}, At(0));
  again.Restore(debts, At(0));
  EXPECT_EQ(again.TokenAt(), At(864'000));
  EXPECT_FALSE(again.IsUnused(At(4 * 864'000)));
  EXPECT_TRUE(again.IsUnused(At(5 * 864'000)));
}

// What was saved a while before the program was killed holds for what it did since.
TEST_F(LimitGroupTest, WhatMayPassUnsavedCountsAsPassed) {
  Make({.message_rate = PerSecond(10, 3)});
  auto a = Join(1);
  const LimitGroup::Debts debts = group_->debts(At(0), Duration::Seconds(1));
  int sent = 0;
  for (int ms = 0; ms <= 1000; ++ms) sent += Sends(*a, At(ms)) ? 1 : 0;
  EXPECT_EQ(sent, 13);
  EXPECT_EQ(group_->debts(At(0)).messages, debts.messages);
}

// Each thread is a shard; the lock is what is tried.
TEST_F(LimitGroupTest, HoldsOverThreads) {
  Make({.connections = 3, .message_rate = base::Rate{1000, Duration::Hours(24), 1000}});
  std::vector<std::thread> threads;
  std::vector<int> sent(4, 0);
  std::atomic<int> open = 0, most = 0;
  class Nobody final : public GroupMember::Caller {
    void CallSite(std::uint64_t, Call) override {}
  } nobody;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    threads.emplace_back([&, i] {
      GroupMember member(group_, GroupMember::Identity{nobody, i, static_cast<std::uint32_t>(i % 2), 1});
      for (int round = 0; round < 2000; ++round) {
        if (group_->TakeConnection(member, At(0)).count > 0) {
          const int now_open = ++open;
          int seen = most;
          while (now_open > seen && !most.compare_exchange_weak(seen, now_open)) continue;
          --open;
          End(member);
        }
        group_->Begin(member);
        if (group_->TakeToken(member, At(0))) ++sent[i];
        group_->OnWritten(member);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(sent[0] + sent[1] + sent[2] + sent[3], 1000);
}

}  // namespace
}  // namespace delivery
