// The simulated world: time, chance and the order of events. Everything that happens is an event at a time; the world
// jumps from one to the next. The same seed gives the same events in the same order, in every process: the trace hash
// proves it.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "engine/base/prng.h"
#include "engine/base/stable_hash.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"

namespace sim {

class World {
 public:
  using Event = absl::AnyInvocable<void()>;
  explicit World(std::uint64_t seed) : prng_(seed) {}

  base::Instant now() const { return now_; }
  base::WallTime wall_now() const { return kStart + base::Duration::Nanoseconds(now_.nanoseconds()) + wall_step_; }
  base::Prng& prng() { return prng_; }
  void StepWallClock(base::Duration by) { wall_step_ = wall_step_ + by; }

  // Runs `event` at `at` (or now, if that has passed), after all events that were set earlier for the same time.
  void At(base::Instant at, Event event) {
    events_.emplace(std::pair(at < now_ ? now_ : at, ++order_), std::move(event));
  }
  void After(base::Duration wait, Event event) { At(now_ + wait, std::move(event)); }
  base::Duration Between(base::Duration least, base::Duration most) {
    const auto span = static_cast<std::uint64_t>((most - least).nanoseconds()) + 1;
    return least + base::Duration::Nanoseconds(static_cast<std::int64_t>(prng_.Below(span)));
  }

  // The next event's time; Never() when nothing is left to happen.
  base::Instant NextAt() const { return events_.empty() ? base::Instant::Never() : events_.begin()->first.first; }
  // Lets the next event happen. False: nothing is left to happen.
  bool Step() {
    if (events_.empty()) return false;
    auto node = events_.extract(events_.begin());
    now_ = node.key().first;
    Note("event", static_cast<std::uint64_t>(now_.nanoseconds()));
    node.mapped()();
    return true;
  }
  // Forgets what has not happened yet (at the end of a run, before its objects go).
  void Clear() { events_.clear(); }

  // Mixes a fact into the trace.
  void Note(std::string_view what, std::uint64_t value) {
    trace_ = base::StableHashCombine(trace_, base::StableHashCombine(base::StableHash(what), value));
  }
  void Note(std::string_view what, std::string_view value) { Note(what, base::StableHash(value)); }
  std::uint64_t trace() const { return trace_; }

 private:
  static constexpr base::WallTime kStart = base::WallTime::FromSeconds(1'795'510'800);  // 2026-11-24T09:00:00Z
  base::Prng prng_;
  base::Instant now_ = base::Instant::FromNanoseconds(0);
  base::Duration wall_step_;
  std::uint64_t order_ = 0;
  std::map<std::pair<base::Instant, std::uint64_t>, Event> events_;
  std::uint64_t trace_ = 0;
};

class WorldClock final : public io::Clock {
 public:
  explicit WorldClock(const World& world) : world_(world) {}
  base::Instant Now() const override { return world_.now(); }
  base::WallTime WallNow() const override { return world_.wall_now(); }

 private:
  const World& world_;
};

}  // namespace sim
