#include "engine/delivery/suspension.h"

#include <gtest/gtest.h>

#include <string>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000);
constexpr Suspension::Span kHours = {Duration::Hours(1), Duration::Hours(12)};

TEST(Suspension, DoublesUpToTheLongestAndStartsAgainAfterADelivery) {
  Suspension suspension;
  EXPECT_FALSE(suspension.IsActive(kStart));
  Instant now = kStart;
  for (const int hours : {1, 2, 4, 8, 12, 12}) {
    EXPECT_EQ(suspension.Suspend(now, kHours, "blocked", "550 5.7.1 no"), now + Duration::Hours(hours));
    EXPECT_TRUE(suspension.IsActive(now));
    now = suspension.until();
    EXPECT_FALSE(suspension.IsActive(now));
  }
  suspension.Forgive();
  EXPECT_EQ(suspension.Suspend(now, kHours, "blocked", ""), now + Duration::Hours(1));
}

// An automation rule's two hours are no first step.
TEST(Suspension, WhatSomebodyElseHasSaidIsNotDoubled) {
  Suspension suspension;
  suspension.SuspendUntil(kStart + Duration::Hours(2), kStart, "rule", "450 slow");
  EXPECT_EQ(suspension.until(), kStart + Duration::Hours(2));
  EXPECT_EQ(suspension.since(), kStart);
  suspension.SuspendUntil(kStart + Duration::Hours(1), kStart, "shorter", "");
  EXPECT_EQ(suspension.until(), kStart + Duration::Hours(2));
  EXPECT_EQ(suspension.reason(), "rule");
  const Suspension::Span minutes = {Duration::Minutes(5), Duration::Hours(1)};
  Instant now = suspension.until();
  EXPECT_EQ(suspension.Suspend(now, minutes, "refused", "421"), now + Duration::Minutes(5));
  now = suspension.until();
  suspension.SuspendUntil(now + Duration::Hours(2), now, "rule", "450 slow");
  now = suspension.until();
  EXPECT_EQ(suspension.Suspend(now, minutes, "refused", "421"), now + Duration::Minutes(10));
}

TEST(Suspension, AShorterOneNeverEndsALongerOne) {
  Suspension suspension;
  const Instant until = suspension.Suspend(kStart, {Duration::Hours(6), Duration::Hours(6)}, "long", "a");
  suspension.Forgive();
  EXPECT_EQ(suspension.Suspend(kStart, {Duration::Minutes(5), Duration::Hours(1)}, "short", "b"), until);
  EXPECT_EQ(suspension.reason(), "long");
}

TEST(Breaker, BouncesThreeHoldsTheNextAndOpensAtTen) {
  Breaker breaker;
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(breaker.OnRefusal("refused", false), Breaker::Advice::kBounce) << i;
  for (int i = 4; i <= 9; ++i) EXPECT_EQ(breaker.OnRefusal("refused", false), Breaker::Advice::kHold) << i;
  EXPECT_EQ(breaker.OnRefusal("refused", false), Breaker::Advice::kOpen);
  EXPECT_EQ(breaker.OnRefusal("refused", true), Breaker::Advice::kOpen);
}

TEST(Breaker, ADeliveryOrAnotherTextStartsItAgain) {
  Breaker breaker;
  for (int i = 0; i < 9; ++i) (void)breaker.OnRefusal("refused", false);
  breaker.OnDelivery();
  EXPECT_EQ(breaker.OnRefusal("refused", false), Breaker::Advice::kBounce);
  for (int i = 0; i < 8; ++i) (void)breaker.OnRefusal("refused", false);
  EXPECT_EQ(breaker.OnRefusal("another", false), Breaker::Advice::kBounce);
}

TEST(Breaker, WhoWasHeldBeforeIsBouncedWhileItIsClosedAndDoesNotCountTwice) {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) (void)breaker.OnRefusal("refused", false);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(breaker.OnRefusal("refused", true), Breaker::Advice::kBounce);
  EXPECT_EQ(breaker.OnRefusal("refused", false), Breaker::Advice::kHold);
}

}  // namespace
}  // namespace delivery
