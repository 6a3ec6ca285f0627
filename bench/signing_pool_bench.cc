// Messages with two RSA-2048 signatures each, of two keys (the author's and the provider's), as a shard's seat signs
// them. Pinned to one core:
//   taskset -c 0 micro_bench --benchmark_filter=TwoKeys --benchmark_repetitions=30 --benchmark_min_time=0.1
//     --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
// Time is CPU time per message. The first argument says how many messages wait at once, the second whether a batch may
// be filled with the other key.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/dkim/batch_rsa_signer.h"
#include "engine/dkim/private_key.h"
#include "engine/dkim/signing_pool.h"

namespace {

struct Silence final : base::Log {
  void Write(base::Severity, std::string_view) override {}
};

class Request final : public dkim::SignRequest {
 public:
  void OnSigned(const absl::Status& status) override { is_signed = status.ok(); }
  bool is_signed = false;
};

// Keeps keys apart.
class Apart final : public dkim::DigestSigner {
 public:
  explicit Apart(std::unique_ptr<dkim::DigestSigner> signer) : signer_(std::move(signer)) {}
  std::size_t batch_max() const override { return signer_->batch_max(); }
  void SignDigests(absl::Span<dkim::SignRequest* const> requests, absl::Span<absl::Status> statuses) override {
    signer_->SignDigests(requests, statuses);
  }

 private:
  const std::unique_ptr<dkim::DigestSigner> signer_;
};

const std::vector<dkim::SigningKey>& TwoKeys() {
  static const std::vector<dkim::SigningKey> keys = [] {
    const dkim::Crypto crypto;
    std::vector<dkim::SigningKey> made(2);
    for (dkim::SigningKey& key : made)
      key.pem = *(*dkim::PrivateKey::Generate(dkim::Algorithm::kRsaSha256, crypto))->ToPem();
    return made;
  }();
  return keys;
}

void TwoKeysMessage(benchmark::State& state) {
  Silence log;
  absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> signer =
      dkim::MakeDigestSigner(TwoKeys(), /*batches_allowed=*/true, log);
  if (!signer.ok()) return state.SkipWithError("there is no signer");
  const bool together = state.range(1) != 0;
  dkim::SigningPool pool;
  const auto seat = pool.Join(together ? *std::move(signer) : std::make_unique<Apart>(*std::move(signer)), [] {});
  std::vector<Request> requests(2 * static_cast<std::size_t>(state.range(0)));
  while (state.KeepRunningBatch(state.range(0))) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].key = static_cast<std::uint32_t>(i % 2);
      ++requests[i].digest[0];
      seat->Sign(requests[i]);
    }
    while (seat->WantsTurn()) seat->Serve();
    if (!std::all_of(requests.begin(), requests.end(), [](const Request& request) { return request.is_signed; }))
      state.SkipWithError("a signature was not made");
  }
}
BENCHMARK(TwoKeysMessage)
    ->ArgsProduct({{1, 2, 3, 4, 8}, {0, 1}})
    ->ComputeStatistics("min", [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); })
    ->Unit(benchmark::kMicrosecond);

}  // namespace
