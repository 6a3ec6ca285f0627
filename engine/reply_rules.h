// The operator's rules for replies, from the files that the configuration names.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/smtp/rule_set.h"

namespace engine {

// Errors (kInvalidArgument): all that were found, one per line, "PATH:LINE: what is wrong; what would be right".
absl::StatusOr<smtp::RuleSet> LoadReplyRules(absl::Span<const std::string> paths);

}  // namespace engine
