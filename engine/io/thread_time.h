// What a thread has used of its processor: for measuring what something costs, whatever else runs on the machine.
#pragma once

#include "engine/base/time.h"

namespace io {

base::Duration ThreadTime();  // Of the calling thread, since it began.

}  // namespace io
