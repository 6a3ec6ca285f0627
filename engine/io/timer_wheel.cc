#include "engine/io/timer_wheel.h"

#include <bit>
#include <utility>

#include "engine/base/check.h"

namespace io {
namespace {

constexpr std::uint64_t kTick = 1'000'000;  // Nanoseconds.

}  // namespace

Timer::Timer(absl::AnyInvocable<void()> callback) : callback_(std::move(callback)) {}

Timer::~Timer() {
  if (running_ != nullptr) *running_ = false;
  if (wheel_ != nullptr) wheel_->Cancel(*this);
}

TimerWheel::TimerWheel(base::Instant now) : origin_(now) {}

TimerWheel::~TimerWheel() {
  for (int index = 0; index <= kFiring; ++index) {
    while (!ListAt(index).empty()) ListAt(index).PopFront().wheel_ = nullptr;
  }
}

void TimerWheel::Set(Timer& timer, base::Instant at) {
  Cancel(timer);
  if (at.IsNever()) return;
  timer.at_ = at;
  timer.tick_ = TickAtOrAfter(at);
  timer.wheel_ = this;
  Insert(timer);
}

void TimerWheel::Cancel(Timer& timer) {
  if (timer.wheel_ == nullptr) return;
  CHECK(timer.wheel_ == this);
  Unlink(timer);
  timer.wheel_ = nullptr;
}

base::Instant TimerWheel::NextAt() const {
  if (!due_.empty() || !firing_.empty())
    return origin_ + base::Duration::Milliseconds(static_cast<std::int64_t>(current_));
  const std::optional<Position> first = FirstSlot();
  if (!first) return base::Instant::Never();
  // The first tick of a slot of a higher level may lie before its timers: the wake-up then only moves them down.
  return origin_ + base::Duration::Milliseconds(static_cast<std::int64_t>(first->tick));
}

void TimerWheel::Advance(base::Instant now) {
  CHECK(firing_.empty());
  SortDue();
  while (!due_.empty()) {
    Timer& timer = due_.front();
    Unlink(timer);
    Append(timer, kFiring);
  }
  CollectDue(TickAtOrBefore(now));
  // Callbacks see a wheel that stands at `now` already: what they set for an earlier tick waits in due_ for the next
  // Advance.
  while (!firing_.empty()) {
    Timer& timer = firing_.front();
    Cancel(timer);
    Run(timer);
  }
}

void TimerWheel::Run(Timer& timer) {
  // The callback lives outside its timer while it runs, so that it may destroy the timer.
  bool alive = true;
  timer.running_ = &alive;
  absl::AnyInvocable<void()> callback = std::move(timer.callback_);
  callback();
  if (!alive) return;
  timer.running_ = nullptr;
  timer.callback_ = std::move(callback);
}

// Moves all timers of up to `target` into firing_, by tick, and stands at `target` then.
void TimerWheel::CollectDue(std::uint64_t target) {
  while (const std::optional<Position> first = FirstSlot()) {
    if (first->tick > target) break;
    current_ = first->tick;
    List& slot = slots_[static_cast<std::size_t>(first->level * kSlots + first->slot)];
    // Timers of one tick always share a slot, in the order they were set; moving them down from front to back keeps it.
    for (std::size_t left = slot.size(); left > 0; --left) {
      Timer& timer = slot.front();
      Unlink(timer);
      if (timer.tick_ == current_) {
        Append(timer, kFiring);
      } else {
        Insert(timer);
      }
    }
  }
  if (target > current_) current_ = target;
}

// A merge sort by tick that keeps the order of equal ones, in place: runs[i] is empty or holds 2^i timers.
void TimerWheel::SortDue() {
  if (due_in_order_) return;
  due_in_order_ = true;
  std::array<List, 48> runs;
  const auto merge = [](List& earlier, List& later, List& out) {  // `earlier` was set before `later`.
    while (!earlier.empty() || !later.empty()) {
      const bool take_later = earlier.empty() || (!later.empty() && later.front().tick_ < earlier.front().tick_);
      out.PushBack((take_later ? later : earlier).PopFront());
    }
  };
  const auto move_all = [](List& from, List& to) {
    while (!from.empty()) to.PushBack(from.PopFront());
  };
  List carry;
  List merged;
  while (!due_.empty()) {
    carry.PushBack(due_.PopFront());
    std::size_t i = 0;
    for (; !runs[i].empty(); ++i) {
      merge(runs[i], carry, merged);
      move_all(merged, carry);
    }
    move_all(carry, runs[i]);
  }
  for (List& run : runs) {
    merge(run, carry, merged);
    move_all(merged, carry);
  }
  move_all(carry, due_);
}

// The occupied slot that comes first. Slots of a level come before all of the next level.
std::optional<TimerWheel::Position> TimerWheel::FirstSlot() const {
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t bits = occupied_[static_cast<std::size_t>(level)];
    if (bits == 0) continue;
    const int slot = std::countr_zero(bits);
    const int shift = level * kSlotBits;
    const std::uint64_t above = current_ >> (shift + kSlotBits) << (shift + kSlotBits);
    return Position{level, slot, above | static_cast<std::uint64_t>(slot) << shift};
  }
  return std::nullopt;
}

TimerWheel::List& TimerWheel::ListAt(int index) {
  if (index == kDue) return due_;
  return index == kFiring ? firing_ : slots_[static_cast<std::size_t>(index)];
}

void TimerWheel::Append(Timer& timer, int list) {
  timer.list_ = list;
  ListAt(list).PushBack(timer);
}

void TimerWheel::Insert(Timer& timer) {
  if (timer.tick_ <= current_) {
    if (!due_.empty() && timer.tick_ < due_.back().tick_) due_in_order_ = false;
    Append(timer, kDue);
    return;
  }
  // The level is that of the highest digit (base 64) in which the tick differs from the current one.
  const int level = (static_cast<int>(std::bit_width(timer.tick_ ^ current_)) - 1) / kSlotBits;
  const int slot = static_cast<int>(timer.tick_ >> (level * kSlotBits)) & (kSlots - 1);
  Append(timer, level * kSlots + slot);
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
}

void TimerWheel::Unlink(Timer& timer) {
  List& list = ListAt(timer.list_);
  list.Remove(timer);
  if (timer.list_ < kDue && list.empty()) {
    const int slot = timer.list_ % kSlots;
    occupied_[static_cast<std::size_t>(timer.list_ / kSlots)] &= ~(std::uint64_t{1} << slot);
  }
}

std::uint64_t TimerWheel::TickAtOrAfter(base::Instant at) const {
  if (at <= origin_) return 0;
  // Unsigned: the difference of two instants may not fit a signed one.
  const std::uint64_t since =
      static_cast<std::uint64_t>(at.nanoseconds()) - static_cast<std::uint64_t>(origin_.nanoseconds());
  return since / kTick + (since % kTick != 0 ? 1 : 0);
}

std::uint64_t TimerWheel::TickAtOrBefore(base::Instant at) const {
  if (at <= origin_) return 0;
  return (static_cast<std::uint64_t>(at.nanoseconds()) - static_cast<std::uint64_t>(origin_.nanoseconds())) / kTick;
}

}  // namespace io
