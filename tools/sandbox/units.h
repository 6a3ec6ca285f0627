// Spans of time and shares as people write them on command lines and in personality files.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace sandbox {

// "250ms", "5s", "1.5 min", "2h", "1 day". A number without a unit is not one. At most 10 years.
absl::StatusOr<base::Duration> ParseDuration(std::string_view text);

// So many per span of time, as in "600/min", "20/10s".
struct Rate {
  std::uint32_t count = 0;
  base::Duration period;
};
absl::StatusOr<Rate> ParseRate(std::string_view text);

// Part of a whole, decided by a hash and thus the same in every run.
class Share {
 public:
  constexpr Share() = default;  // Nothing.
  static constexpr Share All() { return Share(kWhole); }
  // "2%", "0.05%", "100%".
  static absl::StatusOr<Share> Parse(std::string_view text);
  // Does a case with this hash (evenly distributed) belong to the part?
  bool Includes(std::uint64_t hash) const { return hash % kWhole < parts_; }
  bool empty() const { return parts_ == 0; }

 private:
  static constexpr std::uint64_t kWhole = 1'000'000;
  explicit constexpr Share(std::uint64_t parts) : parts_(parts) {}
  std::uint64_t parts_ = 0;  // Of kWhole.
};

// A reply line: three digits of which the first is 2, 4 or 5, then nothing, or a space and printable ASCII. Errors: say
// what is wrong.
absl::Status CheckReply(std::string_view reply);
// The code of a reply that passed CheckReply.
int ReplyCode(std::string_view reply);

}  // namespace sandbox
