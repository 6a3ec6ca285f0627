#include "engine/base/date.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace base {
namespace {

struct Civil {
  std::int64_t year;
  int month, day, hour, minute, second, microsecond, weekday;  // weekday: 0 is Sunday.
};

// Days since 1970-01-01; the year starts in March so that the leap day is its last.
std::int64_t DaysFromCivil(std::int64_t year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

Civil CivilFrom(WallTime time) {
  constexpr std::int64_t kDay = 86'400'000'000;
  std::int64_t days = time.microseconds() / kDay;
  std::int64_t rest = time.microseconds() % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  Civil c{};
  c.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  c.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  c.year = yoe + era * 400 + (c.month <= 2 ? 1 : 0);
  c.hour = static_cast<int>(rest / 3'600'000'000);
  c.minute = static_cast<int>(rest / 60'000'000 % 60);
  c.second = static_cast<int>(rest / 1'000'000 % 60);
  c.microsecond = static_cast<int>(rest % 1'000'000);
  c.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  return c;
}

// Takes `count` decimal digits off the front of `text`; -1: there are not that many.
int TakeDigits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool Take(std::string_view& text, char a, char b) {
  if (text.empty() || (text[0] != a && text[0] != b)) return false;
  text.remove_prefix(1);
  return true;
}

// "Z" or "+HH:MM"; the rest of the text must be that. Nullopt: neither.
std::optional<int> OffsetSeconds(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const int hours = TakeDigits(text, 2);
  if (!Take(text, ':', ':')) return std::nullopt;
  const int minutes = TakeDigits(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !text.empty()) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::int64_t SecondsFromCivil(int year, int month, int day, int hour, int minute, int second) {
  return DaysFromCivil(year, month, day) * 86'400 + hour * 3600 + minute * 60 + second;
}

std::string FormatRfc3339(WallTime time) {
  const Civil c = CivilFrom(time);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string FormatRfc3339Microseconds(WallTime time) {
  const Civil c = CivilFrom(time);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", c.year, c.month, c.day, c.hour, c.minute, c.second,
                         c.microsecond);
}

std::string FormatRfc5322(WallTime time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Civil c = CivilFrom(time);
  return absl::StrFormat("%s, %02d %s %04d %02d:%02d:%02d +0000", kDays[c.weekday], c.day, kMonths[c.month - 1], c.year,
                         c.hour, c.minute, c.second);
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const int year = TakeDigits(text, 4);
  if (year < 0 || !Take(text, '-', '-')) return std::nullopt;
  const int month = TakeDigits(text, 2);
  if (month < 1 || month > 12 || !Take(text, '-', '-')) return std::nullopt;
  const int day = TakeDigits(text, 2);
  if (day < 1 || day > 31 || !Take(text, 'T', ' ')) return std::nullopt;
  if (CivilFrom(WallTime::FromSeconds(SecondsFromCivil(year, month, day, 0, 0, 0))).day != day) return std::nullopt;
  const int hour = TakeDigits(text, 2);
  if (hour < 0 || hour > 23 || !Take(text, ':', ':')) return std::nullopt;
  const int minute = TakeDigits(text, 2);
  if (minute < 0 || minute > 59 || !Take(text, ':', ':')) return std::nullopt;
  const int second = TakeDigits(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  std::int64_t microseconds = 0;
  if (Take(text, '.', '.')) {
    std::int64_t unit = 100'000;
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      microseconds += (text[0] - '0') * unit;
      unit /= 10;
      text.remove_prefix(1);
    }
  }
  const std::optional<int> offset = OffsetSeconds(text);
  if (!offset.has_value()) return std::nullopt;
  const std::int64_t seconds = SecondsFromCivil(year, month, day, hour, minute, second) - *offset;
  return WallTime::FromMicroseconds(seconds * 1'000'000 + microseconds);
}

}  // namespace base
