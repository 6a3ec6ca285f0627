// A sample of a campaign's recipients: the same ones each time, and a larger one has a smaller one in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/ledger/record.h"

namespace delivery {

// So many recipients, or such a share of all.
struct SampleSize {
  std::optional<std::uint64_t> count;
  double share = 1;  // More than 0, at most 1; where there is no count.
};
// "1000", "5%", "2.5%". Errors: anything else; nobody; more than all.
absl::StatusOr<SampleSize> ParseSampleSize(std::string_view text);

inline constexpr std::uint64_t kWholeSample = UINT64_MAX;  // As a bound: everybody.

std::uint64_t SampleHash(ledger::RecipientId id);
// The recipients whose SampleHash is below are the sample. By the hash of each, in two passes; memory for one number in
// 65,536.
std::uint64_t SampleBound(const SampleSize& size, std::uint64_t recipients);

inline bool IsSampled(ledger::RecipientId id, std::uint64_t bound) {
  return bound == kWholeSample || SampleHash(id) < bound;
}

}  // namespace delivery
