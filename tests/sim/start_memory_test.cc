// What a campaign's start takes in memory: as much for many sources as for one.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_format.h"
#include "tests/sim/peak_memory.h"
#include "tests/sim/scenario.h"
#include "tests/unit/sanitized.h"

namespace sim {
namespace {

constexpr int kDomains = 20'000;
constexpr std::uint32_t kSources = 64;  // 1.28 million pairs: 24 bytes for each are 30 MB.
constexpr long kMostKb = 16 * 1024;

TEST(Start, ManySourcesTakeNoMemoryForDomainsWhoseTurnHasNotCome) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep what was freed";
  std::vector<std::string> addresses;
  for (int i = 0; i < kDomains; ++i) addresses.push_back(absl::StrFormat("a@d%05d.example", i));
  Scenario scenario({.addresses = addresses});
  scenario.UseTwoSources();
  while (scenario.job().sources.size() < kSources) {
    delivery::Source source = scenario.job().sources.front();
    source.name = absl::StrFormat("s%d", scenario.job().sources.size());
    scenario.job().sources.push_back(source);
  }
  ForgetPeak();
  const long before = PeakKb();
  ASSERT_GT(before, 0);
  scenario.RunFor(base::Duration());
  EXPECT_LT(PeakKb(), before + kMostKb);
}

}  // namespace
}  // namespace sim
