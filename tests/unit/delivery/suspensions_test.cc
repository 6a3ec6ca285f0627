#include "engine/delivery/suspensions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using testing::ElementsAre;
using testing::SizeIs;

constexpr Instant kNow = Instant::FromNanoseconds(1'000'000'000);
constexpr Instant kOver = kNow + Duration::Hours(1);
constexpr Suspension::Span kHour = {Duration::Hours(1), Duration::Hours(1)};
const std::vector<std::string> kAcme = ScopesOf("weekly", "acme"), kOther = ScopesOf("daily", "");

TEST(Suspensions, HoldThoseWhomTheyAreFor) {
  Suspensions suspensions;
  (void)suspensions.Suspend(TenantScope("acme"), kNow, kHour, "rule", "450 slow");
  EXPECT_EQ(suspensions.Last(kAcme).until(), kOver);
  EXPECT_FALSE(suspensions.Last(kOther).IsActive(kNow));
  (void)suspensions.Suspend(CampaignScope("daily"), kNow, kHour, "rule", "450 slow");
  EXPECT_TRUE(suspensions.Last(kOther).IsActive(kNow));
  EXPECT_FALSE(suspensions.Last(ScopesOf("monthly", "")).IsActive(kNow));
  (void)suspensions.Suspend(kEverybody, kNow, {Duration::Hours(2), Duration::Hours(2)}, "SpamBlock", "554");
  EXPECT_EQ(suspensions.Last(kAcme).reason(), "SpamBlock");
  EXPECT_THAT(suspensions.Lift(kAcme, kNow), ElementsAre("", "tenant:acme"));
  EXPECT_FALSE(suspensions.Last(kAcme).IsActive(kNow));
  EXPECT_TRUE(suspensions.Last(kOther).IsActive(kNow)) << "its own";
}

TEST(Suspensions, OneMessageIsTriedAtATime) {
  Suspensions suspensions;
  EXPECT_TRUE(suspensions.Try(kAcme));
  EXPECT_TRUE(suspensions.Try(kOther)) << "nothing is in doubt";
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  EXPECT_TRUE(suspensions.Try(kAcme));
  EXPECT_FALSE(suspensions.Try(kAcme));
  EXPECT_FALSE(suspensions.MayTry(kOther));
  EXPECT_TRUE(suspensions.EndTry(kAcme)) << "others wait";
  EXPECT_TRUE(suspensions.MayTry(kOther));
  EXPECT_TRUE(suspensions.Try(kOther)) << "it was given up: it says nothing";
  EXPECT_FALSE(suspensions.EndTry(kOther)) << "nobody waits";
}

TEST(Suspensions, AnAnswerToWhatWasBegunAfterwardsEndsTheDoubt) {
  Suspensions suspensions;
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kNow, kNow));
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kNow, kOver)) << "it was under way before";
  EXPECT_TRUE(suspensions.IsInDoubt(kEverybody));
  ASSERT_TRUE(suspensions.Try(kAcme));
  EXPECT_TRUE(suspensions.OnAnswered(kAcme, kOver, kOver));
  EXPECT_FALSE(suspensions.IsInDoubt(kEverybody));
  EXPECT_TRUE(suspensions.Try(kOther));
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kOver, kOver)) << "once";
}

TEST(Suspensions, ATenantsDoubtIsItsOwn) {
  Suspensions suspensions;
  (void)suspensions.Suspend(TenantScope("acme"), kNow, kHour, "rule", "450");
  EXPECT_TRUE(suspensions.Try(kAcme));
  EXPECT_TRUE(suspensions.Try(kOther));
  EXPECT_TRUE(suspensions.Try(kOther));
  EXPECT_FALSE(suspensions.Try(ScopesOf("monthly", "acme"))) << "another campaign of the tenant";
  EXPECT_FALSE(suspensions.OnAnswered(kOther, kOver, kOver));
  EXPECT_TRUE(suspensions.OnAnswered(kAcme, kOver, kOver));
  EXPECT_TRUE(suspensions.Try(ScopesOf("monthly", "acme")));
}

TEST(Suspensions, WhatIsOverIsKeptWhileItIsInDoubt) {
  Suspensions before, after;
  (void)before.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  (void)before.Suspend(TenantScope("acme"), kNow, {Duration::Hours(3), Duration::Hours(3)}, "rule", "450");
  const std::vector<Suspensions::Kept> kept = before.Keep(kOver);
  ASSERT_THAT(kept, SizeIs(2));
  for (const Suspensions::Kept& one : kept) after.Restore(one, kNow);
  EXPECT_FALSE(after.IsActive(kEverybody, kNow));
  EXPECT_TRUE(after.IsInDoubt(kEverybody));
  EXPECT_EQ(after.Last(kAcme).until(), kNow + Duration::Hours(2));
  EXPECT_FALSE(after.IsUnused(kNow, Duration::Hours(1)));
  EXPECT_TRUE(after.IsUnused(kNow + Duration::Hours(3), Duration::Hours(1)));
  EXPECT_TRUE(after.OnAnswered(kOther, kNow, kNow));
  EXPECT_THAT(after.Keep(kNow), SizeIs(1));
}

}  // namespace
}  // namespace delivery
