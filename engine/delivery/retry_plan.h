// When a deferred recipient comes back: the configured intervals, jittered so that those deferred together do not
// return together. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/time.h"

namespace delivery {

class RetryPlan {
 public:
  // The wait after the first, second, … attempt; the last one repeats. Requires: at least one, all greater than zero.
  explicit RetryPlan(std::vector<base::Duration> intervals);

  // The wait after attempt `attempts` (1 or more) of the recipient with this stable hash: the interval plus up to 12.5
  // %. The same arguments always give the same answer.
  base::Duration After(std::uint32_t attempts, std::uint64_t recipient_hash) const;
  base::Duration first() const { return intervals_.front(); }

 private:
  std::vector<base::Duration> intervals_;
};

}  // namespace delivery
