// Timers of one thread: setting, moving and cancelling are O(1), and none of them allocates. Pure: it is told the time.
#pragma once

#include <array>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/time.h"

namespace io {

// A timer embedded in its owner. Unset when it fires; the destructor cancels it.
class Timer {
 public:
  explicit Timer(absl::AnyInvocable<void()> callback);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();
  bool IsSet() const { return wheel_ != nullptr; }
  base::Instant at() const { return at_; }  // Requires: IsSet().

 private:
  friend class TimerWheel;
  absl::AnyInvocable<void()> callback_;
  base::Instant at_;
  std::uint64_t tick_ = 0;
  std::uint64_t order_ = 0;
  class TimerWheel* wheel_ = nullptr;
  base::ListHook hook_;
};

// A hierarchical wheel (Varghese, Lauck: "Hashed and hierarchical timing wheels", SOSP 1987) with 1 ms ticks.
class TimerWheel {
 public:
  explicit TimerWheel(base::Instant now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  // Sets or moves. Fires at the first Advance at or after `at`, rounded up to a tick; Never() cancels.
  void Set(Timer& timer, base::Instant at);
  void Cancel(Timer& timer);
  // When the next Advance has work; may be early, never late. Never() when no timer is set.
  base::Instant NextAt() const;
  // Fires all timers that are due, by tick and then in the order they were set. A timer set by a callback fires in a later Advance.
  void Advance(base::Instant now);

 private:
  // The implementer fills this in.
};

}  // namespace io
