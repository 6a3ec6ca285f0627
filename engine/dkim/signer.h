// Signing digests, as an interface. Production signs with OpenSSL, or in batches (signing_pool.h); the simulator with a
// cheap keyed hash.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/base/intrusive_list.h"
#include "engine/dkim/crypto.h"

namespace dkim {

// One signature to be made; embedded in its owner.
class SignRequest {
 public:
  SignRequest() = default;
  SignRequest(const SignRequest&) = delete;
  SignRequest& operator=(const SignRequest&) = delete;
  virtual ~SignRequest() = default;

  std::uint32_t key = 0;  // Index of one of the signer's keys.
  Digest digest{};        // Of the canonical header fields (RFC 6376 section 3.7).
  std::string signature;  // Raw, without base64, when it was made.

  // `status` is not OK: the key cannot sign, and why.
  virtual void OnSigned(const absl::Status& status) = 0;

  base::ListHook queue_hook;  // The signer's.
};

class Signer {
 public:
  virtual ~Signer() = default;
  // Queues a request. Its OnSigned runs exactly once, from the loop, never within this call, unless it is cancelled.
  virtual void Sign(SignRequest& request) = 0;
  // OnSigned of `request` will not run. One that does not wait is ignored.
  virtual void Cancel(SignRequest& request) = 0;

  // Once per turn of the loop: makes some signatures, in bounded time.
  virtual void Serve() = 0;
  // Whether Serve has more to do at once.
  virtual bool WantsTurn() const = 0;
};

}  // namespace dkim
