// What automation rules may set: each key before, during and after the time of its rule, as the receiver sees it; and
// what files set, on connections that are open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

// Mail goes to `first`, or where that may not be to `second`; each message takes `takes`.
struct TwoHosts {
  explicit TwoHosts(const std::string& shaping, Duration takes)
      : scenario({.addresses = Many(6000), .shaping = shaping}),
        first(scenario.Serve("one.example")),
        second(scenario.AddReceiver("mx2.example")) {
    scenario.names().SetMx("one.example", {"mx.one.example", "mx2.example"});
    for (Receiver* const receiver : {&first, &second}) {
      receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = takes}));
      receiver->At(Point::kMail, [this](const Question& question) -> std::optional<Answer> {
        grouped += question.grouped ? 1 : 0;
        deepest = std::max(deepest, question.message);
        return std::nullopt;
      });
    }
  }
  // The next recipient is answered so that the rule fires.
  void Fire() {
    is_to_fire = true;
    first.At(Point::kRcpt, [this](const Question&) -> std::optional<Answer> {
      if (!std::exchange(is_to_fire, false)) return std::nullopt;
      return Answer{.reply = "450 4.2.0 [TS01] slow down"};
    });
    while (is_to_fire) scenario.RunFor(Duration::Milliseconds(100));
  }

  Scenario scenario;
  Receiver& first;
  Receiver& second;
  int grouped = 0;
  std::uint32_t deepest = 0;  // Messages on one connection.
  bool is_to_fire = false;
};

struct Range {
  double least, most;
};

using Measure = std::function<double(TwoHosts&)>;  // Of the next minute.

double Minute(TwoHosts& world, const std::function<double()>& value) {
  const double before = value();
  world.scenario.RunFor(Duration::Minutes(1));
  return value() - before;
}
double Accepted(TwoHosts& world) {
  return Minute(world, [&world] { return static_cast<double>(world.first.accepted().size()); });
}
double Connections(TwoHosts& world) {
  return Minute(world, [&world] { return static_cast<double>(world.first.connections().size()); });
}
double Grouped(TwoHosts& world) {
  return Minute(world, [&world] { return static_cast<double>(world.grouped); });
}
double Open(TwoHosts& world) {
  world.first.ForgetMost();
  world.scenario.RunFor(Duration::Minutes(1));
  return world.first.open_max();
}

struct Row {
  const char* key;
  const char* value;
  const char* base;  // Of ["default"].
  Measure measure;
  Range usual, during;
  Duration takes = Duration::Seconds(1);
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.key; }

class KeyOfARule : public testing::TestWithParam<Row> {};

TEST_P(KeyOfARule, HoldsAtOnceAndForItsTime) {
  const Row& row = GetParam();
  TwoHosts world(absl::StrFormat("[\"default\"]\n%s[[\"default\".automation]]\nregex = \"TS01\"\naction = "
                                 "{SetConfig={name=\"%s\", value=%s}}\nduration = \"5m\"\n",
                                 row.base, row.key, row.value),
                 row.takes);
  const auto expect = [&](const char* when, const Range& range) {
    const double measured = row.measure(world);
    EXPECT_GE(measured, range.least) << when;
    EXPECT_LE(measured, range.most) << when;
  };
  world.scenario.RunFor(Duration::Seconds(20));
  expect("before", row.usual);
  world.Fire();
  world.scenario.RunFor(Duration::Seconds(15));  // What was under way has ended.
  expect("during", row.during);
  world.scenario.RunFor(Duration::Minutes(4) + Duration::Seconds(30));
  expect("after", row.usual);
}

constexpr char kFour[] = "adaptive = false\nconnection_limit = 4\n";
constexpr char kFive[] = "adaptive = false\nconnection_limit = 4\nmax_deliveries_per_connection = 5\n";

INSTANTIATE_TEST_SUITE_P(
    Keys, KeyOfARule,
    testing::Values(Row{"connection_limit", "1", kFour, Open, {4, 4}, {1, 1}},
                    Row{"max_connection_rate", "\"1/min\"", kFive, Connections, {30, 60}, {0, 2}},
                    Row{"max_message_rate", "\"1/min\"", kFour, Accepted, {150, 250}, {0, 2}},
                    Row{"max_deliveries_per_connection", "2", kFour, Connections, {0, 4}, {60, 130}},
                    Row{"total_connection_limit", "1", kFour, Open, {4, 4}, {1, 1}},
                    Row{"total_message_rate", "\"1/min\"", kFour, Accepted, {150, 250}, {0, 2}},
                    Row{"adaptive", "false", "connection_limit = 40\n", Open, {5, 30}, {40, 40}, Duration::Seconds(10)},
                    Row{"warmup", "[5]", kFour, Accepted, {150, 250}, {0, 0}},
                    Row{"enable_pipelining", "false", kFive, Grouped, {150, 250}, {0, 0}},
                    Row{"skip_hosts", "[\"11.0.0.1\"]", kFive, Accepted, {150, 250}, {0, 0}},
                    Row{"prohibited_hosts", "[\"11.0.0.0/31\"]", kFive, Accepted, {150, 250}, {0, 0}}),
    [](const auto& param) { return absl::StrFormat("%s_%d", param.param.key, param.index); });

// A message that the rule let pass in the last minute is not forgotten with the program.
TEST(RestartedRules, WhatARulesRateOwesIsOwedOn) {
  Scenario scenario({.addresses = Many(300),
                     .shaping = "[\"default\"]\nadaptive = false\nmax_message_rate = \"60/min\"\n"
                                "[[\"default\".automation]]\nregex = \"TS01\"\nduration = \"1h\"\n"
                                "action = {SetConfig={name=\"max_message_rate\", value=\"1/min\"}}\n",
                     .keep_limits = true});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] slow down"}));
  scenario.RunFor(Duration::Minutes(4));
  const std::size_t first = receiver.accepted().size();
  while (receiver.accepted().size() == first) scenario.RunFor(Duration::Seconds(1));
  scenario.RunFor(Duration::Seconds(2));
  scenario.Restart();
  scenario.RunFor(Duration::Seconds(45));
  EXPECT_EQ(receiver.accepted().size(), first + 1);
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(receiver.accepted().size(), first + 2);
}

// ---- what is open ----

std::shared_ptr<const config::Shaping> Parse(const std::string& text) {
  std::vector<std::string> warnings;
  return std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings));
}

TEST(ChangedFiles, DeliveriesPerConnectionHoldForThoseThatAreOpen) {
  TwoHosts world("[\"default\"]\nadaptive = false\nconnection_limit = 4\n", Duration::Seconds(1));
  world.scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(world.first.connections().size(), 4u);
  world.scenario.process().ChangeShaping(
      Parse("[\"default\"]\nadaptive = false\nconnection_limit = 4\nmax_deliveries_per_connection = 3\n"));
  world.scenario.RunFor(Duration::Seconds(5));
  EXPECT_GE(world.first.connections().size(), 8u);
  world.deepest = 0;
  world.scenario.RunFor(Duration::Minutes(1));
  EXPECT_EQ(world.deepest, 3u);
}

TEST(ChangedFiles, AHostThatIsSkippedNowGetsNoMore) {
  TwoHosts world("[\"default\"]\nconnection_limit = 4\n", Duration::Seconds(1));
  world.scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(world.second.connections().size(), 0u);
  world.scenario.process().ChangeShaping(Parse("[\"default\"]\nconnection_limit = 4\nskip_hosts = [\"11.0.0.1\"]\n"));
  world.scenario.RunFor(Duration::Seconds(5));
  EXPECT_EQ(world.first.open(), 0u);
  EXPECT_GE(world.second.open(), 1u);
  const std::size_t before = world.first.accepted().size();
  world.scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(world.first.accepted().size(), before);
  EXPECT_GE(world.second.accepted().size(), 30u);
}

}  // namespace
}  // namespace sim
