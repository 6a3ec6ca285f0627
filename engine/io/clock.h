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
};

// The system's clocks, read by Update(). One per thread.
class SystemClock final : public Clock {
 public:
  SystemClock() { Update(); }
  void Update();  // Reads both clocks; the loop calls it once per turn.
  base::Instant Now() const override { return now_; }
  base::WallTime WallNow() const override { return wall_now_; }

 private:
  base::Instant now_;
  base::WallTime wall_now_;
};

}  // namespace io
