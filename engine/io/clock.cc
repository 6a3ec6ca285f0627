#include "engine/io/clock.h"

#include <chrono>

namespace io {

void SystemClock::Read() const {
  stale_ = false;
  using std::chrono::duration_cast;
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  now_ = base::Instant::FromNanoseconds(duration_cast<std::chrono::nanoseconds>(monotonic).count());
  wall_now_ = base::WallTime::FromMicroseconds(duration_cast<std::chrono::microseconds>(wall).count());
}

}  // namespace io
