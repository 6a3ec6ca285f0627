// Points in time and spans of time. Three types that do not mix: Duration, Instant (monotonic) and WallTime (UTC).
// Nothing here reads a clock; engine/io/clock.h does.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace base {

// A signed span of time in nanoseconds. Range: +-292 years; arithmetic does not saturate.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration Nanoseconds(std::int64_t n) { return Duration(n); }
  static constexpr Duration Microseconds(std::int64_t n) { return Duration(n * 1'000); }
  static constexpr Duration Milliseconds(std::int64_t n) { return Duration(n * 1'000'000); }
  static constexpr Duration Seconds(std::int64_t n) { return Duration(n * 1'000'000'000); }
  static constexpr Duration Minutes(std::int64_t n) { return Seconds(n * 60); }
  static constexpr Duration Hours(std::int64_t n) { return Seconds(n * 3600); }

  constexpr std::int64_t nanoseconds() const { return ns_; }
  constexpr std::int64_t microseconds() const { return ns_ / 1'000; }
  constexpr std::int64_t milliseconds() const { return ns_ / 1'000'000; }
  constexpr std::int64_t seconds() const { return ns_ / 1'000'000'000; }  // Truncated towards zero.

  constexpr Duration operator+(Duration other) const { return Duration(ns_ + other.ns_); }
  constexpr Duration operator-(Duration other) const { return Duration(ns_ - other.ns_); }
  constexpr Duration operator*(std::int64_t n) const { return Duration(ns_ * n); }
  constexpr Duration operator/(std::int64_t n) const { return Duration(ns_ / n); }
  friend constexpr auto operator<=>(Duration, Duration) = default;

 private:
  explicit constexpr Duration(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_ = 0;
};

// A point on the monotonic clock. The zero point is unspecified; values are compared only within one run.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant FromNanoseconds(std::int64_t ns) { return Instant(ns); }
  static constexpr Instant Never() { return Instant(std::numeric_limits<std::int64_t>::max()); }

  constexpr std::int64_t nanoseconds() const { return ns_; }
  constexpr bool IsNever() const { return *this == Never(); }
  // Never() plus or minus anything stays Never().
  constexpr Instant operator+(Duration d) const { return IsNever() ? *this : Instant(ns_ + d.nanoseconds()); }
  constexpr Instant operator-(Duration d) const { return IsNever() ? *this : Instant(ns_ - d.nanoseconds()); }
  // Requires: neither is Never().
  constexpr Duration operator-(Instant other) const { return Duration::Nanoseconds(ns_ - other.ns_); }
  friend constexpr auto operator<=>(Instant, Instant) = default;

 private:
  explicit constexpr Instant(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_ = 0;
};

// A point in UTC, in microseconds since 1970-01-01T00:00:00Z. It may step backwards between two readings.
class WallTime {
 public:
  constexpr WallTime() = default;
  static constexpr WallTime FromMicroseconds(std::int64_t us) { return WallTime(us); }
  static constexpr WallTime FromSeconds(std::int64_t s) { return WallTime(s * 1'000'000); }

  constexpr std::int64_t microseconds() const { return us_; }
  constexpr std::int64_t seconds() const { return us_ / 1'000'000; }
  constexpr WallTime operator+(Duration d) const { return WallTime(us_ + d.microseconds()); }
  constexpr WallTime operator-(Duration d) const { return WallTime(us_ - d.microseconds()); }
  constexpr Duration operator-(WallTime other) const { return Duration::Microseconds(us_ - other.us_); }
  friend constexpr auto operator<=>(WallTime, WallTime) = default;

 private:
  explicit constexpr WallTime(std::int64_t us) : us_(us) {}
  std::int64_t us_ = 0;
};

}  // namespace base
