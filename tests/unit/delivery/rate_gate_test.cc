#include "engine/delivery/rate_gate.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000'000);

TEST(RateGate, PassesABurstAndThenTheEvenRate) {
  RateGate gate({.count = 10, .period = Duration::Seconds(1), .burst_max = 3}, kStart);
  EXPECT_EQ(gate.Available(kStart), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate.TryPass(kStart));
  EXPECT_FALSE(gate.TryPass(kStart));
  EXPECT_EQ(gate.OpensAt(), kStart + Duration::Milliseconds(100));
  EXPECT_FALSE(gate.TryPass(kStart + Duration::Milliseconds(99)));
  EXPECT_TRUE(gate.TryPass(kStart + Duration::Milliseconds(100)));
  EXPECT_FALSE(gate.TryPass(kStart + Duration::Milliseconds(100)));
}

TEST(RateGate, ARestNeverSavesUpMoreThanTheBurst) {
  RateGate gate({.count = 5, .period = Duration::Seconds(1), .burst_max = 2}, kStart);
  const Instant later = kStart + Duration::Hours(10);
  EXPECT_EQ(gate.Available(later), 2u);
  EXPECT_TRUE(gate.TryPass(later));
  EXPECT_TRUE(gate.TryPass(later));
  EXPECT_FALSE(gate.TryPass(later));
}

TEST(RateGate, RatesAreRatiosWithoutRoundingDrift) {
  RateGate gate({.count = 7, .period = Duration::Hours(24), .burst_max = 1}, kStart);
  Instant now = kStart;
  for (int i = 0; i < 70; ++i) {
    ASSERT_TRUE(gate.TryPass(now)) << i;
    ASSERT_FALSE(gate.TryPass(now)) << i;
    now = gate.OpensAt();
  }
  EXPECT_GE(now - kStart, Duration::Hours(240));
  EXPECT_LE(now - kStart, Duration::Hours(240) + Duration::Microseconds(1));
}

TEST(RateGate, ALateOneDoesNotPutOffTheOthers) {
  RateGate gate({.count = 100, .period = Duration::Seconds(1), .burst_max = 1, .late_most = Duration::Milliseconds(5)},
                kStart);
  Instant now = kStart;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(gate.TryPass(now));
    now = gate.OpensAt() + Duration::Milliseconds(3);
  }
  EXPECT_LE(now - kStart, Duration::Milliseconds(10'010));
  EXPECT_GE(now - kStart, Duration::Milliseconds(10'000));
  now = now + Duration::Hours(1);  // After a rest it is one, and the next one half an interval later.
  EXPECT_TRUE(gate.TryPass(now));
  EXPECT_FALSE(gate.TryPass(now + Duration::Microseconds(4'999)));
  EXPECT_TRUE(gate.TryPass(now + Duration::Microseconds(5'000)));
  EXPECT_EQ(gate.OpensAt(), now + Duration::Milliseconds(15));
}

TEST(RateGate, ZeroClosesIt) {
  RateGate gate({.count = 0, .period = Duration::Seconds(1), .burst_max = 1}, kStart);
  EXPECT_FALSE(gate.TryPass(kStart + Duration::Hours(1)));
  EXPECT_TRUE(gate.OpensAt().IsNever());
}

TEST(RateGate, AvailableIsWhatTryPassThenGrants) {
  RateGate gate({.count = 1000, .period = Duration::Seconds(1), .burst_max = 16}, kStart);
  Instant now = kStart;
  for (int turn = 0; turn < 200; ++turn) {
    std::uint64_t granted = 0;
    const std::uint64_t available = gate.Available(now);
    while (gate.TryPass(now)) ++granted;
    ASSERT_EQ(granted, available);
    now = now + Duration::Microseconds(turn * 137);
  }
}

TEST(RateGate, WhatHasPassedCountsAtANewRateToo) {
  RateGate gate({.count = 1, .period = Duration::Seconds(10), .burst_max = 1}, kStart);
  EXPECT_TRUE(gate.TryPass(kStart));
  gate.SetOptions({.count = 2, .period = Duration::Seconds(10), .burst_max = 1}, kStart);
  EXPECT_FALSE(gate.TryPass(kStart));
  EXPECT_EQ(gate.OpensAt(), kStart + Duration::Seconds(5));
  gate.SetOptions({.count = 1, .period = Duration::Hours(1), .burst_max = 1}, kStart + Duration::Seconds(1));
  EXPECT_EQ(gate.OpensAt(), kStart + Duration::Seconds(5));
}

// As where two automation rules set the rate in turn.
TEST(RateGate, NobodyGainsByRatesThatComeAndGo) {
  const RateGate::Options fast{.count = 5, .period = Duration::Minutes(1), .burst_max = 1};
  const RateGate::Options slow{.count = 3, .period = Duration::Minutes(1), .burst_max = 1};
  RateGate gate(fast, kStart);
  EXPECT_TRUE(gate.TryPass(kStart));
  for (int i = 0; i < 10; ++i) {
    gate.SetOptions(slow, kStart + Duration::Milliseconds(i));
    gate.SetOptions(fast, kStart + Duration::Milliseconds(i));
  }
  EXPECT_GE(gate.OpensAt(), kStart + Duration::Seconds(12) - Duration::Microseconds(1));
  EXPECT_LE(gate.OpensAt(), kStart + Duration::Seconds(12));
  gate.SetOptions(slow, kStart + Duration::Seconds(5));
  EXPECT_TRUE(gate.TryPass(kStart + Duration::Seconds(12)));  // Under the slow one…
  gate.SetOptions(fast, kStart + Duration::Seconds(12));      // …and counts by the fast one from now on.
  EXPECT_GE(gate.OpensAt(), kStart + Duration::Seconds(24) - Duration::Microseconds(1));
  EXPECT_LE(gate.OpensAt(), kStart + Duration::Seconds(24));
}

TEST(RateGate, AFastRateAfterASlowOneHoldsAtOnce) {
  RateGate gate({.count = 1, .period = Duration::Hours(24), .burst_max = 1}, kStart);
  EXPECT_TRUE(gate.TryPass(kStart));
  gate.SetOptions({.count = 1'000'000, .period = Duration::Seconds(1), .burst_max = 1}, kStart + Duration::Seconds(1));
  EXPECT_TRUE(gate.TryPass(kStart + Duration::Seconds(1) + Duration::Microseconds(1)));
}

TEST(RateGate, SaysWhenItIsAsIfMadeAnew) {
  RateGate gate({.count = 10, .period = Duration::Seconds(1), .burst_max = 3}, kStart);
  EXPECT_LE(gate.RestedAfter(kStart, {}), kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate.TryPass(kStart));
  EXPECT_EQ(gate.RestedAfter(kStart, {}), kStart + Duration::Milliseconds(300));
  EXPECT_FALSE(gate.IsRested(gate.RestedAfter(kStart, {}) - Duration::Milliseconds(1)));
  EXPECT_TRUE(gate.IsRested(gate.RestedAfter(kStart, {})));
}

TEST(RateGate, ARateOfZeroBetweenTwoOthersIsNoDebt) {
  const Instant late = Instant() + Duration::Hours(240);
  RateGate gate({.count = 100, .period = Duration::Seconds(1)}, late);
  EXPECT_TRUE(gate.TryPass(late));
  gate.SetOptions({.count = 0, .period = Duration::Seconds(1)}, late);
  EXPECT_FALSE(gate.TryPass(late + Duration::Seconds(5)));
  gate.SetOptions({.count = 10, .period = Duration::Seconds(1)}, late + Duration::Seconds(5));
  EXPECT_TRUE(gate.TryPass(late + Duration::Seconds(6)));
}

}  // namespace
}  // namespace delivery
