#include "engine/base/rate.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace base {
namespace {

constexpr std::uint64_t kCountMax = 1'000'000'000'000;
constexpr std::int64_t kBurstSecondsMax = 100LL * 366 * 86'400;  // How long the rate takes for a burst, at most.
constexpr std::int64_t kPeriodSecondsMax = 100 * 86'400;
constexpr std::string_view kLocal = "local:";
constexpr std::string_view kBurst = "max_burst=";

struct Period {
  std::string_view name;
  std::int64_t seconds;
};
constexpr std::array<Period, 11> kPeriods{{{"s", 1},
                                           {"sec", 1},
                                           {"second", 1},
                                           {"m", 60},
                                           {"min", 60},
                                           {"minute", 60},
                                           {"h", 3600},
                                           {"hr", 3600},
                                           {"hour", 3600},
                                           {"d", 86'400},
                                           {"day", 86'400}}};

// "m", "5m": nullopt where it is none.
std::optional<Duration> ParsePeriod(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto times = digits == 0 ? std::optional<std::int64_t>(1) : ParseInteger<std::int64_t>(text.substr(0, digits));
  for (const Period& known : kPeriods) {
    if (known.name != text.substr(digits)) continue;
    if (!times.has_value() || *times < 1 || *times > kPeriodSecondsMax / known.seconds) return std::nullopt;
    return Duration::Seconds(*times * known.seconds);
  }
  return std::nullopt;
}

absl::Status Wrong(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", AbslView(text), "\" is not a rate; write NUMBER/PERIOD, as \"100/min\" or \"10_000/h,max_burst=5\""));
}

}  // namespace

std::optional<std::uint64_t> ParseCount(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separator = text[i] == '_' || text[i] == ',';
    if (separator && (digits.empty() || i + 1 == text.size())) return std::nullopt;
    if (!separator) digits.push_back(text[i]);
  }
  const auto count = ParseInteger<std::uint64_t>(digits);
  if (!count.has_value() || *count > kCountMax) return std::nullopt;
  return count;
}

std::string_view WithoutLocal(std::string_view text) {
  if (text.substr(0, kLocal.size()) == kLocal) text.remove_prefix(kLocal.size());
  return text;
}

absl::StatusOr<Rate> ParseRate(std::string_view text) {
  const std::string_view whole = WithoutLocal(TrimAscii(text));
  const std::size_t slash = whole.find('/');
  if (slash == std::string_view::npos) return Wrong(text);
  const auto count = ParseCount(TrimAscii(whole.substr(0, slash)));
  std::string_view period = whole.substr(slash + 1);
  std::string_view burst;
  if (const std::size_t comma = period.find(','); comma != std::string_view::npos) {
    burst = TrimAscii(period.substr(comma + 1));
    if (burst.substr(0, kBurst.size()) != kBurst) return Wrong(text);
    burst.remove_prefix(kBurst.size());
    period = period.substr(0, comma);
    if (burst.empty()) return Wrong(text);
  }
  const std::optional<Duration> span = ParsePeriod(TrimAscii(period));
  if (!count.has_value() || !span.has_value()) return Wrong(text);
  Rate rate;
  rate.count = *count;
  rate.period = *span;
  if (!burst.empty()) {
    rate.burst_max = ParseCount(burst);
    if (!rate.burst_max.has_value() || *rate.burst_max == 0) return Wrong(text);
    const double seconds = static_cast<double>(*rate.burst_max) * static_cast<double>(rate.period.seconds());
    if (seconds > static_cast<double>(kBurstSecondsMax) * static_cast<double>(std::max<std::uint64_t>(1, rate.count)))
      return absl::InvalidArgumentError(
          absl::StrCat("\"", AbslView(text), "\": the rate would take more than 100 years for that burst"));
  }
  return rate;
}

bool IsSlower(const Rate& a, const Rate& b) {
  // Counts are at most 10^12 and periods 100 days: the products fit.
  return a.count * static_cast<std::uint64_t>(b.period.seconds()) <
         b.count * static_cast<std::uint64_t>(a.period.seconds());
}

std::string ToString(const Rate& rate) {
  const Period* unit = kPeriods.data();
  for (const Period& known : kPeriods) {
    const bool is_short = known.name == "min" || (known.name.size() == 1 && known.name != "m");
    if (is_short && rate.period.seconds() % known.seconds == 0) unit = &known;
  }
  const std::int64_t times = rate.period.seconds() / unit->seconds;
  std::string text = absl::StrCat(rate.count, "/", times == 1 ? "" : absl::StrCat(times), AbslView(unit->name));
  if (rate.burst_max.has_value()) absl::StrAppend(&text, ",max_burst=", *rate.burst_max);
  return text;
}

}  // namespace base
