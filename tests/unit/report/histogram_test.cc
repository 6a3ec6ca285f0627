#include "engine/report/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace report {
namespace {

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0u);
  EXPECT_EQ(histogram.total(), 0u);
}

TEST(Histogram, IsWithinAnEighthOfEveryValue) {
  for (std::uint64_t value = 0; value <= UINT32_MAX; value = value * 9 / 8 + 1) {
    Histogram histogram;
    histogram.Add(static_cast<std::uint32_t>(value));
    const std::uint64_t told = histogram.Percentile(0.5);
    EXPECT_GE(told, value);
    EXPECT_LE(told, value + value / 8) << value;
  }
  Histogram histogram;
  histogram.Add(UINT32_MAX);
  EXPECT_EQ(histogram.Percentile(1), UINT32_MAX);
}

TEST(Histogram, GivesPercentiles) {
  Histogram histogram;
  for (std::uint32_t value = 1; value <= 1000; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.total(), 1000u);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.5)), 500, 65);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.99)), 990, 125);
  EXPECT_LE(histogram.Percentile(0.001), 1u);
  EXPECT_GE(histogram.Percentile(1), 1000u);
}

}  // namespace
}  // namespace report
