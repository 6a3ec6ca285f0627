// Timers of one thread: setting, moving and cancelling are O(1), and none of them allocates. Pure: it is told the time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/time.h"

namespace io {

// A timer embedded in its owner. Unset when it fires; the destructor cancels it. The callback may set or destroy its
// own timer.
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
  class TimerWheel* wheel_ = nullptr;
  int list_ = 0;             // Which of the wheel's lists holds it, while it is set.
  bool* running_ = nullptr;  // While the callback runs: told when the timer is destroyed.
  base::ListHook hook_;
};

// A hierarchical wheel (Varghese, Lauck: "Hashed and hierarchical timing wheels", SOSP 1987) with 1 ms ticks: eight
// levels of 64 slots, each with a bitmap of its occupied slots, so that empty spans of any length cost nothing.
class TimerWheel {
 public:
  explicit TimerWheel(base::Instant now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();  // Cancels all timers.

  // Sets or moves. Fires at the first Advance at or after `at`, rounded up to a tick; Never() cancels.
  void Set(Timer& timer, base::Instant at);
  void Cancel(Timer& timer);
  // When the next Advance has work; may be early, never late. Never() when no timer is set.
  base::Instant NextAt() const;
  // Fires all timers that are due, by tick and then in the order they were set. A timer set by a callback fires in a
  // later Advance. A `now` before an earlier one counts as the earlier one. Not to be called from a callback.
  void Advance(base::Instant now);

 private:
  using List = base::IntrusiveList<Timer, &Timer::hook_>;
  struct Position {
    int level;
    int slot;
    std::uint64_t tick;  // The slot's first.
  };
  static constexpr int kLevels = 8;  // 64^8 ticks are 8,900 years; an Instant ends sooner.
  static constexpr int kSlotBits = 6;
  static constexpr int kSlots = 1 << kSlotBits;
  static constexpr int kDue = kLevels * kSlots;  // The indices of due_ and firing_; below them those of slots_.
  static constexpr int kFiring = kDue + 1;

  std::uint64_t TickAtOrAfter(base::Instant at) const;
  std::uint64_t TickAtOrBefore(base::Instant at) const;
  List& ListAt(int index);
  void Append(Timer& timer, int list);
  void Insert(Timer& timer);
  void Unlink(Timer& timer);
  std::optional<Position> FirstSlot() const;
  void CollectDue(std::uint64_t target);
  void SortDue();
  static void Run(Timer& timer);

  const base::Instant origin_;  // Tick 0.
  std::uint64_t current_ = 0;   // Every timer in slots_ is later than this tick.
  bool due_in_order_ = true;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<List, kLevels * kSlots> slots_;
  List due_;     // Set for a tick that has passed already; they fire in the next Advance.
  List firing_;  // Taken out by the running Advance.
};

}  // namespace io
