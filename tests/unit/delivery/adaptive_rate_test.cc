#include "engine/delivery/adaptive_rate.h"

#include <gtest/gtest.h>

#include "engine/delivery/rate_gate.h"

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

// A receiver that takes `limit` messages each second, with a burst of a tenth of a second's, and is sent `most`.
struct Receiver {
  Receiver(std::uint64_t limit, double most_per_second)
      : gate({limit, Duration::Seconds(1), std::max<std::uint64_t>(1, limit / 10)}, Instant()), most(most_per_second) {}

  struct Result {
    double accepted = 0, throttled = 0;  // Per second.
  };
  Result Run(Duration time) {
    Result result;
    const Instant end = now + time;
    while (now < end) {
      rate.Grow(now);
      const double per_second = rate.per_second() > 0 ? std::min(most, rate.per_second()) : most;
      now = now + Duration::Nanoseconds(static_cast<std::int64_t>(1e9 / per_second));
      if (gate.TryPass(now)) {
        rate.OnAccepted();
        ++result.accepted;
      } else {
        rate.OnThrottled(now, now);
        ++result.throttled;
      }
    }
    const double seconds = static_cast<double>(time.nanoseconds()) / 1e9;
    return {result.accepted / seconds, result.throttled / seconds};
  }

  AdaptiveRate rate;
  RateGate gate;
  const double most;
  Instant now = Instant::FromNanoseconds(1);
};

class Convergence : public ::testing::TestWithParam<std::pair<std::uint64_t, double>> {};

TEST_P(Convergence, FindsAHiddenLimitWithinTwoMinutes) {
  const auto [limit, times] = GetParam();
  Receiver receiver(limit, static_cast<double>(limit) * times);
  receiver.Run(Duration::Minutes(2));
  const Receiver::Result result = receiver.Run(Duration::Minutes(30));
  EXPECT_GE(result.accepted, 0.9 * static_cast<double>(limit));
  EXPECT_LT(result.throttled, 0.01 * (result.accepted + result.throttled));
}

INSTANTIATE_TEST_SUITE_P(Limits, Convergence,
                         ::testing::Values(std::pair(20ul, 4.0), std::pair(20ul, 1.2), std::pair(100ul, 4.0),
                                           std::pair(100ul, 2.0), std::pair(1000ul, 4.0), std::pair(5000ul, 1.5)));

TEST(AdaptiveRate, LimitsNothingWithoutAComplaint) {
  Receiver receiver(1000, 500);
  EXPECT_EQ(receiver.Run(Duration::Minutes(5)).throttled, 0);
  EXPECT_FALSE(receiver.rate.rate().has_value());
}

TEST(AdaptiveRate, AFewComplaintsSayNothingAboutARate) {
  AdaptiveRate rate;
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(rate.OnThrottled(Instant(), Instant() + Duration::Seconds(i)));
  EXPECT_FALSE(rate.rate().has_value());
  EXPECT_TRUE(rate.OnThrottled(Instant(), Instant() + Duration::Seconds(10)));
}

// With the first connections some come at one moment; the others say nothing of what it takes of more connections.
TEST(AdaptiveRate, AFewComplaintsWhileMoreAndMoreIsSentDoNotTellWhatIsTaken) {
  AdaptiveRate rate;
  Instant now;
  const auto send = [&](int each_second, int seconds) {
    for (int i = 0; i < each_second * seconds; ++i) {
      now = now + Duration::Seconds(1) / each_second;
      rate.OnAccepted();
    }
  };
  for (int second = 0; second < 3; ++second) {
    EXPECT_FALSE(rate.OnThrottled(now, now));
    send(100, 1);
  }
  send(300, 5);
  for (int i = 0; i < 300 && !rate.rate().has_value(); ++i) {
    rate.OnThrottled(now, now);
    send(300, 1);
  }
  EXPECT_NEAR(rate.per_second(), 300 * 0.97, 1);
}

// At 20/s there are 1200 in a minute: a quarter of a percent of them is no reason.
TEST(AdaptiveRate, AFewComplaintsDoNotLowerARateThatIsKnown) {
  AdaptiveRate rate;
  rate.Restore(20, Instant());
  const auto complain = [&rate](Instant at) { return rate.OnThrottled(at, at); };
  for (int minute = 0; minute < 3; ++minute) {
    const Instant at = Instant() + Duration::Seconds(20 + 61 * minute);
    EXPECT_FALSE(complain(at));
    for (int i = 0; i < 26; ++i) rate.OnAccepted();
    EXPECT_FALSE(complain(at + Duration::Milliseconds(1300)));
  }
  EXPECT_EQ(rate.per_second(), 20);
  for (int i = 0; i < 130; ++i) rate.OnAccepted();
  EXPECT_TRUE(complain(Instant() + Duration::Seconds(150)));  // The third one of a minute.
  EXPECT_DOUBLE_EQ(rate.per_second(), 20 * 0.97);             // By no more, though it has accepted 19.5/s.
}

TEST(AdaptiveRate, AFewComplaintsDoNotTakeGrowthBack) {
  AdaptiveRate rate;
  rate.Restore(18, Instant());
  Instant now = Instant() + Duration::Seconds(30);
  ASSERT_TRUE(rate.Grow(now));
  const double grown = rate.per_second();
  for (int i = 0; i < 2; ++i) {
    now = now + Duration::Seconds(1);
    EXPECT_FALSE(rate.OnThrottled(now, now));
  }
  EXPECT_FALSE(rate.Grow(now + Duration::Seconds(9)));  // But it grows no further for a while.
  EXPECT_EQ(rate.per_second(), grown);
  now = now + Duration::Seconds(1);
  EXPECT_TRUE(rate.OnThrottled(now, now));
  EXPECT_EQ(rate.per_second(), 18);
}

// A receiver that counts by the second has its number already, of what was sent before the rate fell.
TEST(AdaptiveRate, WhatIsRefusedRightAfterADecreaseSaysNothing) {
  AdaptiveRate rate;
  rate.Restore(20, Instant());
  Instant now;
  for (int i = 0; i < 19; ++i) {
    now = now + Duration::Milliseconds(50);
    EXPECT_FALSE(rate.OnThrottled(now, now));
  }
  for (int i = 0; i < 20; ++i) {
    now = now + Duration::Milliseconds(50);
    rate.OnAccepted();
  }
  EXPECT_FALSE(rate.OnThrottled(now, now));
  EXPECT_EQ(rate.per_second(), 20);
}

TEST(AdaptiveRate, RecoversSlowlyAndForgetsAfterAnHour) {
  Receiver receiver(100, 400);
  receiver.Run(Duration::Minutes(1));
  receiver.gate.SetOptions({100'000, Duration::Seconds(1), 1000}, receiver.now);
  const double before = receiver.rate.per_second();
  receiver.Run(Duration::Minutes(5));
  EXPECT_GT(receiver.rate.per_second(), before * 1.1);
  EXPECT_LT(receiver.rate.per_second(), before * 1.5);
  receiver.Run(Duration::Minutes(70));
  EXPECT_FALSE(receiver.rate.rate().has_value());
}

TEST(AdaptiveRate, GoesOnAfterARestart) {
  AdaptiveRate rate;
  rate.Restore(12.5, Instant());
  EXPECT_EQ(rate.rate(), (base::Rate{12'500, Duration::Seconds(1000), std::nullopt}));
  EXPECT_FALSE(rate.Grow(Instant() + Duration::Seconds(29)));
  EXPECT_TRUE(rate.Grow(Instant() + Duration::Seconds(30)));
}

}  // namespace
}  // namespace delivery
