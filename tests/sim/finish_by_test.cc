// The end of a campaign, however many it is the end for.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/peak_memory.h"
#include "tests/sim/scenario.h"
#include "tests/unit/sanitized.h"

namespace sim {
namespace {

using base::Duration;

// Each turn ends some of them: a destination for each domain at once would be some fifty megabytes, and a turn in which
// nobody is answered.
TEST(FinishBy, TakesNoMemoryForDomainsThatNobodyHasLookedAt) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep what was freed";
  constexpr int kDomains = 50'000;
  std::vector<std::string> addresses;
  for (int i = 0; i < kDomains; ++i) addresses.push_back(absl::StrFormat("a@d%05d.example", i));
  Scenario scenario({.addresses = addresses, .shards = 2});
  scenario.job().finish_by = scenario.world().wall_now() + Duration::Milliseconds(1);
  scenario.RunFor(Duration());
  ForgetPeak();
  const long before = PeakKb();
  ASSERT_GT(before, 0);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_LT(PeakKb(), before + 24 * 1024);
  EXPECT_EQ(scenario.CountLast("expired"), static_cast<std::uint64_t>(kDomains));
}

}  // namespace
}  // namespace sim
