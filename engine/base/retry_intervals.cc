#include "engine/base/retry_intervals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/duration_text.h"
#include "engine/base/text.h"

namespace base {
namespace {

constexpr Duration kShortest = Duration::Seconds(1);
constexpr Duration kLongest = Duration::Hours(24 * 30);
constexpr Duration kDefaultFirst = Duration::Minutes(20);
constexpr Duration kDefaultLongest = Duration::Hours(24 * 7);

}  // namespace

RetryIntervals RetryIntervals::With(const RetryIntervals& over) const {
  RetryIntervals both = *this;
  if (!over.all.empty()) both.all = over.all;
  for (const auto& [name, waits] : over.by_class) both.by_class[name] = waits;
  return both;
}

absl::StatusOr<Duration> ParseRetryWait(std::string_view text) {
  const absl::StatusOr<Duration> time = ParseDuration(text);
  if (!time.ok()) return absl::InvalidArgumentError(absl::StrCat("is wrong: ", std::string(time.status().message())));
  if (*time < kShortest || *time > kLongest)
    return absl::InvalidArgumentError(
        absl::StrCat("has \"", AbslView(text), "\"; it must be from 1 second to 30 days"));
  return *time;
}

absl::StatusOr<std::vector<Duration>> DoublingWaits(std::optional<Duration> first, std::optional<Duration> longest) {
  const Duration last = longest.value_or(std::max(kDefaultLongest, first.value_or(kDefaultFirst)));
  Duration wait = first.value_or(std::min(kDefaultFirst, last));
  if (wait > last) return absl::InvalidArgumentError("is shorter than retry_interval; it must be at least as long");
  std::vector<Duration> waits;
  for (; wait < last; wait = wait * 2) waits.push_back(wait);
  waits.push_back(last);
  return waits;
}

}  // namespace base
