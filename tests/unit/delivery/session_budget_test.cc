#include "engine/delivery/session_budget.h"

#include <gtest/gtest.h>

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
  Idler(char name, std::string& calls) : name_(name), calls_(calls) {}
  void OnSlotWanted() override { calls_ += name_; }

 private:
  const char name_;
  std::string& calls_;
};

TEST(SessionBudget, GrantsAsManyAsThereAre) {
  SessionBudget budget(2);
  EXPECT_TRUE(budget.TryTake());
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake());
  EXPECT_EQ(budget.used(), 2u);
  budget.GiveBack();
  EXPECT_TRUE(budget.TryTake());
}

TEST(SessionBudget, CallsThoseWhoWaitInTheOrderTheyCame) {
  std::string calls;
  SessionBudget budget(1);
  Waiter a('a', calls), b('b', calls), c('c', calls);
  ASSERT_TRUE(budget.TryTake());
  budget.Wait(a);
  budget.Wait(b);
  budget.Wait(a);  // Once is enough.
  budget.Wait(c);
  budget.Serve();
  EXPECT_EQ(calls, "") << "there is no room";
  budget.Cancel(b);
  budget.GiveBack();
  budget.Serve();
  EXPECT_EQ(calls, "ac");
  budget.Serve();
  EXPECT_EQ(calls, "ac") << "who was called waits no longer";
}

TEST(SessionBudget, AsksTheLongestIdleToMakeRoomForThoseWhoWait) {
  std::string calls;
  SessionBudget budget(3);
  Idler x('x', calls), y('y', calls), z('z', calls);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(budget.TryTake());
  budget.AddIdle(x);
  budget.AddIdle(y);
  budget.AddIdle(z);
  budget.Serve();
  EXPECT_EQ(calls, "") << "nobody waits";
  Waiter a('a', calls);
  budget.Wait(a);
  budget.RemoveIdle(x);
  budget.Serve();
  EXPECT_EQ(calls, "y") << "one waits: one makes room";
  budget.Cancel(a);
  budget.RemoveIdle(z);
}

}  // namespace
}  // namespace delivery
