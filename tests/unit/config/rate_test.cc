#include "engine/config/rate.h"

#include "engine/config/address_set.h"
#include "gtest/gtest.h"

namespace config {
namespace {

using base::Duration;

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
}

TEST(Rate, OfAnotherFormIsRefused) {
  for (const char* bad : {"", "5", "/s", "5/", "x/s", "-5/s", "5/fortnight", "5/s,", "5/s,burst=3", "5/s,max_burst=0",
                          "5/s,max_burst=", "_5/s", "5_/s", "1.5/s", "1000000000001/s", "99999999999999999999/s"}) {
    EXPECT_FALSE(ParseRate(bad).ok()) << bad;
  }
}

TEST(Rate, IsComparedOverALongTime) {
  EXPECT_TRUE(IsSlower(*ParseRate("59/min"), *ParseRate("1/s")));
  EXPECT_FALSE(IsSlower(*ParseRate("60/min"), *ParseRate("1/s")));
  EXPECT_TRUE(IsSlower(*ParseRate("1000000000000/d"), *ParseRate("1000000000000/s")));
}

TEST(Rate, IsWrittenAsItIsRead) {
  for (const char* text : {"5/s", "100/min", "10/h,max_burst=5", "7/d"}) EXPECT_EQ(ToString(*ParseRate(text)), text);
}

TEST(AddressSet, HasTheAddressesOfItsRanges) {
  AddressSet set;
  EXPECT_FALSE(set.Contains(*base::IpAddress::Parse("192.0.2.1")));
  EXPECT_TRUE(set.Add("192.0.2.64/26"));
  EXPECT_TRUE(set.Add("2001:db8::/33"));
  EXPECT_TRUE(set.Add("203.0.113.9"));
  const auto contains = [&set](const char* text) { return set.Contains(*base::IpAddress::Parse(text)); };
  EXPECT_TRUE(contains("192.0.2.64"));
  EXPECT_TRUE(contains("192.0.2.127"));
  EXPECT_FALSE(contains("192.0.2.63"));
  EXPECT_FALSE(contains("192.0.2.128"));
  EXPECT_TRUE(contains("2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8:8000::1"));
  EXPECT_TRUE(contains("203.0.113.9"));
  EXPECT_FALSE(contains("203.0.113.8"));
  EXPECT_TRUE(set.Add("0.0.0.0/0"));
  EXPECT_TRUE(contains("8.8.8.8"));
  EXPECT_FALSE(contains("2a00::1"));
}

TEST(AddressSet, TakesNothingElse) {
  AddressSet set;
  for (const char* bad :
       {"", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "/8", "192.0.2/24", "::/129", "mx.example"}) {
    EXPECT_FALSE(set.Add(bad)) << bad;
  }
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace config
