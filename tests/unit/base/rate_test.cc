#include "engine/base/rate.h"

#include "gtest/gtest.h"

namespace base {
namespace {

TEST(Rate, IsANumberOverAPeriod) {
  EXPECT_EQ(*ParseRate("100/min"), (Rate{100, Duration::Minutes(1), std::nullopt}));
  EXPECT_EQ(*ParseRate("10_000/h"), (Rate{10'000, Duration::Hours(1), std::nullopt}));
  EXPECT_EQ(*ParseRate("local:1,000/day"), (Rate{1000, Duration::Hours(24), std::nullopt}));
  EXPECT_EQ(*ParseRate(" 5 / s , max_burst=3"), (Rate{5, Duration::Seconds(1), 3}));
  EXPECT_EQ(*ParseRate("0/s"), (Rate{0, Duration::Seconds(1), std::nullopt}));
  for (const char* seconds : {"7/s", "7/sec", "7/second"}) EXPECT_EQ(ParseRate(seconds)->period, Duration::Seconds(1));
  for (const char* minutes : {"7/m", "7/min", "7/minute"}) EXPECT_EQ(ParseRate(minutes)->period, Duration::Minutes(1));
  for (const char* hours : {"7/h", "7/hr", "7/hour"}) EXPECT_EQ(ParseRate(hours)->period, Duration::Hours(1));
  for (const char* days : {"7/d", "7/day"}) EXPECT_EQ(ParseRate(days)->period, Duration::Hours(24));
  EXPECT_EQ(*ParseRate("10/5m"), (Rate{10, Duration::Minutes(5), std::nullopt}));
  EXPECT_EQ(*ParseRate("local:100/123min,max_burst=7"), (Rate{100, Duration::Minutes(123), 7}));
  EXPECT_EQ(ParseRate("1/100d")->period, Duration::Hours(2400));
}

TEST(Rate, OfAnotherFormIsRefused) {
  for (const char* bad : {"",
                          "5",
                          "/s",
                          "5/",
                          "x/s",
                          "-5/s",
                          "5/fortnight",
                          "5/s,",
                          "5/s,burst=3",
                          "5/s,max_burst=0",
                          "5/s,max_burst=",
                          "1/d,max_burst=36601",
                          "_5/s",
                          "5_/s",
                          "1.5/s",
                          "1000000000001/s",
                          "99999999999999999999/s",
                          "5/0m",
                          "5/-1m",
                          "5/5",
                          "5/5 m",
                          "5/101d",
                          "5/99999999999999999999s"}) {
    EXPECT_FALSE(ParseRate(bad).ok()) << bad;
  }
}

TEST(Rate, IsComparedOverALongTime) {
  EXPECT_TRUE(IsSlower(*ParseRate("59/min"), *ParseRate("1/s")));
  EXPECT_FALSE(IsSlower(*ParseRate("60/min"), *ParseRate("1/s")));
  EXPECT_TRUE(IsSlower(*ParseRate("1000000000000/d"), *ParseRate("1000000000000/s")));
  EXPECT_TRUE(IsSlower(*ParseRate("1000000000000/100d"), *ParseRate("1000000000000/99d")));
}

TEST(Rate, IsWrittenAsItIsRead) {
  for (const char* text : {"5/s", "100/min", "10/5min", "3/90s", "2/36h", "10/h,max_burst=5", "7/d"})
    EXPECT_EQ(ToString(*ParseRate(text)), text);
}

}  // namespace
}  // namespace base
