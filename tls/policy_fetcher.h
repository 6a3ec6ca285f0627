// Fetching MTA-STS policies over HTTPS (RFC 8461 section 3.3), as an interface: libcurl in production, a table in the
// simulator.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"

namespace tls {

class PolicyFetcher {
 public:
  // The body of the policy file, at most kFileMax bytes. Errors: Unavailable (it cannot be had now); ResourceExhausted
  // (too many wait: ask again later); NotFound (the host answers, and not with a policy file); Unauthenticated (the
  // host's certificate does not hold).
  using Callback = absl::AnyInvocable<void(absl::StatusOr<std::string> policy)>;
  static constexpr std::size_t kFileMax = 65'536;

  virtual ~PolicyFetcher() = default;
  // Fetches https://mta-sts.DOMAIN/.well-known/mta-sts.txt from one of these addresses. `callback` runs exactly once,
  // from the loop, never within this call; not at all once the fetcher is destroyed.
  virtual void Fetch(std::string_view domain, std::vector<base::IpAddress> addresses, Callback callback) = 0;
};

}  // namespace tls
