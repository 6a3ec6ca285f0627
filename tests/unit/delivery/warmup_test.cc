#include "engine/delivery/warmup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/delivery/host_limits.h"
#include "tests/unit/delivery/warmup_fixture.h"

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using base::WallTime;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(WarmupTest, EachUsedAndCleanDayIsFollowedByTheNextNumber) {
  warmup_->SetNumbers({5, 10});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_EQ(SendAll(member, kMorning), 5u);
  EXPECT_EQ(SendAll(member, kMorning + Duration::Hours(14)), 0u);
  EXPECT_EQ(SendAll(member, kMorning + Duration::Hours(15)), 10u);
  EXPECT_EQ(SendAll(member, kMorning + kDay * 5), 1000u) << "no limit any more";
}

// Not what one of them said last.
TEST_F(WarmupTest, OfEachDayTheLeastHoldsThatOneOfItsSitesSays) {
  WarmupMember one(warmup_, calls_, 1), other(warmup_, calls_, 2);
  warmup_->SetNumbersOf(one, {5, 100});
  warmup_->SetNumbersOf(other, {50, 20, 30});
  warmup_->SetNumbers({1000});  // Somebody asks who is not there yet.
  EXPECT_EQ(SendAll(other, kMorning), 5u);
  EXPECT_EQ(SendAll(one, kMorning + kDay), 20u);
  EXPECT_EQ(SendAll(one, kMorning + kDay * 2), 30u);
  EXPECT_EQ(SendAll(one, kMorning + kDay * 3), 1000u);
}

TEST_F(WarmupTest, WhatASiteSaidHoldsAsLongAsItIsThereAndSaysSo) {
  WarmupMember one(warmup_, calls_, 1);
  {
    WarmupMember other(warmup_, calls_, 2), same(warmup_, calls_, 3);
    warmup_->SetNumbersOf(one, {20});
    warmup_->SetNumbersOf(other, {5});
    warmup_->SetNumbersOf(same, {5});
    EXPECT_EQ(SendAll(one, kMorning), 5u);
    EXPECT_EQ(warmup_->Room(one, kMorning), 0u);
    warmup_->SetNumbersOf(other, {7});
    EXPECT_EQ(SendAll(one, kMorning), 0u) << "one says five";
    warmup_->SetNumbersOf(same, {7});
    EXPECT_THAT(calls_.sites, testing::Contains(1u));
    EXPECT_EQ(SendAll(one, kMorning), 2u);
  }
  EXPECT_EQ(SendAll(one, kMorning), 13u);
}

TEST_F(WarmupTest, ADayCountsThatIsUsedByFourFifths) {
  warmup_->SetNumbers({10, 20});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_EQ(SendAll(member, kMorning, 7), 7u);
  EXPECT_EQ(SendAll(member, kMorning + kDay, 8), 8u);
  EXPECT_EQ(SendAll(member, kMorning + kDay * 2), 20u);
}

TEST_F(WarmupTest, ADayWithASuspensionOrTooManyBadRepliesIsRepeated) {
  warmup_->SetNumbers({20, 40, 60});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_EQ(SendAll(member, kMorning), 20u);
  warmup_->OnSuspended(kMorning);
  EXPECT_EQ(SendAll(member, kMorning + kDay), 20u);
  warmup_->OnBad(kMorning + kDay);
  EXPECT_EQ(SendAll(member, kMorning + kDay * 2), 40u) << "one of twenty is within the share";
  for (int i = 0; i < 3; ++i) warmup_->OnBad(kMorning + kDay * 2);
  EXPECT_EQ(SendAll(member, kMorning + kDay * 3), 40u);
}

TEST_F(WarmupTest, WhatIsNotWrittenIsGivenBackAndWhoWaitsIsCalled) {
  warmup_->SetNumbers({2});
  WarmupMember one(warmup_, calls_, 1), other(warmup_, calls_, 2);
  EXPECT_TRUE(warmup_->Take(one, kMorning));
  EXPECT_TRUE(warmup_->Take(one, kMorning));
  EXPECT_EQ(warmup_->Room(other, kMorning), 0u);
  warmup_->GiveBack(one);
  EXPECT_THAT(calls_.sites, testing::ElementsAre(2));
  EXPECT_EQ(warmup_->Room(other, kMorning), 1u);
  EXPECT_TRUE(warmup_->Take(other, kMorning));
  EXPECT_FALSE(warmup_->Take(other, kMorning));
}

TEST_F(WarmupTest, ASiteThatGoesGivesBackWhatItHasNotWritten) {
  warmup_->SetNumbers({2});
  WarmupMember other(warmup_, calls_, 2);
  {
    WarmupMember one(warmup_, calls_, 1);
    EXPECT_TRUE(warmup_->Take(one, kMorning));
    EXPECT_TRUE(warmup_->Take(one, kMorning));
    warmup_->OnWritten(one);
    EXPECT_EQ(warmup_->Room(one, kMorning), 0u);
  }
  EXPECT_EQ(warmup_->Room(other, kMorning), 1u);
}

TEST_F(WarmupTest, WhatIsBegunAtMidnightIsOfTheNewDay) {
  warmup_->SetNumbers({4, 6});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_EQ(SendAll(member, kMorning, 3), 3u);
  EXPECT_TRUE(warmup_->Take(member, kMorning));
  EXPECT_EQ(warmup_->Room(member, kMorning + kDay), 3u) << "three of four are no used day";
  warmup_->GiveBack(member);
  EXPECT_EQ(SendAll(member, kMorning + kDay), 4u);
}

TEST_F(WarmupTest, AClockThatStepsBackBeginsNoDayTwice) {
  warmup_->SetNumbers({5, 10});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_EQ(SendAll(member, kMorning), 5u);
  EXPECT_EQ(SendAll(member, kMorning - Duration::Hours(10)), 0u);
  EXPECT_EQ(SendAll(member, kMorning), 0u);
  EXPECT_EQ(SendAll(member, kMorning - kDay * 30), 0u) << "it was wrong by a month";
  EXPECT_EQ(SendAll(member, kMorning - kDay * 29), 10u);
}

TEST_F(WarmupTest, OverflowIsTakenByWhoIsWarmOrHasRoom) {
  warmup_->SetNumbers({1, 2});
  WarmupMember member(warmup_, calls_, 1);
  EXPECT_TRUE(warmup_->MayTakeOverflow(kMorning, /*whole=*/false));
  EXPECT_FALSE(warmup_->MayTakeOverflow(kMorning, /*whole=*/true));
  EXPECT_EQ(SendAll(member, kMorning), 1u);
  EXPECT_FALSE(warmup_->MayTakeOverflow(kMorning, /*whole=*/false));
  EXPECT_EQ(SendAll(member, kMorning + kDay), 2u);
  EXPECT_TRUE(warmup_->MayTakeOverflow(kMorning + kDay * 2, /*whole=*/true));
}

// ---- what outlives the program ----

const HostLimits::GroupName kName{HostLimits::Kind::kProvider, "one", "big"};
constexpr Duration kUnsaved = Duration::Seconds(2);

// A program that is killed at any time: what it has sent is at most what is written down.
TEST(KeptWarmup, NothingIsSentThatIsNotPromised) {
  Calls calls;
  std::string file;
  std::uint64_t sent = 0;
  for (int program = 0; program < 8; ++program) {
    HostLimits limits(/*outlives=*/true);
    if (!file.empty()) {
      ASSERT_TRUE(limits.Load(file, "one", Instant(), kMorning).ok());
    }
    const auto warmup = limits.WarmupOf(kName, {80, 100});
    WarmupMember member(warmup, calls, 1);
    EXPECT_EQ(warmup->Room(member, kMorning), 0u);
    EXPECT_TRUE(limits.TakeNews());
    const std::string text = limits.Save("one", Instant(), kMorning, kUnsaved);
    EXPECT_FALSE(warmup->Take(member, kMorning)) << "it is not durable yet";
    file = text;
    limits.OnSaved("one");
    EXPECT_FALSE(calls.sites.empty()) << "who waits for it is called";
    calls.sites.clear();
    while (warmup->Take(member, kMorning)) {
      warmup->OnWritten(member);
      ++sent;
    }
  }
  EXPECT_EQ(sent, 80u);
  HostLimits limits(/*outlives=*/true);
  ASSERT_TRUE(limits.Load(file, "one", Instant(), kMorning).ok());
  const auto warmup = limits.WarmupOf(kName, {80, 100});
  WarmupMember member(warmup, calls, 1);
  (void)limits.Save("one", Instant(), kMorning, kUnsaved);
  limits.OnSaved("one");
  EXPECT_EQ(warmup->Room(member, kMorning), 0u);
}

// While the file is written the last of the promise is used, or the day ends: whoever waits is in the next promise.
TEST(KeptWarmup, WhoeverBeginsToWaitWhileAPromiseIsWrittenGetsTheNextOne) {
  Calls calls;
  HostLimits limits(/*outlives=*/true);
  const auto warmup = limits.WarmupOf(kName, {8, 16});
  WarmupMember member(warmup, calls, 1);
  const auto save = [&limits](WallTime now) { (void)limits.Save("one", Instant(), now, kUnsaved); };
  (void)warmup->Room(member, kMorning);
  save(kMorning);
  limits.OnSaved("one");
  ASSERT_EQ(warmup->Room(member, kMorning), 1u);
  save(kMorning);
  ASSERT_TRUE(warmup->Take(member, kMorning));
  EXPECT_EQ(warmup->Room(member, kMorning), 0u);
  limits.OnSaved("one");
  EXPECT_TRUE(limits.TakeNews());
  save(kMorning);
  limits.OnSaved("one");
  EXPECT_EQ(warmup->Room(member, kMorning), 1u);
  save(kMorning);
  calls.sites.clear();
  EXPECT_EQ(warmup->Room(member, kMorning + kDay), 0u) << "the day has ended";
  limits.OnSaved("one");
  EXPECT_THAT(calls.sites, testing::IsEmpty());
  EXPECT_TRUE(limits.TakeNews());
  save(kMorning + kDay);
  limits.OnSaved("one");
  EXPECT_THAT(calls.sites, testing::ElementsAre(1));
  EXPECT_EQ(warmup->Room(member, kMorning + kDay), 1u);
}

TEST(KeptWarmup, AnEndInOrderLosesNothing) {
  Calls calls;
  HostLimits first(/*outlives=*/true), second(/*outlives=*/true);
  {
    const auto warmup = first.WarmupOf(kName, {80, 100});
    WarmupMember member(warmup, calls, 1);
    (void)warmup->Room(member, kMorning);
    (void)first.Save("one", Instant(), kMorning, kUnsaved);
    first.OnSaved("one");
    EXPECT_TRUE(warmup->Take(member, kMorning));
    warmup->OnWritten(member);
  }
  ASSERT_TRUE(
      second.Load(first.Save("one", Instant(), kMorning, {}), "one", Instant(), kMorning + Duration::Hours(1)).ok());
  const auto again = second.WarmupOf(kName, {80, 100});
  WarmupMember member(again, calls, 1);
  std::uint64_t room = 0;
  for (int i = 0; i < 100; ++i) {
    (void)second.Save("one", Instant(), kMorning, kUnsaved);
    second.OnSaved("one");
    for (; again->Take(member, kMorning); ++room) again->OnWritten(member);
    (void)again->Room(member, kMorning);
  }
  EXPECT_EQ(room, 79u);
}

TEST(KeptWarmup, IsOfTheSourceAndIsForgottenWhereNothingWasSent) {
  Calls calls;
  HostLimits limits;
  for (int i = 0; i < 100; ++i) (void)limits.WarmupOf({HostLimits::Kind::kSite, "one", "mx" + std::to_string(i)}, {5});
  const auto used = limits.WarmupOf({HostLimits::Kind::kSite, "one", "used"}, {5});
  WarmupMember member(used, calls, 1);
  EXPECT_TRUE(used->Take(member, kMorning));
  EXPECT_THAT(limits.Save("one", Instant(), kMorning, {}),
              HasSubstr("warmup-site\tone\tused\t0\t20000\t1\t1\t0\t0\t5\n"));
  EXPECT_THAT(limits.Save("one", Instant(), kMorning, {}), Not(HasSubstr("mx")));
  EXPECT_THAT(limits.Save("two", Instant(), kMorning, {}), Not(HasSubstr("used")));
  EXPECT_EQ(limits.WarmupOf({HostLimits::Kind::kSite, "one", "used"}, {5}), used);
}

std::size_t LinesOf(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
}

// One line for each site however long it has been warming, and none for one whose first day achieved nothing.
TEST(KeptWarmup, OfAThousandSitesIsSmall) {
  Calls calls;
  std::string file;
  std::size_t largest = 0;
  for (int day = 0; day < 180; ++day) {
    const WallTime now = kMorning + kDay * day;
    HostLimits limits;
    if (!file.empty()) {
      ASSERT_TRUE(limits.Load(file, "one", Instant(), now).ok());
      EXPECT_EQ(LinesOf(limits.Save("one", Instant(), now, {})), 100u) << "those that achieved something, day " << day;
    }
    for (int site = 0; site < 1000; ++site) {
      const std::string name = "(mx1|mx2|mx3).mail.receiver" + std::to_string(site) + ".example";
      const auto warmup = limits.WarmupOf({HostLimits::Kind::kSite, "one", name}, {10, 20, 40});
      WarmupMember member(warmup, calls, 1);
      for (int sent = 0; sent < (site < 100 ? 8 : 7) && warmup->Take(member, now); ++sent) warmup->OnWritten(member);
    }
    file = limits.Save("one", Instant(), now, {});
    EXPECT_EQ(LinesOf(file), 1000u);
    largest = std::max(largest, file.size());
  }
  EXPECT_LT(largest, 100'000u);
  HostLimits limits;
  ASSERT_TRUE(limits.Load(file, "one", Instant(), kMorning + kDay * 360).ok());
  EXPECT_EQ(LinesOf(limits.Save("one", Instant(), kMorning + kDay * 360, {})), 0u);
}

// A program that runs over midnight, and has them from an earlier one.
TEST(KeptWarmup, AFirstDayThatAchievedNothingIsForgottenWhenItIsOver) {
  const std::string file = "sluice-limits 1 " + std::to_string(kMorning.microseconds()) +
                           "\nwarmup-provider\tone\tbig\t0\t20000\t7\t7\t0\t0\t10\n";
  HostLimits limits;
  ASSERT_TRUE(limits.Load(file, "one", Instant(), kMorning).ok());
  EXPECT_THAT(limits.Save("one", Instant(), kMorning, {}), HasSubstr("big"));
  EXPECT_THAT(limits.Save("one", Instant(), kMorning + kDay, {}), Not(HasSubstr("big")));
}

TEST(KeptWarmup, WhoHasRestedForHalfAYearBeginsAnew) {
  const std::string file = "sluice-limits 1 " + std::to_string(kMorning.microseconds()) +
                           "\nwarmup-provider\tone\tbig\t1\t20000\t80\t80\t0\t0\t-\n";
  for (const auto& [days, number] : {std::pair(1, 100u), std::pair(170, 100u), std::pair(190, 80u)}) {
    Calls calls;
    HostLimits limits;
    const WallTime now = kMorning + kDay * days;
    ASSERT_TRUE(limits.Load(file, "one", Instant(), now).ok());
    const auto warmup = limits.WarmupOf(kName, {80, 100, 120});
    WarmupMember member(warmup, calls, 1);
    EXPECT_EQ(warmup->Room(member, now), number + (days < 180 ? 20u : 0u)) << days;
  }
}

TEST(KeptWarmup, DamageIsFound) {
  for (const char* line :
       {"warmup-provider\tone\tbig\t1\t20000\t80\t79\t0\t0\t-\n", "warmup-provider\tone\n",
        "warmup-site\tone\tbig\t-1\t20000\t80\t80\t0\t0\t-\n", "warmup-site\tone\tbig\t1\t20000\t80\t80\t0\t2\t-\n",
        "warmup-site\tone\tbig\t1\t20000\t80\t80\t0\t1\tx\n"}) {
    HostLimits limits;
    EXPECT_TRUE(absl::IsDataLoss(
        limits.Load(std::string("sluice-limits 1 5\n") + line, "one", Instant(), WallTime::FromMicroseconds(5))
            .status()))
        << line;
  }
}

}  // namespace
}  // namespace delivery
