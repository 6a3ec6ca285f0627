// A rate that falls while attempts are on their way to the disk: what has not left by then is not in doubt, however the
// program ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "tests/sim/agreement.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

constexpr int kMany = 200;

enum class Ending { kDrain, kPause, kKill };

struct Case {
  const char* name;
  Ending ending;
  std::string rate;  // 2/min: a token comes, but later than a drain waits.
  std::string shaping;
  std::vector<std::string> extensions;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class FallingRate : public testing::TestWithParam<Case> {
 protected:
  FallingRate()
      : scenario_({.addresses = Many(kMany),
                   .shaping = "[\"default\"]\nadaptive = false\nconnection_limit = 10\n" + GetParam().shaping +
                              "[[\"default\".automation]]\nregex = \"TS01\"\nduration = \"10h\"\naction = "
                              "{SetConfig={name=\"max_message_rate\", value=\"" +
                              GetParam().rate + "\"}}\n",
                   .commit_longest = Duration::Milliseconds(500)}),
        receiver_(scenario_.Serve("one.example")) {
    receiver_.extensions = GetParam().extensions;
    receiver_.At(Point::kRcpt, [](const Question& question) -> std::optional<Answer> {
      return question.time == 20 ? std::optional(Answer{"450 4.2.0 [TS01] slow down"}) : std::nullopt;
    });
  }
  // Whose attempts have begun, and who has no outcome.
  int Open() const {
    const std::vector<std::string> all = Many(kMany);
    return static_cast<int>(std::count_if(all.begin(), all.end(), [this](const std::string& address) {
      return scenario_.Last(address).starts_with("attempt");
    }));
  }
  void UntilTheRateHasFallen() {
    while (scenario_.log().CountOf("by the automation rule") == 0) scenario_.RunFor(Duration::Milliseconds(10));
    scenario_.RunFor(Duration::Seconds(2));  // What was under way has ended, and what was to be durable is.
  }

  Scenario scenario_;
  Receiver& receiver_;
};

TEST_P(FallingRate, LeavesNobodyInDoubt) {
  UntilTheRateHasFallen();
  const bool is_killed = GetParam().ending == Ending::kKill;  // Nobody waits for an hour with an attempt on the disk.
  if (!is_killed) {
    ASSERT_GE(Open(), 2);
  }
  if (GetParam().ending == Ending::kDrain) scenario_.process().Drain();
  if (GetParam().ending == Ending::kPause)
    scenario_.process().Pause({.by = "operator", .reason = "ask first", .sample = "", .scope = {}});
  scenario_.RunFor(Duration::Seconds(5));
  EXPECT_EQ(scenario_.process().IsStopped(), !is_killed);
  EXPECT_EQ(Open(), 0);
  const std::size_t accepted = receiver_.accepted().size();
  EXPECT_LT(accepted, 30u);
  EXPECT_EQ(scenario_.CountLast("delivered"), accepted);
  scenario_.Restart();
  if (GetParam().ending != Ending::kPause) {
    EXPECT_TRUE(scenario_.Finish());
    EXPECT_EQ(scenario_.CountLast("delivered"), kMany);
  }
  EXPECT_EQ(scenario_.CountLast("in doubt"), 0u);
  CheckEverybody(scenario_, receiver_, kMany);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FallingRate,
    testing::Values(Case{"Drained", Ending::kDrain, "2/min", "", {"PIPELINING", "CHUNKING"}},
                    Case{"DrainedOneBehindTheOther", Ending::kDrain, "2/min", "", {"PIPELINING"}},
                    Case{"DrainedInFlight", Ending::kDrain, "2/min", "max_in_flight = 4\n", {"PIPELINING", "CHUNKING"}},
                    Case{"Paused", Ending::kPause, "2/min", "", {"PIPELINING", "CHUNKING"}},
                    Case{"Killed", Ending::kKill, "1/h", "", {"PIPELINING", "CHUNKING"}},
                    Case{"KilledInFlight", Ending::kKill, "1/h", "max_in_flight = 4\n", {"PIPELINING", "CHUNKING"}}),
    [](const auto& param) { return std::string(param.param.name); });

// What waits for its token when the site is suspended does not leave when that comes.
TEST(FallingRateAndSuspension, NothingLeavesThatWaitsForItsToken) {
  constexpr std::string_view kRule = "[[\"default\".automation]]\nregex = \"TS01\"\nduration = \"10h\"\naction = ";
  Scenario scenario({.addresses = Many(kMany),
                     .shaping = "[\"default\"]\nadaptive = false\nconnection_limit = 10\n" + std::string(kRule) +
                                "{SetConfig={name=\"max_message_rate\", value=\"2/min\"}}\n" + std::string(kRule) +
                                "\"Suspend\"\n",
                     .commit_longest = Duration::Milliseconds(500)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = {"PIPELINING", "CHUNKING"};
  int recipients = 0;
  receiver.At(Point::kRcpt, [&recipients](const Question& question) -> std::optional<Answer> {
    ++recipients;
    return question.time == 20 ? std::optional(Answer{"450 4.2.0 [TS01] slow down"}) : std::nullopt;
  });
  while (scenario.log().CountOf("is suspended for") == 0) scenario.RunFor(Duration::Milliseconds(10));
  scenario.RunFor(Duration::Seconds(2));
  const int before = recipients;
  scenario.RunFor(Duration::Hours(1));
  EXPECT_EQ(recipients, before);
  scenario.RunFor(Duration::Hours(24));
  EXPECT_GT(recipients, before);
}

}  // namespace
}  // namespace sim
