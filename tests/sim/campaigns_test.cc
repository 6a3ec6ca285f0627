// Several campaigns of one program: what one of them hears from a receiver holds for the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kSlow[] = "450 4.2.0 [TS01] slow down";

std::string Rule(const std::string& action, const std::string& duration, const std::string& more = "") {
  return "[[\"default\".automation]]\nregex = \"TS01\"\naction = " + action + "\nduration = \"" + duration + "\"\n" +
         more;
}

// "PREFIX00@DOMAIN", …
std::vector<std::string> ManyOf(const std::string& prefix, int count, const std::string& domain = "one.example") {
  std::vector<std::string> addresses = Many(count, domain);
  for (std::string& address : addresses) address = prefix + address;
  return addresses;
}

// Three campaigns of three recipients each; everybody is told the same.
struct ThreeRefused {
  explicit ThreeRefused(const std::string& action)
      : scenario({.addresses = ManyOf("x", 3),
                  .more = {ManyOf("y", 3), ManyOf("z", 3)},
                  .shaping = kOneSession + Rule(action, "2h", "trigger = {Threshold=\"5/h\"}\n"),
                  .shards = 2}),
        receiver(scenario.Serve("one.example")) {
    receiver.At(Point::kRcpt, kSlow);
  }
  Scenario scenario;
  Receiver& receiver;
};

TEST(CampaignsTogether, ARulesThresholdCountsTheRepliesToAllOfThem) {
  ThreeRefused three("\"Suspend\"");
  three.scenario.RunFor(Duration::Seconds(50));
  EXPECT_EQ(three.scenario.log().CountOf("is suspended for 7200 s"), 1u);
  EXPECT_GE(three.receiver.CountOf("RCPT"), 5u);
  EXPECT_LE(three.receiver.CountOf("RCPT"), 6u) << "one may have been under way";
}

TEST(CampaignsTogether, ACampaignsOwnThresholdCountsItsRepliesAlone) {
  ThreeRefused three("\"SuspendCampaign\"");
  three.scenario.RunFor(Duration::Seconds(50));
  EXPECT_EQ(three.receiver.CountOf("RCPT"), 9u);
  EXPECT_EQ(three.scenario.log().CountOf("is suspended"), 0u);
}

TEST(CampaignsTogether, ATenantsThresholdCountsTheRepliesToItsCampaigns) {
  ThreeRefused three("\"SuspendTenant\"");
  three.scenario.job().tenant = three.scenario.other(1).tenant = "acme";
  three.scenario.other(0).tenant = "umbrella";
  three.scenario.RunFor(Duration::Seconds(50));
  EXPECT_EQ(three.scenario.log().CountOf("is suspended for tenant:acme"), 1u);
  EXPECT_EQ(three.scenario.log().CountOf("is suspended for tenant:umbrella"), 0u);
}

// A rule sets a key that no group of limits has. The campaign that is refused has one recipient, the other one many.
class OneIsRefused : public testing::Test {
 protected:
  OneIsRefused()
      : rule_(Rule("{SetConfig={name=\"max_deliveries_per_connection\", value=1}}", "2m")),
        scenario_({.addresses = {"x@one.example"},
                   .more = {ManyOf("y", 1500)},
                   .shaping = kRate + rule_,
                   .shards = 2,
                   .keep_limits = true}),
        receiver_(scenario_.Serve("one.example")) {
    receiver_.At(Point::kRcpt, [this](const Question& question) -> std::optional<Answer> {
      if (question.recipient.starts_with("y")) most_ = std::max(most_, question.message);
      if (question.recipient.starts_with("y") || scenario_.world().now() >= slow_until_) return std::nullopt;
      return Answer{.reply = kSlow};
    });
    slow_until_ = scenario_.world().now() + Duration::Seconds(10);
  }
  // Of the other campaign's messages, most on one connection from now on.
  std::uint32_t MostIn(Duration time) {
    scenario_.RunFor(Duration::Seconds(9));  // Connections that were open before have carried what they may.
    most_ = 0;
    scenario_.RunFor(time);
    return most_;
  }
  static constexpr char kRate[] = "[\"default\"]\nmax_message_rate = \"5/s\"\nmax_deliveries_per_connection = 10\n";
  const std::string rule_;
  Scenario scenario_;
  Receiver& receiver_;
  std::uint32_t most_ = 0;
  base::Instant slow_until_;
};

TEST_F(OneIsRefused, WhatARuleSetsHoldsForTheOtherAndEnds) {
  EXPECT_EQ(MostIn(Duration::Seconds(100)), 1u);
  EXPECT_EQ(scenario_.log().CountOf("max_deliveries_per_connection = 1 for 120 s"), 1u);
  scenario_.RunFor(Duration::Seconds(20));
  EXPECT_GT(MostIn(Duration::Seconds(20)), 5u);
}

TEST_F(OneIsRefused, AndLastsAsLongAsForTheOneThatHearsItAgain) {
  slow_until_ = scenario_.world().now() + Duration::Seconds(70);  // Its retry, after a minute, too.
  EXPECT_EQ(MostIn(Duration::Seconds(150)), 1u);
  scenario_.RunFor(Duration::Seconds(40));
  EXPECT_GT(MostIn(Duration::Seconds(20)), 5u);
}

TEST_F(OneIsRefused, AndEndsWhenThatOneIsResumed) {
  EXPECT_EQ(MostIn(Duration::Seconds(20)), 1u);
  scenario_.process().Resume();
  EXPECT_GT(MostIn(Duration::Seconds(20)), 5u);
}

TEST_F(OneIsRefused, AndEndsForTheOneThatHasTheRuleNoMore) {
  EXPECT_EQ(MostIn(Duration::Seconds(20)), 1u);
  std::vector<std::string> warnings;
  const std::string without = kRate;
  scenario_.other_process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", without}}}, warnings)));
  EXPECT_GT(MostIn(Duration::Seconds(20)), 5u);
}

TEST_F(OneIsRefused, AndHoldsAfterARestart) {
  EXPECT_EQ(MostIn(Duration::Seconds(20)), 1u);
  scenario_.Restart();
  EXPECT_EQ(MostIn(Duration::Seconds(70)), 1u);
  scenario_.RunFor(Duration::Seconds(20));
  EXPECT_GT(MostIn(Duration::Seconds(20)), 5u);
}

// Two domains have the same mail exchanger; the other campaign has been sending to both when it is set.
TEST(CampaignsTogether, ADomainsOwnLimitsHoldForTheOther) {
  std::vector<std::string> many = ManyOf("y", 300, "a.example");
  for (const std::string& address : ManyOf("y", 300, "b.example")) many.push_back(address);
  Scenario scenario({.addresses = {"x@a.example"},
                     .more = {many},
                     .shaping = "[\"default\"]\nmax_message_rate = \"4/s\"\n" +
                                Rule("{SetDomainConfig={name=\"max_message_rate\", value=\"1/min\"}}", "4m"),
                     .shards = 2});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const std::string domain : {"a.example", "b.example"}) scenario.names().SetMx(domain, {"mx.example"});
  receiver.At(Point::kGreeting, [](const Question& question) -> std::optional<Answer> {
    if (question.time > 1) return std::nullopt;
    return Answer{.reply = "220 hello", .wait = Duration::Seconds(5)};
  });
  receiver.At(Point::kRcpt, For("x@a.example", {.reply = kSlow}));
  const auto taken = [&receiver](std::string_view domain) {
    return static_cast<std::size_t>(std::count_if(receiver.accepted().begin(), receiver.accepted().end(),
                                                  [domain](const std::string& to) { return to.ends_with(domain); }));
  };
  scenario.RunFor(Duration::Seconds(15));
  EXPECT_GE(taken("a.example"), 1u);
  const std::size_t slow = taken("a.example"), others = taken("b.example");
  scenario.RunFor(Duration::Seconds(60));
  EXPECT_LE(taken("a.example") - slow, 3u);
  EXPECT_GE(taken("b.example") - others, 200u);
}

// ---- weights ----

// A large campaign and an urgent one, ten times as heavy.
struct Urgent {
  struct Options {
    std::string limits;
    int large = 400, urgent = 40;
    std::uint32_t sessions_max = 100;
    Duration latency = Duration::Milliseconds(1), commit_longest = Duration::Milliseconds(5);
  };
  explicit Urgent(const Options& options)
      : scenario({.addresses = ManyOf("x", options.large),
                  .more = {ManyOf("y", options.urgent)},
                  .shaping = "[\"default\"]\n" + options.limits,
                  .shards = 2,
                  .sessions_max = options.sessions_max,
                  .network = {.latency_least = options.latency, .latency_most = options.latency * 2},
                  .commit_longest = options.commit_longest}),
        receiver(scenario.Serve("one.example")) {
    scenario.other().weight = 10;
  }
  // Messages of the large one between the first and the `nth` of the urgent one.
  int LargeOnesAmong(int nth) const {
    int urgents = 0, larges = 0;
    for (const std::string& to : receiver.accepted()) {
      if (to.starts_with("y") && ++urgents == nth) return larges;
      if (to.starts_with("x") && urgents > 0) ++larges;
    }
    ADD_FAILURE() << urgents << " urgent ones were taken";
    return larges;
  }
  Scenario scenario;
  Receiver& receiver;
};

// There are two for both: one more is had after twenty messages.
TEST(UrgentCampaign, HasItsShareOfTheProgramsSessions) {
  Urgent urgent({.limits = "connection_limit = 20\n", .large = 1200, .urgent = 200, .sessions_max = 2});
  ASSERT_TRUE(urgent.scenario.Finish());
  EXPECT_LT(urgent.LargeOnesAmong(200), 80) << "with equal shares 200";
}

TEST(UrgentCampaign, HasItsShareOfAWarmUp) {
  Urgent urgent({.limits = "warmup = [60, 1000]\n"});
  urgent.scenario.RunFor(Duration::Minutes(10));
  EXPECT_THAT(urgent.receiver.accepted(), SizeIs(60));
  EXPECT_LE(urgent.LargeOnesAmong(40), 20) << "all of them, whatever else waits";
}

// A connection is opened for messages whose turn comes while it is being opened, and one of the heavier campaign for
// fewer of them: where these take long, beside the rate, enough of the urgent ones are under way. Exact would be 3.
TEST(UrgentCampaign, HasItsShareOfARate) {
  struct Case {
    const char* more;
    int latency_ms, commit_ms;
    int most;  // With equal shares it is 30.
  };
  constexpr char kFour[] = "max_deliveries_per_connection = 4\n";
  for (const Case& one : {Case{"", 1, 5, 4},
                          {"", 5, 30, 5},
                          {"", 20, 100, 4},
                          {"", 60, 20, 10},
                          {kFour, 1, 5, 6},
                          {kFour, 5, 30, 6},
                          {kFour, 20, 100, 6}}) {
    Urgent urgent({.limits = std::string("max_message_rate = \"20/s,max_burst=1\"\n") + one.more,
                   .latency = Duration::Milliseconds(one.latency_ms),
                   .commit_longest = Duration::Milliseconds(one.commit_ms)});
    urgent.scenario.RunFor(Duration::Seconds(15));
    EXPECT_LE(urgent.LargeOnesAmong(30), one.most) << one.more << one.latency_ms;
    EXPECT_GE(urgent.receiver.accepted().size(), 285u) << one.more << one.latency_ms << ": the rate is used";
  }
}

}  // namespace
}  // namespace sim
