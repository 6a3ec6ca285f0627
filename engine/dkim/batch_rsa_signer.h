// Signs in batches of four with batch_rsa.h, and with OpenSSL what does not fit: other keys, single requests, and
// everything once a signature did not verify.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/log.h"
#include "engine/dkim/batch_rsa.h"
#include "engine/dkim/digest_signer.h"
#include "engine/dkim/openssl_signer.h"
#include "engine/dkim/signing_key.h"

namespace dkim {

class BatchRsaSigner final : public DigestSigner {
 public:
  struct Counters {
    std::uint64_t batches = 0;
    std::uint64_t in_batches = 0;  // Signatures.
    std::uint64_t alone = 0;       // With OpenSSL.
    std::uint64_t mismatches = 0;  // Signatures that did not verify, and were made again with OpenSSL.
  };

  // A signer with these keys. Each that fits the kernel signs some digests with it first: where one differs from
  // OpenSSL's signature, the kernel is not used. `log` hears of every fault, and outlives the signer. So does `faulty`:
  // all signers with the kernel have it in common, and once it is true none of them uses the kernel.
  // Errors: as OpensslSigner::Make.
  static absl::StatusOr<std::unique_ptr<BatchRsaSigner>> Make(absl::Span<const SigningKey> keys,
                                                              const BatchRsaKernel& kernel, std::atomic<bool>& faulty,
                                                              base::Log& log);

  std::size_t batch_max() const override { return batches() ? kBatchRsaMessages : 1; }
  bool GoTogether(std::uint32_t a, std::uint32_t b) const override;
  void SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) override;

  // Whether there is a key for batches, and no fault was met.
  bool batches() const { return has_keys_ && !faulty_.load(std::memory_order_relaxed); }
  const Counters& counters() const { return counters_; }

 private:
  BatchRsaSigner(std::unique_ptr<OpensslSigner> openssl, const BatchRsaKernel& kernel, std::atomic<bool>& faulty,
                 base::Log& log)
      : openssl_(std::move(openssl)), rsa_(kernel), faulty_(faulty), log_(log) {}
  bool OpensslAccepts(std::uint32_t key);
  void SignAlone(SignRequest& request, absl::Status& status);

  const std::unique_ptr<OpensslSigner> openssl_;
  BatchRsa rsa_;
  std::atomic<bool>& faulty_;
  base::Log& log_;
  std::vector<std::unique_ptr<BatchRsaKey>> keys_;  // By index; null: one for OpenSSL.
  bool has_keys_ = false;                           // For batches.
  Counters counters_;
};

// Batches where the processor can, else OpenSSL. `batches_allowed`: [engine] signer = "auto".
absl::StatusOr<std::unique_ptr<DigestSigner>> MakeDigestSigner(absl::Span<const SigningKey> keys, bool batches_allowed,
                                                               base::Log& log);

}  // namespace dkim
