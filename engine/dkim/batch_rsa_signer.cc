#include "engine/dkim/batch_rsa_signer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "engine/base/check.h"

namespace dkim {
namespace {

// A batch costs the time of four, however few it signs. Assumed, not measured: that is about a third of four OpenSSL
// signatures, so two are cheaper together and one alone with OpenSSL. bench/batch_rsa_bench.cc measures it.
constexpr std::size_t kBatchMin = 2;

std::string_view View(const std::array<std::uint8_t, 256>& signature) {
  return {reinterpret_cast<const char*>(signature.data()), signature.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<BatchRsaSigner>> BatchRsaSigner::Make(absl::Span<const SigningKey> keys,
                                                                     const BatchRsaKernel& kernel,
                                                                     std::atomic<bool>& faulty, base::Log& log) {
  absl::StatusOr<std::unique_ptr<OpensslSigner>> openssl = OpensslSigner::Make(keys);
  if (!openssl.ok()) return openssl.status();
  std::unique_ptr<BatchRsaSigner> signer(new BatchRsaSigner(*std::move(openssl), kernel, faulty, log));
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    signer->keys_.push_back(BatchRsaKey::Create(*signer->openssl_->key(i).handle()));
  }
  for (std::uint32_t i = 0; i < keys.size() && !faulty; ++i) {
    if (signer->keys_[i] == nullptr) continue;
    signer->has_keys_ = true;
    if (!signer->OpensslAccepts(i) && !faulty.exchange(true))
      log.Error("the batch signer disagrees with OpenSSL on this machine: OpenSSL signs alone");
  }
  return signer;
}

bool BatchRsaSigner::OpensslAccepts(std::uint32_t key) {
  std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].key = keys_[key].get();
    jobs[i].digest.fill(static_cast<std::uint8_t>(0x55 * i));  // 0x00 to 0xFF
  }
  rsa_.Sign(absl::MakeSpan(jobs));
  // A digest has only one valid signature: OpenSSL would make no other.
  return std::all_of(jobs.begin(), jobs.end(), [&](const BatchRsa::Job& job) {
    return job.verified && openssl_->key(key).Verify(job.digest, View(job.signature));
  });
}

// A batch takes any keys that fit the kernel.
bool BatchRsaSigner::GoTogether(std::uint32_t a, std::uint32_t b) const {
  return a == b || (batches() && keys_[a] != nullptr && keys_[b] != nullptr);
}

void BatchRsaSigner::SignAlone(SignRequest& request, absl::Status& status) {
  SignRequest* one = &request;
  openssl_->SignDigests(absl::MakeSpan(&one, 1), absl::MakeSpan(&status, 1));
  ++counters_.alone;
}

void BatchRsaSigner::SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) {
  CHECK(requests.size() == statuses.size() && requests.size() <= kBatchRsaMessages);
  std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
  std::array<std::size_t, kBatchRsaMessages> owners{};  // Index of the request of each job.
  std::size_t count = 0;
  const bool may_batch = batches();
  for (std::size_t i = 0; i < requests.size() && may_batch; ++i) {
    CHECK(requests[i]->key < keys_.size());
    if (keys_[requests[i]->key] == nullptr) continue;
    jobs[count] = {.key = keys_[requests[i]->key].get(), .digest = requests[i]->digest};
    owners[count++] = i;
  }
  std::array<bool, kBatchRsaMessages> done{};
  if (count >= kBatchMin) {
    rsa_.Sign(absl::MakeSpan(jobs.data(), count));
    ++counters_.batches;
    for (std::size_t i = 0; i < count; ++i) {
      if (!jobs[i].verified) {
        // A machine that computes wrongly, or somebody who makes it: it gets no second try.
        ++counters_.mismatches;
        if (!faulty_.exchange(true))
          log_.Error("a signature of the batch signer did not verify, and was not used: this machine computes wrongly");
        continue;
      }
      requests[owners[i]]->signature = View(jobs[i].signature);
      done[owners[i]] = true;
      ++counters_.in_batches;
    }
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!done[i]) SignAlone(*requests[i], statuses[i]);
  }
}

absl::StatusOr<std::unique_ptr<DigestSigner>> MakeDigestSigner(absl::Span<const SigningKey> keys, bool batches_allowed,
                                                               base::Log& log) {
  static std::atomic<bool> faulty = false;  // This machine, whichever thread has found it out.
  if (batches_allowed && CpuHasAvx512Ifma()) return BatchRsaSigner::Make(keys, Avx512BatchRsaKernel(), faulty, log);
  return OpensslSigner::Make(keys);
}

}  // namespace dkim
