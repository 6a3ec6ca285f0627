#include "engine/delivery/sample.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

std::uint64_t Count(std::uint64_t bound, std::uint64_t recipients) {
  std::uint64_t count = 0;
  for (ledger::RecipientId id = 0; id < recipients; ++id) count += IsSampled(id, bound) ? 1 : 0;
  return count;
}

TEST(Sample, HasExactlySoMany) {
  for (const std::uint64_t recipients : {1u, 2u, 1000u, 300'000u}) {
    for (const std::uint64_t count : {1u, 2u, 999u, 1000u, 1001u, 299'999u}) {
      EXPECT_EQ(Count(SampleBound({.count = count}, recipients), recipients), std::min(count, recipients));
    }
  }
}

TEST(Sample, IsAShareOfAllAndNeverNobody) {
  EXPECT_EQ(Count(SampleBound({.count = {}, .share = 0.05}, 10'000), 10'000), 500u);
  EXPECT_EQ(Count(SampleBound({.count = {}, .share = 0.0001}, 100), 100), 1u);
  EXPECT_EQ(SampleBound({.count = {}, .share = 1}, 100), kWholeSample);
}

TEST(Sample, OfALargerSizeHasTheSmallerOneInIt) {
  std::uint64_t last = 0;
  for (const std::uint64_t count : {10u, 11u, 500u, 900u}) {
    const std::uint64_t bound = SampleBound({.count = count}, 1000);
    EXPECT_GT(bound, last);
    last = bound;
  }
}

TEST(Sample, IsWrittenAsANumberOrAShare) {
  EXPECT_EQ(*ParseSampleSize("1000")->count, 1000u);
  EXPECT_DOUBLE_EQ(ParseSampleSize("5%")->share, 0.05);
  EXPECT_DOUBLE_EQ(ParseSampleSize("2.5%")->share, 0.025);
  for (const char* bad : {"", "%", "0", "0%", "-1", "101%", "1e3", "5 %", "1.5", "x", "99999999999999999999", "1..2%"})
    EXPECT_FALSE(ParseSampleSize(bad).ok()) << bad;
}

}  // namespace
}  // namespace delivery
