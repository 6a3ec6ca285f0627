// When deferred recipients come back, as a receiver sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;
using testing::AllOf;
using testing::Ge;
using testing::Le;

TEST(Retries, AClassHasIntervalsOfItsOwn) {
  constexpr char kFull[] = "full@one.example", kBusy[] = "busy@one.example";
  Scenario scenario({.addresses = {kFull, kBusy}});
  scenario.job().retry_plan =
      delivery::RetryPlan({Duration::Minutes(10)}, {{"QuotaIssues", {Duration::Hours(2), Duration::Hours(6)}}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, For(kFull, {"452 4.2.2 Mailbox full"}));
  receiver.At(Point::kRcpt, For(kBusy, {"451 4.3.0 Local trouble"}));
  scenario.RunFor(Duration::Hours(9));
  const std::vector<std::int64_t> full = scenario.Times(kFull), busy = scenario.Times(kBusy);
  ASSERT_EQ(full.size(), 6u);  // Three attempts.
  EXPECT_THAT(full[2], AllOf(Ge(7200), Le(7200 * 9 / 8 + 2)));
  EXPECT_THAT(full[4] - full[2], AllOf(Ge(21600), Le(21600 * 9 / 8 + 2)));
  ASSERT_GE(busy.size(), 4u);
  EXPECT_THAT(busy[2], AllOf(Ge(600), Le(600 * 9 / 8 + 2)));
}

// A thousand are turned away within seconds; the interval is 20 minutes, and so they come over 150 seconds.
TEST(Retries, AfterAMassDeferralThereIsNoBurst) {
  constexpr int kMany = 1000;
  Scenario scenario({.addresses = Many(kMany), .shaping = "[\"default\"]\nadaptive = false\n"});
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Minutes(20)});
  Receiver& receiver = scenario.Serve("one.example");
  std::vector<Instant> first, second;
  std::map<std::string, int> asked;
  receiver.At(Point::kRcpt, [&](const Question& question) -> std::optional<Answer> {
    const bool is_first = ++asked[question.recipient] == 1;
    (is_first ? first : second).push_back(scenario.world().now());
    return is_first ? std::optional(Answer{"451 4.3.0 Local trouble"}) : std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  ASSERT_EQ(first.size(), kMany);
  ASSERT_EQ(second.size(), kMany);
  EXPECT_LT(first.back() - first.front(), Duration::Seconds(30));
  std::sort(second.begin(), second.end());
  EXPECT_GT(second.back() - second.front(), Duration::Seconds(120));
  std::size_t most = 0;  // Within a second.
  for (std::size_t begin = 0, end = 0; end < second.size(); ++end) {
    while (second[end] - second[begin] >= Duration::Seconds(1)) ++begin;
    most = std::max(most, end - begin + 1);
  }
  EXPECT_LE(most, 30u);  // On average 7.
}

}  // namespace
}  // namespace sim
