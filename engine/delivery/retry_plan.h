// When a deferred recipient comes back: the configured intervals, jittered so that those deferred together do not
// return together. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace delivery {

class RetryPlan {
 public:
  using Intervals = std::vector<base::Duration>;
  // The wait after the first, second, … attempt; the last one repeats. `by_class`: instead, where the attempt ended
  // with a failure of this class (smtp/classification.h). Requires: at least one in each, all greater than zero.
  explicit RetryPlan(Intervals intervals, std::map<std::string, Intervals, std::less<>> by_class = {});

  // The wait after attempt `attempts` (1 or more) of the recipient with this stable hash: the interval plus up to 12.5
  // %. The same arguments always give the same answer.
  base::Duration After(std::uint32_t attempts, std::uint64_t recipient_hash, std::string_view classification) const;
  base::Duration first() const { return intervals_.front(); }

 private:
  Intervals intervals_;
  std::map<std::string, Intervals, std::less<>> by_class_;
};

}  // namespace delivery
