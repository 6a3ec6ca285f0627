// RSA-2048 signatures: OpenSSL's one at a time, and in batches. Compare them only within one run, pinned to one core:
//   taskset -c 0 micro_bench --benchmark_filter=Rsa --benchmark_repetitions=30 --benchmark_min_time=0.1
//     --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
// Time is CPU time per signature. The sizes of Batch are messages in a batch: one of fewer than four is padded.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/dkim/batch_rsa.h"

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

EVP_PKEY* NewKey() {
  static const Key key(EVP_RSA_gen(2048), &EVP_PKEY_free);
  return key.get();
}

void AddStatistics(benchmark::internal::Benchmark* bench) {
  bench->ComputeStatistics("min", [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
}

void RsaOpenssl(benchmark::State& state) {
  const Context context(EVP_PKEY_CTX_new(NewKey(), nullptr), &EVP_PKEY_CTX_free);
  if (EVP_PKEY_sign_init(context.get()) != 1 || EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1) {
    state.SkipWithError("OpenSSL does not sign");
    return;
  }
  std::array<std::uint8_t, 32> digest{};
  std::array<std::uint8_t, 256> signature{};
  for (auto _ : state) {
    ++digest[0];
    std::size_t size = signature.size();
    if (EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) != 1) {
      state.SkipWithError("OpenSSL does not sign");
    }
  }
}
BENCHMARK(RsaOpenssl)->Apply(&AddStatistics)->Unit(benchmark::kMicrosecond);

void RsaBatch(benchmark::State& state) {
  const std::unique_ptr<dkim::BatchRsaKey> key = dkim::BatchRsaKey::Create(*NewKey());
  dkim::BatchRsa rsa(dkim::Avx512BatchRsaKernel());
  std::vector<dkim::BatchRsa::Job> jobs(static_cast<std::size_t>(state.range(0)));
  for (dkim::BatchRsa::Job& job : jobs) job.key = key.get();
  while (state.KeepRunningBatch(state.range(0))) {
    for (dkim::BatchRsa::Job& job : jobs) ++job.digest[0];
    rsa.Sign(absl::MakeSpan(jobs));
    if (!std::all_of(jobs.begin(), jobs.end(), [](const dkim::BatchRsa::Job& job) { return job.verified; })) {
      state.SkipWithError("a signature does not verify");
    }
  }
}

// An error makes the test of the benchmarks fail: without AVX-512 IFMA there is none of these.
[[maybe_unused]] const auto* const batches = [] {
  return dkim::CpuHasAvx512Ifma() ? benchmark::RegisterBenchmark("RsaBatch", &RsaBatch)
                                        ->DenseRange(1, 4)
                                        ->Apply(&AddStatistics)
                                        ->Unit(benchmark::kMicrosecond)
                                  : nullptr;
}();

}  // namespace
