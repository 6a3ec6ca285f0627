// What a signature costs apart from the private key's part: canonical forms, hashes and the DKIM-Signature field of a
// message of 10 KB whose header section and body differ from message to message. Pinned to one core:
//   taskset -c 0 micro_bench --benchmark_filter=DkimCompose --benchmark_repetitions=30 --benchmark_min_time=0.1
//     --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
// Time is CPU time per signature. The argument says where the first field of the body stands, in octets; -1: nowhere,
// all bodies are the same.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/dkim/signature.h"

namespace {

constexpr std::size_t kBodySize = 10'000;

std::string HeaderFor(std::uint64_t recipient) {
  const std::string token = absl::StrCat("v1", 100'000'000'000 + recipient, "abcdefghijklmnopqr");
  return absl::StrCat(
      "From: Example News <news@example.com>\r\nTo: \"Person ", recipient, "\" <person", recipient,
      "@example.net>\r\nReply-To: <editor@example.com>\r\nSubject: Hello Person ", recipient,
      ", this is the news of the week\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\nMessage-ID: <", token,
      "@example.com>\r\nList-Id: <weekly.example.com>\r\nList-Unsubscribe: <https://example.com/u/", token,
      ">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: weekly:digest:news:example\r\n"
      "Precedence: bulk\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
}

std::string TextOf(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "<p class=3D\"news\">What happened in the week, in a few words for you.</p>\r\n";
  text.resize(size);
  return text;
}

void AddStatistics(benchmark::internal::Benchmark* bench) {
  bench->ComputeStatistics("min", [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
}

void DkimCompose(benchmark::State& state) {
  const bool is_constant = state.range(0) < 0;
  const std::string before = TextOf(is_constant ? kBodySize : static_cast<std::size_t>(state.range(0)));
  const std::string after = TextOf(kBodySize - before.size());
  std::vector<std::string> headers, names;
  for (std::uint64_t i = 0; i < 256; ++i) {
    headers.push_back(HeaderFor(i * 7919));
    names.push_back(is_constant ? "" : absl::StrCat("Person ", i * 7919, ",\r\n"));
  }
  dkim::Composer composer;
  dkim::SignatureSpec spec;
  spec.domain = "example.com";
  spec.selector = "s1";
  std::string field;
  std::size_t next = 0;
  for (auto _ : state) {
    next = (next + 1) % headers.size();
    const std::string_view pieces[] = {headers[next], before, names[next], after};
    composer.Take(pieces);
    benchmark::DoNotOptimize(
        composer.Compose(spec, base::WallTime::FromSeconds(1'795'510'800 + static_cast<std::int64_t>(next)), field));
  }
}
BENCHMARK(DkimCompose)
    ->Arg(0)
    ->Arg(200)
    ->Arg(5000)
    ->Arg(9500)
    ->Arg(-1)
    ->Apply(&AddStatistics)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
