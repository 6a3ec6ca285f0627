// A rate as shaping files and campaigns write it: "100/min", "10_000/h", "10/5m", "1,000/d,max_burst=5".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace base {

struct Rate {
  std::uint64_t count = 0;  // Per `period`; zero: nothing passes.
  Duration period = Duration::Seconds(1);
  std::optional<std::uint64_t>
      burst_max;  // How many may pass at one moment; at least 1. None: the user of the rate decides.

  friend bool operator==(const Rate&, const Rate&) = default;
};

// `N/PERIOD[,max_burst=B]`; PERIOD is s, sec, second, m, min, minute, h, hr, hour, d or day, with a number before it
// or not ("5m"), at most 100 days; "_" and "," may separate digits of N, and KumoMTA's "local:" before it means nothing
// here. N is at most 10^12, and the burst what the rate gives in 100 years. Errors: says what would be right, without
// a place.
absl::StatusOr<Rate> ParseRate(std::string_view text);

// A whole number whose digits "_" and "," may separate, at most 10^12. Nullopt: anything else.
std::optional<std::uint64_t> ParseCount(std::string_view text);

// Without the "local:" in front: in KumoMTA it says that a limit is not shared between machines.
std::string_view WithoutLocal(std::string_view text);

// Whether `a` lets fewer pass over a long time than `b`.
bool IsSlower(const Rate& a, const Rate& b);

std::string ToString(const Rate& rate);  // "100/min", "10/5min", "10/s,max_burst=5".

}  // namespace base
