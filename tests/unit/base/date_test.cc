#include "engine/base/date.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace base {
namespace {

WallTime Of(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return WallTime::FromSeconds(SecondsFromCivil(year, month, day, hour, minute, second));
}

TEST(Date, CountsDaysAsTheGregorianCalendarDoes) {
  EXPECT_EQ(SecondsFromCivil(1970, 1, 1, 0, 0, 0), 0);
  EXPECT_EQ(SecondsFromCivil(2000, 2, 29, 0, 0, 0), 951'782'400);
  EXPECT_EQ(SecondsFromCivil(2026, 11, 24, 9, 0, 0), 1'795'510'800);
  EXPECT_EQ(SecondsFromCivil(1969, 12, 31, 23, 59, 59), -1);
  EXPECT_EQ(SecondsFromCivil(2100, 3, 1, 0, 0, 0) - SecondsFromCivil(2100, 2, 28, 0, 0, 0), 86'400);  // No leap year.
  EXPECT_EQ(SecondsFromCivil(2400, 3, 1, 0, 0, 0) - SecondsFromCivil(2400, 2, 28, 0, 0, 0), 2 * 86'400);
}

TEST(Date, RendersWhatItReadsForEveryDayOfManyYears) {
  for (std::int64_t day = -719'528; day < 2'932'896; day += 37) {  // The years 0 to 9999.
    const WallTime time = WallTime::FromSeconds(day * 86'400 + 3'723);
    const std::string text = FormatRfc3339(time);
    ASSERT_EQ(ParseRfc3339(text), time) << text;
  }
}

TEST(Date, RendersRfc3339) {
  EXPECT_EQ(FormatRfc3339(Of(2026, 11, 24, 9, 5, 7)), "2026-11-24T09:05:07Z");
  EXPECT_EQ(FormatRfc3339Microseconds(Of(2026, 11, 24) + Duration::Microseconds(42)), "2026-11-24T00:00:00.000042Z");
  EXPECT_EQ(FormatRfc3339(WallTime::FromMicroseconds(-1)), "1969-12-31T23:59:59Z");
}

TEST(Date, RendersRfc5322WithTheRightWeekday) {
  EXPECT_EQ(FormatRfc5322(Of(2026, 11, 24, 9, 0, 0)), "Tue, 24 Nov 2026 09:00:00 +0000");
  EXPECT_EQ(FormatRfc5322(Of(1970, 1, 1)), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(FormatRfc5322(Of(2000, 2, 29, 23, 59, 59)), "Tue, 29 Feb 2000 23:59:59 +0000");
  EXPECT_EQ(FormatRfc5322(Of(1969, 12, 31)), "Wed, 31 Dec 1969 00:00:00 +0000");
}

TEST(Date, ReadsOffsetsAndFractions) {
  EXPECT_EQ(ParseRfc3339("2026-11-24T09:00:00+01:00"), Of(2026, 11, 24, 8));
  EXPECT_EQ(ParseRfc3339("2026-11-24T00:30:00-05:30"), Of(2026, 11, 24, 6));
  EXPECT_EQ(ParseRfc3339("2026-11-24t09:00:00z"), std::nullopt) << "TOML and we write a capital T";
  EXPECT_EQ(ParseRfc3339("2026-11-24 09:00:00Z"), Of(2026, 11, 24, 9));
  EXPECT_EQ(ParseRfc3339("2026-11-24T09:00:00.5Z"), Of(2026, 11, 24, 9) + Duration::Milliseconds(500));
  EXPECT_EQ(ParseRfc3339("2026-11-24T09:00:00.1234567891Z"), Of(2026, 11, 24, 9) + Duration::Microseconds(123'456));
  EXPECT_EQ(ParseRfc3339("2016-12-31T23:59:60Z"), Of(2017, 1, 1)) << "a leap second";
}

TEST(Date, RefusesWhatIsNoDate) {
  for (const char* text : {"",
                           "2026-11-24",
                           "2026-11-24T09:00:00",
                           "2026-11-24T09:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:61Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00+1:00",
                           "2026-01-01T00:00:00+01",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00Zx",
                           " 2026-01-01T00:00:00Z",
                           "+026-01-01T00:00:00Z",
                           "2026-01-01T00:00:00+01:00Z"}) {
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace base
