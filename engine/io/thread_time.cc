#include "engine/io/thread_time.h"

#include <ctime>

#include "engine/base/check.h"

namespace io {

base::Duration ThreadTime() {
  timespec time{};
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return base::Duration::Seconds(time.tv_sec) + base::Duration::Nanoseconds(time.tv_nsec);
}

}  // namespace io
