// The arithmetic of signing: takes requests, and leaves signatures. What a Signer's queue is served by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/dkim/signer.h"

namespace dkim {

class DigestSigner {
 public:
  virtual ~DigestSigner() = default;
  // So many requests at most are taken in one call: what keeps a turn short (one batch: a quarter of a millisecond).
  virtual std::size_t batch_max() const = 0;
  // Requests with these two keys cost less in one call than in two; always so with one key.
  virtual bool GoTogether(std::uint32_t a, std::uint32_t b) const { return a == b; }
  // Signs each request's digest with its key into its `signature`, or says in `statuses` (of the same size, all OK
  // before) why it cannot. Calls no OnSigned. Requires: at most batch_max() requests.
  virtual void SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) = 0;
};

// "batches" or "openssl": how it signs from now on.
inline std::string_view MethodOf(const DigestSigner& signer) { return signer.batch_max() > 1 ? "batches" : "openssl"; }

}  // namespace dkim
