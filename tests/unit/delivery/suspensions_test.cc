#include "engine/delivery/suspensions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
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
  EXPECT_EQ(suspensions.Try(kAcme), Suspensions::kNoTry);
  EXPECT_EQ(suspensions.Try(kOther), Suspensions::kNoTry) << "nothing is in doubt";
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  const std::optional<Suspensions::TryNumber> first = suspensions.Try(kAcme);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(suspensions.Try(kAcme), std::nullopt);
  EXPECT_FALSE(suspensions.MayTry(kOther));
  EXPECT_TRUE(suspensions.EndTry(kAcme, *first)) << "others wait";
  EXPECT_TRUE(suspensions.MayTry(kOther));
  const std::optional<Suspensions::TryNumber> second = suspensions.Try(kOther);
  ASSERT_TRUE(second.has_value()) << "it was given up: it says nothing";
  EXPECT_FALSE(suspensions.EndTry(kOther, *second)) << "nobody waits";
}

TEST(Suspensions, ATryEndsOnlyItself) {
  Suspensions suspensions;
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  (void)suspensions.Suspend(CampaignScope("weekly"), kNow, kHour, "rule", "450");
  const std::optional<Suspensions::TryNumber> weekly = suspensions.Try(kAcme);
  ASSERT_TRUE(weekly.has_value());
  EXPECT_TRUE(suspensions.OnAnswered(kOther, kOver, kOver)) << "of everybody";
  (void)suspensions.Suspend(kEverybody, kOver, kHour, "SpamBlock", "554");
  const std::optional<Suspensions::TryNumber> daily = suspensions.Try(kOther);
  ASSERT_TRUE(daily.has_value());
  EXPECT_FALSE(suspensions.EndTry(kAcme, *weekly));
  EXPECT_FALSE(suspensions.MayTry(kOther)) << "the other campaign's is under way";
  EXPECT_TRUE(suspensions.EndTry(kOther, *daily));
  EXPECT_TRUE(suspensions.MayTry(kAcme)) << "of both";
}

TEST(Suspensions, WhatWasUnderWayWhenItWasLiftedLeavesTheDoubt) {
  Suspensions suspensions;
  const Instant lifted = kNow + Duration::Minutes(10);
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  EXPECT_THAT(suspensions.Lift(kAcme, lifted), ElementsAre(""));
  EXPECT_FALSE(suspensions.IsActive(kEverybody, lifted));
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kNow, lifted + Duration::Minutes(1)));
  EXPECT_TRUE(suspensions.IsInDoubt(kEverybody));
  EXPECT_THAT(suspensions.Lift(kAcme, kOver), ElementsAre()) << "it is over already";
  EXPECT_TRUE(suspensions.OnAnswered(kAcme, lifted, lifted + Duration::Minutes(1)));
}

TEST(Suspensions, AnAnswerToWhatWasBegunAfterwardsEndsTheDoubt) {
  Suspensions suspensions;
  (void)suspensions.Suspend(kEverybody, kNow, kHour, "SpamBlock", "554");
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kNow, kNow));
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kNow, kOver)) << "it was under way before";
  EXPECT_TRUE(suspensions.IsInDoubt(kEverybody));
  ASSERT_TRUE(suspensions.Try(kAcme).has_value());
  EXPECT_TRUE(suspensions.OnAnswered(kAcme, kOver, kOver));
  EXPECT_FALSE(suspensions.IsInDoubt(kEverybody));
  EXPECT_TRUE(suspensions.Try(kOther).has_value());
  EXPECT_FALSE(suspensions.OnAnswered(kAcme, kOver, kOver)) << "once";
}

TEST(Suspensions, ATenantsDoubtIsItsOwn) {
  Suspensions suspensions;
  (void)suspensions.Suspend(TenantScope("acme"), kNow, kHour, "rule", "450");
  EXPECT_TRUE(suspensions.Try(kAcme).has_value());
  EXPECT_TRUE(suspensions.Try(kOther).has_value());
  EXPECT_TRUE(suspensions.Try(kOther).has_value());
  EXPECT_FALSE(suspensions.Try(ScopesOf("monthly", "acme")).has_value()) << "another campaign of the tenant";
  EXPECT_FALSE(suspensions.OnAnswered(kOther, kOver, kOver));
  EXPECT_TRUE(suspensions.OnAnswered(kAcme, kOver, kOver));
  EXPECT_TRUE(suspensions.Try(ScopesOf("monthly", "acme")).has_value());
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
