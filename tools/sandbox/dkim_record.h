// The DNS record of a DKIM key, for the sandbox's own DNS.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sandbox {

// `text` is a private or public key as PEM (RSA, Ed25519), or already a record ("v=DKIM1; …"), which stays as it is.
// Errors: InvalidArgument.
absl::StatusOr<std::string> DkimRecord(std::string_view text);

}  // namespace sandbox
