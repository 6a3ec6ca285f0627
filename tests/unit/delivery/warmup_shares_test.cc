// How campaigns share the number of a day.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/unit/delivery/warmup_fixture.h"

namespace delivery {
namespace {

using base::Duration;
using base::WallTime;

// A large campaign and an urgent one send there.
class WarmupSharesTest : public WarmupTest {
 protected:
  WarmupSharesTest() { warmup_->SetNumbers({110}); }
  WarmupMember large_{warmup_, calls_, 1, {.campaign = 0, .weight = 1}};
  Calls urgent_calls_;
  WarmupMember urgent_{warmup_, urgent_calls_, 2, {.campaign = 1, .weight = 10}};
};

TEST_F(WarmupSharesTest, WhatAnUrgentCampaignWaitsForIsKeptForIt) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 30);
  EXPECT_EQ(warmup_->Room(large_, kMorning), 80u);
  EXPECT_EQ(warmup_->Room(urgent_, kMorning), 100u) << "its share is more";
  EXPECT_EQ(SendAll(large_, kMorning), 80u);
  EXPECT_EQ(warmup_->Room(large_, kMorning), 0u);
  EXPECT_EQ(SendAll(urgent_, kMorning), 30u);
  EXPECT_EQ(SendAll(large_, kMorning), 0u);
}

// Its mail goes by another source, where that may have some.
TEST_F(WarmupSharesTest, TheNumberIsUsedUpForOneWhereTheRestIsKeptForAnother) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 30);
  EXPECT_FALSE(warmup_->IsUsedUpFor(large_, kMorning));
  EXPECT_EQ(SendAll(large_, kMorning), 80u);
  EXPECT_TRUE(warmup_->IsUsedUpFor(large_, kMorning));
  EXPECT_FALSE(warmup_->IsUsedUpFor(urgent_, kMorning));
  EXPECT_FALSE(warmup_->IsUsedUpFor(large_, Warmup::NextRoom(kMorning)));
}

TEST_F(WarmupSharesTest, TheDaysNumberIsSharedByWeight) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning), 10u);
  EXPECT_EQ(SendAll(urgent_, kMorning), 100u);
}

TEST_F(WarmupSharesTest, WhoComesLateGetsHisShareOfWhatIsLeft) {
  warmup_->SetWanted(large_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning, 50), 50u) << "nobody else waits";
  warmup_->SetWanted(urgent_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning), 0u) << "it has had more than its share";
  EXPECT_EQ(SendAll(urgent_, kMorning), 60u);
}

TEST_F(WarmupSharesTest, WhatIsNotWantedAnyMoreIsThereForTheOther) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning), 10u);
  EXPECT_EQ(warmup_->Room(large_, kMorning), 0u);
  EXPECT_EQ(SendAll(urgent_, kMorning, 20), 20u);
  EXPECT_EQ(calls_.sites.size(), 0u);
  warmup_->SetWanted(urgent_, 0);  // It is suspended, say.
  EXPECT_EQ(calls_.sites.size(), 1u);
  EXPECT_EQ(SendAll(large_, kMorning), 80u);
}

TEST_F(WarmupSharesTest, WhoIsDoneLeavesTheRestAtOnce) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 3);
  EXPECT_EQ(SendAll(urgent_, kMorning, 2), 2u);
  EXPECT_EQ(SendAll(large_, kMorning), 107u);
  EXPECT_EQ(warmup_->Room(large_, kMorning), 0u);
  warmup_->SetWanted(urgent_, 0);
  EXPECT_EQ(calls_.sites.size(), 1u);
  EXPECT_EQ(warmup_->Room(large_, kMorning), 1u);
}

TEST_F(WarmupSharesTest, InTheLastHourNothingIsKept) {
  warmup_->SetWanted(large_, 10'000);
  warmup_->SetWanted(urgent_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning), 10u);
  const WallTime last_hour = Warmup::NextRoom(kMorning);
  EXPECT_EQ(Warmup::EndOfDay(kMorning) - last_hour, Duration::Hours(1));
  EXPECT_EQ(SendAll(large_, last_hour), 100u);
  EXPECT_EQ(Warmup::NextRoom(last_hour), Warmup::EndOfDay(kMorning));
}

// Both have had more than their shares while the third was not there.
TEST_F(WarmupSharesTest, SomebodyMayAlwaysSendWhatIsLeft) {
  warmup_->SetNumbers({1000});
  WarmupMember third(warmup_, calls_, 3, {.campaign = 2, .weight = 1});
  warmup_->SetWanted(large_, 10'000);
  EXPECT_EQ(SendAll(large_, kMorning, 900), 900u);
  warmup_->SetWanted(urgent_, 10'000);
  warmup_->SetWanted(third, 10'000);
  std::uint64_t sent = 0, round = 0;
  do {
    round = SendAll(large_, kMorning, 1) + SendAll(third, kMorning, 1) + SendAll(urgent_, kMorning, 10);
    sent += round;
  } while (round > 0);
  EXPECT_EQ(sent, 100u);
}

}  // namespace
}  // namespace delivery
