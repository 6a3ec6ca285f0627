// The clocks of a shard. Engine code never reads the system's clocks: it asks this, and time stands still within a loop
// turn.
#pragma once

#include "engine/base/time.h"

namespace io {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual base::Instant Now() const = 0;       // Monotonic, constant within one loop turn.
  virtual base::WallTime WallNow() const = 0;  // UTC, constant within one loop turn; may step either way between turns.
  // Takes note of the time now, in the middle of a turn. Nothing to do where time moves between turns only.
  virtual void Update() {}
};

// The system's clocks. One per thread.
class SystemClock final : public Clock {
 public:
  SystemClock() { Read(); }
  base::Instant Now() const override {
    if (stale_) Read();
    return now_;
  }
  base::WallTime WallNow() const override {
    if (stale_) Read();
    return wall_now_;
  }
  void Update() override { Read(); }
  // The next question reads the clocks. For the loop, before it waits: what it wakes up for then sees the time it woke.
  void Expire() { stale_ = true; }

 private:
  void Read() const;
  mutable bool stale_ = true;
  mutable base::Instant now_;
  mutable base::WallTime wall_now_;
};

}  // namespace io
