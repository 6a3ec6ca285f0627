// Signing a message's DKIM digest, as an interface. Production signs with OpenSSL and in batches; the simulator with a
// cheap keyed hash.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace dkim {

class Signer {
 public:
  // The raw signature bytes, before base64. Errors: the key cannot sign.
  using Callback = absl::AnyInvocable<void(absl::StatusOr<std::string> signature)>;
  virtual ~Signer() = default;
  // Signs a SHA-256 digest (32 bytes) of the canonicalised headers (RFC 6376 section 3.7). `key` names one of the
  // configured keys. `callback` runs exactly once, from the loop, never within this call.
  virtual void Sign(std::string_view key, std::string_view digest, Callback callback) = 0;
};

}  // namespace dkim
