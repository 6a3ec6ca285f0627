// When deferred recipients are tried again, as files write it: waits, for everybody and for single classes of failures.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace base {

struct RetryIntervals {
  std::vector<Duration> all;  // After the first, second, … attempt; the last one repeats. Empty: it is not said.
  std::map<std::string, std::vector<Duration>, std::less<>> by_class;  // "QuotaIssues"; each as `all`, and never empty.

  // What `over` says counts more; each class for itself.
  RetryIntervals With(const RetryIntervals& over) const;
  friend bool operator==(const RetryIntervals&, const RetryIntervals&) = default;
};

// A wait: from 1 second to 30 days. Errors: the message follows on the key's name, "is wrong: …", "has …".
absl::StatusOr<Duration> ParseRetryWait(std::string_view text);

// KumoMTA's form: the wait doubles from the first up to the longest. Where one of the two is absent, 20 minutes, 7
// days. Errors: the longest is shorter than the first.
absl::StatusOr<std::vector<Duration>> DoublingWaits(std::optional<Duration> first, std::optional<Duration> longest);

}  // namespace base
