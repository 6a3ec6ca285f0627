#include "engine/base/duration_text.h"

#include "gtest/gtest.h"

namespace base {
namespace {

TEST(DurationText, IsNumbersWithUnitsAddedUp) {
  EXPECT_EQ(*ParseDuration("500ms"), Duration::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("5m"), Duration::Minutes(5));
  EXPECT_EQ(*ParseDuration("3 days"), Duration::Hours(72));
  EXPECT_EQ(*ParseDuration("1.5 h"), Duration::Minutes(90));
  EXPECT_EQ(*ParseDuration(" 1h 30min10 s "), Duration::Seconds(5410));
  EXPECT_EQ(*ParseDuration("2 Weeks"), Duration::Hours(336));
  EXPECT_EQ(*ParseDuration("0s"), Duration());
  EXPECT_EQ(*ParseDuration("3650d"), Duration::Hours(87'600));
}

TEST(DurationText, OfAnotherFormOrTooLongIsRefused) {
  for (const char* bad : {"", "5", "m", "5 fortnights", "-5m", "1.m", ".5m", "5m 3", "3651d", "3650d 1s", "1h,30m",
                          "9999999999999999s", "999999999999999w"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace base
