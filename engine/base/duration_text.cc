#include "engine/base/duration_text.h"

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace base {
namespace {

constexpr std::int64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour, kWeek = 7 * kDay;
constexpr std::int64_t kLongest = 3650 * kDay;

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array<Unit, 28> kUnits{{
    {"ns", 1},
    {"us", kMicrosecond},
    {"ms", kMillisecond},
    {"s", kSecond},
    {"sec", kSecond},
    {"secs", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"m", kMinute},
    {"min", kMinute},
    {"mins", kMinute},
    {"minute", kMinute},
    {"minutes", kMinute},
    {"h", kHour},
    {"hr", kHour},
    {"hrs", kHour},
    {"hour", kHour},
    {"hours", kHour},
    {"d", kDay},
    {"day", kDay},
    {"days", kDay},
    {"w", kWeek},
    {"week", kWeek},
    {"weeks", kWeek},
    {"nanoseconds", 1},
    {"msec", kMillisecond},
    {"millisecond", kMillisecond},
    {"milliseconds", kMillisecond},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::int64_t> UnitOf(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (EqualsIgnoreCase(name, unit.name)) return unit.nanoseconds;
  }
  return std::nullopt;
}

// Takes digits from the front of `text`; at most 15, so that sums stay in range.
std::optional<std::string_view> TakeDigits(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && IsDigit(text[size])) ++size;
  if (size == 0 || size > 15) return std::nullopt;
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

// One number with its unit. Nullopt: not of this form, or longer than kLongest.
std::optional<std::int64_t> TakePart(std::string_view& text) {
  const auto whole_digits = TakeDigits(text);
  if (!whole_digits.has_value()) return std::nullopt;
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const auto digits = TakeDigits(text);
    if (!digits.has_value()) return std::nullopt;
    fraction = digits->substr(0, 9);
  }
  text = TrimAscii(text);
  std::size_t size = 0;
  while (size < text.size() && ((text[size] >= 'a' && text[size] <= 'z') || (text[size] >= 'A' && text[size] <= 'Z'))) {
    ++size;
  }
  const auto unit = UnitOf(text.substr(0, size));
  if (!unit.has_value()) return std::nullopt;
  text = TrimAscii(text.substr(size));
  const std::int64_t whole = *ParseInteger<std::int64_t>(*whole_digits);
  if (whole > kLongest / *unit) return std::nullopt;
  std::int64_t sum = whole * *unit;
  std::int64_t place = *unit;
  for (const char digit : fraction) {
    place /= 10;
    sum += place * (digit - '0');
  }
  return sum;
}

}  // namespace

absl::StatusOr<Duration> ParseDuration(std::string_view text) {
  std::string_view rest = TrimAscii(text);
  std::int64_t sum = 0;
  do {
    const std::optional<std::int64_t> part = TakePart(rest);
    if (!part.has_value() || (sum += *part) > kLongest) {
      return absl::InvalidArgumentError(absl::StrCat("\"", AbslView(text),
                                                     "\" is not a span of time; write a number with a unit of at most "
                                                     "10 years, as \"500ms\", \"5m\" or \"3 days\""));
    }
  } while (!rest.empty());
  return Duration::Nanoseconds(sum);
}

}  // namespace base
