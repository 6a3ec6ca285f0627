// Durations in microseconds, counted in buckets that grow by an eighth: percentiles within 12.5 %, in constant memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace report {

class Histogram {
 public:
  void Add(std::uint32_t microseconds) {
    ++counts_[BucketOf(microseconds)];
    ++total_;
  }
  std::uint64_t total() const { return total_; }
  // The smallest duration that at least `share` of the values do not exceed, as the upper end of its bucket. 0 without
  // values.
  std::uint64_t Percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(total_) * share + 0.999999);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (total_ > 0 && seen >= wanted) return UpperEnd(bucket);
    }
    return 0;
  }

 private:
  static constexpr unsigned kSteps = 8;  // Per power of two.
  static std::size_t BucketOf(std::uint32_t value) {
    if (value < kSteps) return value;
    const auto power = static_cast<unsigned>(std::bit_width(value)) - 1;
    return (power - 2) * kSteps + ((value >> (power - 3)) - kSteps);
  }
  static std::uint64_t UpperEnd(std::size_t bucket) {
    if (bucket < kSteps) return bucket;
    const std::uint64_t power = bucket / kSteps + 2, step = bucket % kSteps;
    return ((kSteps + step + 1) << (power - 3)) - 1;
  }
  std::array<std::uint64_t, (32 - 2) * kSteps> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace report
