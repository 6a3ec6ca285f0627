#include "engine/delivery/retry_plan.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace delivery {

RetryPlan::RetryPlan(std::vector<base::Duration> intervals) : intervals_(std::move(intervals)) {
  CHECK(!intervals_.empty());
  for (const base::Duration interval : intervals_) CHECK(interval > base::Duration());
}

base::Duration RetryPlan::After(std::uint32_t attempts, std::uint64_t recipient_hash) const {
  CHECK(attempts >= 1);
  const base::Duration interval = intervals_[std::min<std::size_t>(attempts, intervals_.size()) - 1];
  const std::uint64_t chance = base::StableHashCombine(recipient_hash, attempts) % 1024;
  return interval + interval / 8 * static_cast<std::int64_t>(chance) / 1024;
}

}  // namespace delivery
