// Fetching MTA-STS policies over HTTPS (RFC 8461 section 3.3), as an interface: libcurl in production, a table in the
// simulator.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace tls {

class PolicyFetcher {
 public:
  // The body of the policy file, at most 64 KB. Errors: Unavailable (cannot be had now), NotFound (the host says there
  // is none).
  using Callback = absl::AnyInvocable<void(absl::StatusOr<std::string> policy)>;
  virtual ~PolicyFetcher() = default;
  // Fetches https://mta-sts.DOMAIN/.well-known/mta-sts.txt. `callback` runs exactly once, from the loop, never within
  // this call.
  virtual void Fetch(std::string_view domain, Callback callback) = 0;
};

}  // namespace tls
