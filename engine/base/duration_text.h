// Spans of time as people write them in files and on the command line.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace base {

// "500ms", "5m", "3 days", "1.5 h", "1h 30m": numbers, each with a unit (ns, us, ms, s, m, h, d, w or their English
// words; "m" is a minute), added up. From 0 to 10 years. Errors: a number without a unit and anything else; the message
// says what would be right.
absl::StatusOr<Duration> ParseDuration(std::string_view text);

}  // namespace base
