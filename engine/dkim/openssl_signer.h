// Signs with OpenSSL, one digest at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/dkim/digest_signer.h"
#include "engine/dkim/private_key.h"
#include "engine/dkim/signing_key.h"

namespace dkim {

class OpensslSigner final : public DigestSigner {
 public:
  // A signer with these keys, in a library context of its own. Errors: a key is not good, as PrivateKey::Parse says.
  static absl::StatusOr<std::unique_ptr<OpensslSigner>> Make(absl::Span<const SigningKey> keys);

  std::size_t batch_max() const override { return 1; }
  void SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) override;

  const PrivateKey& key(std::size_t index) const { return *keys_[index]; }

 private:
  OpensslSigner() = default;
  Crypto crypto_;
  std::vector<std::unique_ptr<PrivateKey>> keys_;
  std::vector<std::string> names_;
};

// The header fields of all signatures of one message, at once. `pieces` as for Composer::Take. Errors: as Make, and as
// PrivateKey::Sign.
absl::StatusOr<std::string> SignNow(absl::Span<const SigningKey> keys, absl::Span<const std::string_view> pieces,
                                    base::WallTime now);

}  // namespace dkim
