// What writing down a delivery costs before it goes to the journal: the attempt's record and the outcome's as bytes,
// with the strings that come again written once. Time is CPU time per message.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/ledger/codec.h"

namespace {

constexpr std::size_t kBatchBytes = 64 << 10;

void EncodeDelivery(benchmark::State& state) {
  ledger::RecordEncoder encoder;
  std::string out;
  std::uint32_t recipient = 0;
  for (auto _ : state) {
    ledger::Attempt attempt;
    attempt.recipient = recipient;
    attempt.number = 1;
    attempt.time = base::WallTime::FromSeconds(1'795'510'800 + recipient / 1000);
    attempt.session = 1 + recipient % 256;
    encoder.Append(attempt, out);
    ledger::Outcome outcome;
    outcome.recipient = recipient;
    outcome.number = 1;
    outcome.time = attempt.time;
    outcome.reply_code = 250;
    outcome.enhanced[0] = 2;
    outcome.reply_text = "Ok: queued as 4FZx3k2lQ9z";
    outcome.command = "BDAT";
    outcome.site = "mx.s0.bench.example";
    outcome.source = "default";
    outcome.peer_name = "mx.s0.bench.example";
    outcome.peer_address = "127.0.0.1";
    outcome.session = attempt.session;
    outcome.connection_use = 1 + recipient / 256;
    outcome.size = 10'300;
    outcome.tls_protocol = "TLSv1.3";
    outcome.tls_cipher = "TLS_AES_256_GCM_SHA384";
    encoder.Append(outcome, out);
    benchmark::DoNotOptimize(out.data());
    if (out.size() > kBatchBytes) out.clear();
    ++recipient;
  }
}
BENCHMARK(EncodeDelivery);

}  // namespace
