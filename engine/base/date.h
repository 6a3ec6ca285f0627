// Renders and reads dates: RFC 3339 for reports, RFC 5322 for the Date header. UTC only; no locale, no time zone
// database.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace base {

std::string FormatRfc3339(WallTime time);              // 2026-11-24T09:00:00Z
std::string FormatRfc3339Microseconds(WallTime time);  // 2026-11-24T09:00:00.000000Z
std::string FormatRfc5322(WallTime time);              // Tue, 24 Nov 2026 09:00:00 +0000 (RFC 5322 section 3.3)

// Reads an RFC 3339 date-time with "Z" or a numeric offset; the fraction is kept to microseconds. Nullopt: not one.
std::optional<WallTime> ParseRfc3339(std::string_view text);

// Seconds since 1970-01-01T00:00:00Z of a proleptic Gregorian civil time. Requires: 1 <= month <= 12.
std::int64_t SecondsFromCivil(int year, int month, int day, int hour, int minute, int second);

}  // namespace base
