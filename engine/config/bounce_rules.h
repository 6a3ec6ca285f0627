// Rule files that classify replies, in KumoMTA's format: a table [rules] of classes, each with a list of regular
// expressions. Pure, but for LoadBounceRules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace config {

struct BounceRule {
  std::string classification;  // "InvalidRecipient", as the file has it.
  std::string pattern;
  std::string place;  // "PATH:LINE"
};

// In the order of the file. Errors (kInvalidArgument): all that were found, one per line, "PATH:LINE: what is wrong;
// what would be right".
absl::StatusOr<std::vector<BounceRule>> ParseBounceRules(std::string_view text, std::string_view path);
// Of all files, in order. Also: a file cannot be read.
absl::StatusOr<std::vector<BounceRule>> LoadBounceRules(absl::Span<const std::string> paths);

}  // namespace config
