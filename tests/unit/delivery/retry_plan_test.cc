#include "engine/delivery/retry_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace delivery {
namespace {

using base::Duration;

TEST(RetryPlan, FollowsTheIntervalsAndRepeatsTheLast) {
  const RetryPlan plan({Duration::Minutes(20), Duration::Hours(1)});
  const auto within = [](Duration wait, Duration interval) {
    return wait >= interval && wait <= interval + interval / 8;
  };
  EXPECT_TRUE(within(plan.After(1, 42, ""), Duration::Minutes(20)));
  EXPECT_TRUE(within(plan.After(2, 42, ""), Duration::Hours(1)));
  EXPECT_TRUE(within(plan.After(9, 42, "TransientFailure"), Duration::Hours(1)));
}

TEST(RetryPlan, IsJitteredByRecipientAndTheSameEachTime) {
  const RetryPlan plan({Duration::Minutes(20)});
  std::set<std::int64_t> waits;
  for (std::uint64_t hash = 0; hash < 100; ++hash) {
    EXPECT_EQ(plan.After(1, hash, ""), plan.After(1, hash, ""));
    waits.insert(plan.After(1, hash, "").nanoseconds());
  }
  EXPECT_GT(waits.size(), 80u);
}

TEST(RetryPlan, AClassHasItsOwnIntervals) {
  const RetryPlan plan({Duration::Minutes(20)}, {{"QuotaIssues", {Duration::Hours(6), Duration::Hours(12)}}});
  EXPECT_GE(plan.After(1, 42, "QuotaIssues"), Duration::Hours(6));
  EXPECT_GE(plan.After(2, 42, "QuotaIssues"), Duration::Hours(12));
  EXPECT_LT(plan.After(2, 42, "TransientFailure"), Duration::Minutes(23));
}

}  // namespace
}  // namespace delivery
