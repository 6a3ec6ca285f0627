// How many connections a receiver takes, which is learned from those that it refuses and from those that work.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

constexpr char kTwenty[] = "[\"default\"]\nconnection_limit = 20\n";

// It takes three connections, and refuses each that is one more.
class ThreeConnections : public testing::TestWithParam<bool> {
 protected:
  ThreeConnections()
      : scenario_({.addresses = Many(6000), .shaping = kTwenty, .keep_limits = true}),
        receiver_(scenario_.Serve("one.example")) {
    receiver_.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
    receiver_.At(Point::kGreeting, [this](const Question&) -> std::optional<Answer> {
      if (receiver_.open() <= 3) return std::nullopt;
      return GetParam() ? Answer{.reply = "421 4.7.0 Too many connections", .then = Answer::Then::kFin}
                        : Answer{.reply = "", .then = Answer::Then::kReset};
    });
  }
  std::uint32_t Window() {
    return scenario_.process()
        .limits()
        .Site(scenario_.job().sources[0].name, "mx.one.example", 7, {}, scenario_.world().now())
        ->group()
        .connections_max();
  }
  std::size_t Connections(Duration time) {
    const std::size_t before = receiver_.connections().size();
    scenario_.RunFor(time);
    return receiver_.connections().size() - before;
  }

  Scenario scenario_;
  Receiver& receiver_;
};

TEST_P(ThreeConnections, AreFoundAndKeptForTheNextProgram) {
  scenario_.RunFor(Duration::Minutes(10));
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_LE(Connections(Duration::Minutes(1)), 20u);  // Each that is replaced begins the backoff anew.
    EXPECT_LE(Window(), 5u);
    EXPECT_GE(Window(), 3u);
  }
  scenario_.Restart();
  EXPECT_LE(Connections(Duration::Seconds(5)), 8u);
  EXPECT_EQ(receiver_.open(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Refusals, ThreeConnections, testing::Bool(),
                         [](const auto& param) { return std::string(param.param ? "Greeting" : "Reset"); });

// A receiver that has had one message a second for long is not met with twenty connections at once.
TEST(Window, DoesNotGrowWhileFewConnectionsAreUsed) {
  Scenario scenario({.addresses = Many(4000), .shaping = std::string(kTwenty) + "max_message_rate = \"1/s\"\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(900)}));
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_GE(receiver.accepted().size(), 500u);
  std::vector<std::string> warnings;
  const std::string text = kTwenty;
  scenario.process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings)));
  scenario.RunFor(Duration::Seconds(1));
  EXPECT_LE(receiver.open(), 7u);
  EXPECT_GE(receiver.open(), 4u);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_EQ(receiver.open(), 20u);
}

}  // namespace
}  // namespace sim
