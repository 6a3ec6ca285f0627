// What rates allow, counted by the simulator itself: nothing here is the engine's (delivery/rate_gate).
//
// What is checked. Whatever arrives from the i-th to the j-th, at a(i) and at a(j), has left between a(i) - J and a(j),
// if nothing is under way for longer than J. So it is at most the burst, and what the rate gives in that time. That is
// to hold for every i <= j, which are all windows: one that begins or ends elsewhere has as many in more time.
//
// With given(t), what the rate gives until t, there are to be, for every i <= j,
//   j - (i - 1)  <=  burst + given(a(j)) - given(a(i) - J), which is
//   j - given(a(j)) - burst  <=  (i - 1) - given(a(i) - J).
// The right side does not depend on j, nor the left one on i: for all windows that end with an arrival it is enough to
// know the least that the right side has been so far.
//
// A rate that changes. given() goes on with the new rate, and the burst is the largest that held while the j-th may
// have left. Nobody gains a burst by a rate that is as fast or faster: as many are owed on. By a slower one he does: he
// owes the same time, and in that it gives fewer. Who owes 20 at 60/min, 20 seconds, owes 2 at 6/min: 18 are given
// with the change, and never more than that share of the largest burst so far. Where for a while there is no rate,
// nothing is owed afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/rate.h"
#include "engine/base/time.h"

namespace sim {

// Numbers are whole, and rates are not rounded: a message has as many parts as a day has nanoseconds, so that "7/h"
// gives 7 x 24 parts in each.
__extension__ using MessageParts = __int128;
inline constexpr MessageParts kMessage = base::Duration::Hours(24).nanoseconds();

// What a limit has been. Times never go backwards.
class RateHistory {
 public:
  // Holds from now on; nullopt: no limit. A day is a multiple of its period. The first one has always held.
  void Set(const std::optional<base::Rate>& rate, base::Instant now);

  bool HasRate(base::Instant at) const { return !spans_.empty() && At(at).has_rate; }
  MessageParts Given(base::Instant until) const;
  MessageParts LargestBurst(base::Instant from, base::Instant to) const;

 private:
  struct Span {
    base::Instant since;
    bool has_rate = false;
    MessageParts each_ns = 0, burst = 0;
    MessageParts given = 0;  // Until `since`.
  };
  const Span& At(base::Instant at) const;

  std::vector<Span> spans_;
  std::optional<base::Rate> rate_;
  MessageParts largest_burst_ = 0;
};

// What a limit is about, as it arrives.
class Arrivals {
 public:
  enum class Verdict : std::uint8_t {
    kFine,
    kLast,  // One more now would be too many.
    kTooMany,
  };
  // One more, that was under way for `longest` at most (J). `rates`: always the same one.
  Verdict Add(const RateHistory& rates, base::Instant now, base::Duration longest);

 private:
  MessageParts count_ = 0;             // j - 1, in parts.
  std::optional<MessageParts> least_;  // Of (i - 1) - given(a(i) - J); none: nothing has arrived under a rate.
};

}  // namespace sim
