#include "engine/delivery/retry_plan.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace delivery {

RetryPlan::RetryPlan(Intervals intervals, std::map<std::string, Intervals, std::less<>> by_class)
    : intervals_(std::move(intervals)), by_class_(std::move(by_class)) {
  const auto check = [](const Intervals& list) {
    CHECK(!list.empty());
    for (const base::Duration interval : list) CHECK(interval > base::Duration());
  };
  check(intervals_);
  for (const auto& [name, list] : by_class_) check(list);
}

base::Duration RetryPlan::After(std::uint32_t attempts, std::uint64_t recipient_hash,
                                std::string_view classification) const {
  CHECK(attempts >= 1);
  const auto of_class = by_class_.find(classification);
  const Intervals& intervals = of_class == by_class_.end() ? intervals_ : of_class->second;
  const base::Duration interval = intervals[std::min<std::size_t>(attempts, intervals.size()) - 1];
  const std::uint64_t chance = base::StableHashCombine(recipient_hash, attempts) % 1024;
  return interval + interval / 8 * static_cast<std::int64_t>(chance) / 1024;
}

}  // namespace delivery
