#include "engine/delivery/session_budget.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

namespace delivery {
namespace {

class Waiter final : public SessionBudget::Waiter {
 public:
  Waiter(char name, std::string& calls) : name_(name), calls_(calls) {}
  void OnSessionSlotFree() override { calls_ += name_; }

 private:
  const char name_;
  std::string& calls_;
};

class Idler final : public SessionBudget::Idler {
 public:
  Idler(char name, std::string& calls, SessionBudget& budget, bool ends = true)
      : name_(name), calls_(calls), budget_(budget), ends_(ends) {}
  bool OnSlotWanted() override {
    calls_ += name_;
    if (ends_) budget_.StartClosing();
    return ends_;
  }

 private:
  const char name_;
  std::string& calls_;
  SessionBudget& budget_;
  const bool ends_;
};

class Calls final : public SessionPool::Caller {
 public:
  void CallForSessions() override { ++count; }
  int count = 0;
};

void End(SessionBudget& budget) {
  budget.StartClosing();
  budget.GiveBack();
}

class SessionBudgetTest : public testing::Test {
 protected:
  std::string calls_;
  Calls shard_, other_shard_;
};

TEST_F(SessionBudgetTest, GrantsAsManyAsThereAre) {
  SessionPool pool(3);
  SessionBudget budget(pool, 2, shard_), other(pool, 5, other_shard_);
  EXPECT_TRUE(budget.TryTake());
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake()) << "its own limit";
  EXPECT_TRUE(other.TryTake());
  EXPECT_FALSE(other.TryTake());
  EXPECT_EQ(pool.used(), 3u);
  End(budget);
  EXPECT_TRUE(other.TryTake());
  EXPECT_EQ(budget.used(), 1u);
  EXPECT_EQ(other.used(), 2u);
}

TEST_F(SessionBudgetTest, CallsThoseWhoWaitInTheOrderTheyCame) {
  SessionPool pool(1);
  SessionBudget budget(pool, 10, shard_);
  Waiter a('a', calls_), b('b', calls_), c('c', calls_);
  ASSERT_TRUE(budget.TryTake());
  budget.Wait(a);
  budget.Wait(b);
  budget.Wait(a);  // Once is enough.
  budget.Wait(c);
  budget.Serve();
  EXPECT_EQ(calls_, "") << "there is no room";
  budget.Cancel(b);
  End(budget);
  budget.Serve();
  EXPECT_EQ(calls_, "a") << "there is room for one";
  budget.Serve();
  EXPECT_EQ(calls_, "ac") << "who was called, and took nothing, waits no longer";
}

TEST_F(SessionBudgetTest, AsksTheLongestIdleToMakeRoomForThoseWhoWait) {
  SessionPool pool(3);
  SessionBudget budget(pool, 10, shard_);
  Idler w('w', calls_, budget, false), x('x', calls_, budget), y('y', calls_, budget), z('z', calls_, budget);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(budget.TryTake());
  budget.AddIdle(w);
  budget.AddIdle(x);
  budget.AddIdle(y);
  budget.AddIdle(z);
  budget.Serve();
  EXPECT_EQ(calls_, "") << "nobody waits";
  Waiter a('a', calls_);
  budget.Wait(a);
  budget.RemoveIdle(x);
  budget.Serve();
  EXPECT_EQ(calls_, "wy") << "one waits: one makes room, the first that may";
  budget.Serve();
  EXPECT_EQ(calls_, "wy") << "it is about to end: nobody else need";
  budget.Cancel(a);
  budget.RemoveIdle(z);
  budget.RemoveIdle(w);
}

TEST_F(SessionBudgetTest, AShardThatNeedsFewLeavesRoomForTheOthers) {
  SessionPool pool(2);
  SessionBudget rich(pool, 10, shard_), poor(pool, 10, other_shard_);
  Idler x('x', calls_, rich), y('y', calls_, rich);
  ASSERT_TRUE(rich.TryTake());
  ASSERT_TRUE(rich.TryTake());
  rich.AddIdle(x);
  rich.AddIdle(y);
  rich.Serve();
  Waiter a('a', calls_);
  ASSERT_FALSE(poor.TryTake());
  poor.Wait(a);
  poor.Serve();
  EXPECT_EQ(shard_.count, 1) << "it has idle ones";
  rich.Serve();
  EXPECT_EQ(calls_, "x");
  EXPECT_FALSE(rich.IsShort());
  rich.GiveBack();
  EXPECT_EQ(other_shard_.count, 1) << "there is one now";
  EXPECT_FALSE(rich.TryTake()) << "it is for who stands in line";
  poor.Serve();
  EXPECT_EQ(calls_, "xa");
  EXPECT_TRUE(poor.TryTake());
  poor.Serve();
  End(poor);
  EXPECT_TRUE(rich.TryTake());
  rich.RemoveIdle(y);
}

// One has all of them, and wants more; each that it gives back is for the other until that has one.
TEST_F(SessionBudgetTest, ThoseInLineTakeTurns) {
  SessionPool pool(1);
  SessionBudget a(pool, 10, shard_), b(pool, 10, other_shard_);
  Waiter of_a('a', calls_), of_b('b', calls_);
  ASSERT_TRUE(a.TryTake());
  std::string took;
  SessionBudget* has = &a;
  for (int turn = 0; turn < 6; ++turn) {
    for (SessionBudget* budget : {&a, &b}) {
      if (!budget->TryTake()) budget->Wait(budget == &a ? of_a : of_b);
      budget->Serve();
      EXPECT_TRUE(budget->IsShort());
    }
    End(*has);
    ASSERT_NE(a.TryTake(), b.TryTake());
    has = a.used() == 1 ? &a : &b;
    took += has == &a ? 'a' : 'b';
  }
  EXPECT_EQ(took, "ababab");
  a.Cancel(of_a);
  b.Cancel(of_b);
}

// Two shards of a large campaign, which has all sessions, and one of an urgent campaign; all three want more.
TEST_F(SessionBudgetTest, CampaignsTakeTurnsByTheirWeights) {
  SessionPool pool(8);
  SessionBudget large(pool, 100, shard_, {.campaign = 0, .weight = 1});
  SessionBudget also_large(pool, 100, shard_, {.campaign = 0, .weight = 1});
  SessionBudget urgent(pool, 100, other_shard_, {.campaign = 1, .weight = 3});
  Waiter of_large('l', calls_), of_also_large('m', calls_), of_urgent('u', calls_);
  std::deque<SessionBudget*> open;  // Sessions end in the order in which they were opened.
  const auto take = [&] {
    for (SessionBudget* const budget : {&large, &also_large, &urgent}) {
      while (budget->TryTake()) open.push_back(budget);
      budget->Wait(budget == &large ? of_large : budget == &urgent ? of_urgent : of_also_large);
      budget->Serve();
    }
  };
  take();
  EXPECT_EQ(large.used(), 8u);
  int urgents = 0;
  for (int turn = 0; turn < 400; ++turn) {
    End(*open.front());
    open.pop_front();
    take();
    ASSERT_EQ(open.size(), 8u) << "somebody takes it";
    urgents += open.back() == &urgent ? 1 : 0;
  }
  EXPECT_NEAR(urgents, 300, 5);
  EXPECT_EQ(urgent.used(), 6u);
  EXPECT_EQ(large.used(), 1u);
  large.Cancel(of_large);
  also_large.Cancel(of_also_large);
  urgent.Cancel(of_urgent);
}

// Who stands in line, and wants nothing any more, is in nobody's way.
TEST_F(SessionBudgetTest, WhoGivesUpLeavesTheLine) {
  SessionPool pool(1);
  SessionBudget a(pool, 10, shard_);
  auto b = std::make_unique<SessionBudget>(pool, 10, other_shard_);
  Waiter of_a('a', calls_), of_b('b', calls_);
  SessionBudget* const c = b.get();
  Calls third_shard;
  SessionBudget d(pool, 10, third_shard);
  ASSERT_TRUE(d.TryTake());
  c->Wait(of_b);
  c->Serve();
  a.Wait(of_a);
  a.Serve();
  End(d);
  EXPECT_FALSE(a.TryTake());
  c->Cancel(of_b);
  c->Serve();
  EXPECT_EQ(shard_.count, 1);
  EXPECT_TRUE(a.TryTake());
  b.reset();
  a.Cancel(of_a);
}

}  // namespace
}  // namespace delivery
