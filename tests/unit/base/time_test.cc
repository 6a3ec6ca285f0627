#include "engine/base/time.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Duration, ConvertsBetweenUnits) {
  EXPECT_EQ(Duration::Hours(2), Duration::Minutes(120));
  EXPECT_EQ(Duration::Milliseconds(1'500).seconds(), 1);
  EXPECT_EQ(Duration::Milliseconds(-1'500).seconds(), -1);
  EXPECT_EQ(Duration::Microseconds(3).nanoseconds(), 3'000);
  EXPECT_EQ(Duration::Seconds(1) * 90 / 60, Duration::Milliseconds(1'500));
  EXPECT_EQ(Duration::Seconds(1) - Duration::Seconds(3), Duration::Seconds(-2));
  EXPECT_EQ(Duration(), Duration::Nanoseconds(0));
}

TEST(Instant, NeverIsLaterThanEverythingAndStaysNever) {
  const Instant now = Instant::FromNanoseconds(5);
  EXPECT_LT(now, Instant::Never());
  EXPECT_TRUE((Instant::Never() + Duration::Hours(1)).IsNever());
  EXPECT_TRUE((Instant::Never() - Duration::Hours(1)).IsNever());
  EXPECT_EQ((now + Duration::Nanoseconds(2)) - now, Duration::Nanoseconds(2));
}

TEST(WallTime, GoesBeforeTheEpochToo) {
  const WallTime before = WallTime::FromSeconds(1) - Duration::Seconds(3);
  EXPECT_EQ(before.seconds(), -2);
  EXPECT_EQ(WallTime() - before, Duration::Seconds(2));
  EXPECT_EQ(WallTime::FromSeconds(1) + Duration::Nanoseconds(1'999), WallTime::FromMicroseconds(1'000'001));
}

}  // namespace
}  // namespace base
