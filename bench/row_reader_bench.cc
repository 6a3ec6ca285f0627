// What reading a recipients file costs: rows of two columns and 35 octets, as `sluice bench` makes them, and rows of
// eight columns, one of them in quotes. Pinned to one core:
//   taskset -c 0 micro_bench --benchmark_filter=ReadRows --benchmark_repetitions=30 --benchmark_min_time=0.1
//     --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
// Time is CPU time per row. The argument says whether the rows have eight columns.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/campaign/row_reader.h"

namespace {

constexpr int kRows = 10'000;

class Memory final : public campaign::ByteSource {
 public:
  explicit Memory(std::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    const std::size_t taken = std::min(size, bytes_.size() - at_);
    std::memcpy(out, bytes_.data() + at_, taken);
    at_ += taken;
    return taken;
  }
  std::uint64_t consumed() const override { return at_; }

 private:
  const std::string_view bytes_;
  std::size_t at_ = 0;
};

std::string FileOf(bool is_wide) {
  std::string text = is_wide ? "email,name,city,code,since,size,note,link\n" : "email,first_name\n";
  for (int i = 0; i < kRows; ++i) {
    absl::StrAppend(&text, "user", i, "@d", i % 32, ".bench.example,Person ", i);
    if (is_wide)
      absl::StrAppend(&text, ",Springfield,", i,
                      ",2026-11-28,medium,\"likes, among others, \"\"x\"\"\",https://example.com/", i);
    text += "\n";
  }
  return text;
}

void ReadRows(benchmark::State& state) {
  const std::string text = FileOf(state.range(0) != 0);
  while (state.KeepRunningBatch(kRows)) {
    auto reader = campaign::MakeRowReader(std::make_unique<Memory>(text), "rows.csv", campaign::RowFormat::kCsv);
    if (!reader.ok()) return state.SkipWithError("the file cannot be read");
    campaign::Row row;
    int rows = 0;
    for (absl::StatusOr<bool> more = (*reader)->Next(row); more.ok() && *more; more = (*reader)->Next(row)) {
      benchmark::DoNotOptimize(row.fields.data());
      rows += row.error.empty() ? 1 : 0;
    }
    if (rows != kRows) return state.SkipWithError("rows are missing");
  }
}
BENCHMARK(ReadRows)->Arg(0)->Arg(1)->ComputeStatistics("min", [](const std::vector<double>& v) {
  return *std::min_element(v.begin(), v.end());
});

}  // namespace
