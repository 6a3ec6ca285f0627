#include "tools/sandbox/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};
constexpr std::array<Unit, 17> kUnits = {{
    {"ms", 1e6},
    {"millisecond", 1e6},
    {"milliseconds", 1e6},
    {"s", 1e9},
    {"sec", 1e9},
    {"second", 1e9},
    {"seconds", 1e9},
    {"m", 60e9},
    {"min", 60e9},
    {"minute", 60e9},
    {"minutes", 60e9},
    {"h", 3600e9},
    {"hour", 3600e9},
    {"hours", 3600e9},
    {"d", 86'400e9},
    {"day", 86'400e9},
    {"days", 86'400e9},
}};
constexpr double kDurationMax = 10.0 * 365 * 86'400e9;

// Takes a decimal number, such as "1.5", off the front. Nullopt: there is none.
std::optional<double> TakeNumber(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && ((text[size] >= '0' && text[size] <= '9') || text[size] == '.')) ++size;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, value);
  if (size == 0 || error != std::errc{} || end != text.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

}  // namespace

absl::StatusOr<base::Duration> ParseDuration(std::string_view text) {
  std::string_view rest = base::TrimAscii(text);
  const std::optional<double> number = TakeNumber(rest);
  rest = base::TrimAscii(rest);
  if (number) {
    for (const Unit& unit : kUnits) {
      if (rest != unit.name || *number * unit.nanoseconds > kDurationMax) continue;
      return base::Duration::Nanoseconds(std::llround(*number * unit.nanoseconds));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", base::AbslView(text), "\" is not a duration; write a number and a unit, such as \"250ms\" or \"5s\""));
}

absl::StatusOr<Rate> ParseRate(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<std::uint32_t> count = base::ParseInteger<std::uint32_t>(text.substr(0, slash));
  if (slash != std::string_view::npos && count.value_or(0) > 0) {
    const std::string_view period = text.substr(slash + 1);
    absl::StatusOr<base::Duration> duration = ParseDuration(period);
    if (!duration.ok()) duration = ParseDuration(absl::StrCat("1", base::AbslView(period)));  // "100/min"
    if (duration.ok() && *duration > base::Duration()) return Rate{*count, *duration};
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", base::AbslView(text), "\" is not a rate; write a number and a span, such as \"600/min\" or \"20/10s\""));
}

absl::StatusOr<Share> Share::Parse(std::string_view text) {
  std::string_view rest = text;
  const std::optional<double> number = TakeNumber(rest);
  if (!number || rest != "%" || *number > 100) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", base::AbslView(text), "\" is not a share; write a percentage from 0% to 100%, such as \"2%\""));
  }
  return Share(static_cast<std::uint64_t>(std::llround(*number / 100 * static_cast<double>(kWhole))));
}

absl::Status CheckReply(std::string_view reply) {
  bool good = reply.size() >= 3 && (reply[0] == '2' || reply[0] == '4' || reply[0] == '5') &&
              (reply.size() == 3 || reply[3] == ' ');
  for (std::size_t i = 0; good && i < reply.size(); ++i) {
    good = i < 3 ? reply[i] >= '0' && reply[i] <= '9' : reply[i] >= ' ' && reply[i] <= '~';
  }
  if (good && reply.size() <= 510) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", base::AbslView(reply),
                                                 "\" is not a reply; write a code that begins with 2, 4 or 5, a space "
                                                 "and ASCII text, such as \"450 4.2.1 try again later\""));
}

int ReplyCode(std::string_view reply) {
  CHECK(reply.size() >= 3);
  return (reply[0] - '0') * 100 + (reply[1] - '0') * 10 + (reply[2] - '0');
}

}  // namespace sandbox
