// SASLprep (RFC 4013): user names and passwords that look the same become the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace smtp {

// Printable ASCII stays as it is. Errors: not UTF-8, characters that the profile prohibits, or nothing is left.
absl::StatusOr<std::string> SaslPrep(std::string_view text);

}  // namespace smtp
