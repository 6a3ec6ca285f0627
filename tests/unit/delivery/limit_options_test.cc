#include <gtest/gtest.h>

#include "engine/base/rate.h"
#include "engine/delivery/limit_group.h"

namespace delivery {
namespace {

using base::Duration;

TEST(LimitOptions, OfTwoEqualRatesTheSmallerBurstHolds) {
  const LimitOptions large{.message_rate = base::Rate{1, Duration::Minutes(1), 50}};
  const LimitOptions small{.message_rate = base::Rate{60, Duration::Hours(1), 2}};
  EXPECT_EQ(Strictest(large, small).message_rate->burst_max, 2u);
  EXPECT_EQ(Strictest(small, large).message_rate->burst_max, 2u);
}

TEST(LimitOptions, TheSlowerRateHoldsWithTheSmallerBurst) {
  const auto limit = [](const char* rate) { return LimitOptions{.message_rate = *base::ParseRate(rate)}; };
  struct Case {
    const char *a, *b, *both;
  };
  for (const Case& one : {Case{"100/h,max_burst=100", "2/min,max_burst=1", "100/h,max_burst=1"},
                          {"100/h,max_burst=2", "200/h,max_burst=9", "100/h,max_burst=2"},
                          {"100/h,max_burst=100", "200/h", "100/h,max_burst=1"},
                          {"100/h", "200/h,max_burst=1", "100/h,max_burst=1"},
                          {"100/h", "200/h", "100/h"},
                          {"100/h,max_burst=9", "", "100/h,max_burst=9"}}) {
    const LimitOptions b = *one.b == '\0' ? LimitOptions() : limit(one.b);
    EXPECT_EQ(Strictest(limit(one.a), b), limit(one.both)) << one.a << " and " << one.b;
    EXPECT_EQ(Strictest(b, limit(one.a)), limit(one.both)) << one.b << " and " << one.a;
  }
}

}  // namespace
}  // namespace delivery
