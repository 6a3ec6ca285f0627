// What an operator does to a campaign that runs, over several shards: pauses of it and of its parts, resume, and what
// status is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/delivery/rate_gate.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kProviders[] =
    "[provider.first]\nmatch = [{MXSuffix = \".one.example\"}]\n[provider.second]\nmatch = [{MXSuffix = "
    "\".two.example\"}]\n[\"default\"]\nconnection_limit = 1\nmax_message_rate = \"1/s\"\n";

std::vector<std::string> Both(int each) {
  std::vector<std::string> addresses = Many(each);
  for (const std::string& address : Many(each, "two.example")) addresses.push_back(address);
  return addresses;
}

delivery::PauseReason ByOperator(delivery::PauseScope scope) {
  return {.by = "operator", .reason = "ask first", .sample = "", .scope = std::move(scope)};
}

class OperatorOfShards : public testing::TestWithParam<std::uint32_t> {
 protected:
  // The answers to a question that every shard answers.
  static std::vector<delivery::HeldQueue> Held(Scenario& scenario) {
    const std::size_t before = scenario.process().answers().size();
    scenario.process().AskStatus();
    scenario.RunFor(Duration::Seconds(1));
    std::vector<delivery::HeldQueue> held;
    const auto& answers = scenario.process().answers();
    EXPECT_EQ(answers.size(), before + GetParam());
    for (std::size_t i = before; i < answers.size(); ++i)
      held.insert(held.end(), answers[i].held.begin(), answers[i].held.end());
    return held;
  }
};

INSTANTIATE_TEST_SUITE_P(Shards, OperatorOfShards, testing::Values(1u, 2u, 5u));

// Nobody who was held bounces because they were refused before: the operator has mended something, or thinks so.
TEST_P(OperatorOfShards, ResumeBeginsTheCountOfRefusalsAnew) {
  Scenario scenario({.addresses = Many(20), .shaping = kOneSession, .shards = GetParam()});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, "554 5.7.1 Not from you");
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(scenario.CountLast("bounced"), 3u);
  EXPECT_EQ(scenario.CountLast("held"), 7u);
  scenario.process().Resume();
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(scenario.CountLast("bounced"), 6u);
  EXPECT_EQ(receiver.CountOf("RCPT"), 20u);
}

// Also of a site that this run has not come to yet.
TEST_P(OperatorOfShards, ResumeLiftsSuspensionsForGood) {
  Scenario scenario({.addresses = Many(5), .shaping = kOneSession, .shards = GetParam()});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"451 4.7.0 Rate limit, try again in 15 hours"}));
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(scenario.Suspensions(), SizeIs(1));
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kServerFail);  // After the restart it does not get so far.
  scenario.Restart();
  scenario.RunFor(Duration::Minutes(1));
  scenario.process().Resume();
  scenario.RunFor(Duration::Minutes(1));
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kFound);
  scenario.Restart();
  scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(receiver.accepted(), SizeIs(5));
}

TEST_P(OperatorOfShards, APauseOfTheCampaignBeginsNothingMoreAndIsWrittenDown) {
  Scenario scenario({.addresses = Both(60), .shaping = kProviders, .shards = GetParam()});
  Receiver& one = scenario.Serve("one.example");
  Receiver& two = scenario.Serve("two.example");
  scenario.RunFor(Duration::Seconds(20));
  scenario.process().Pause(ByOperator({}));
  scenario.RunFor(Duration::Seconds(5));
  EXPECT_TRUE(scenario.process().IsPaused());
  EXPECT_TRUE(scenario.process().IsStopped());
  const std::size_t accepted = one.accepted().size() + two.accepted().size();
  EXPECT_GT(accepted, 10u);
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(one.accepted().size() + two.accepted().size(), accepted);
  EXPECT_EQ(scenario.CountLast("delivered"), accepted);
  EXPECT_THAT(scenario.Pauses(), ElementsAre("operator: ask first ()"));
}

TEST_P(OperatorOfShards, APausedProviderWaitsWhileTheOtherGoesOnUntilItIsResumed) {
  Scenario scenario({.addresses = Both(30), .shaping = kProviders, .shards = GetParam()});
  Receiver& one = scenario.Serve("one.example");
  Receiver& two = scenario.Serve("two.example");
  scenario.RunFor(Duration::Seconds(5));
  scenario.process().Pause(ByOperator({.provider = "first", .source = ""}));
  scenario.RunFor(Duration::Seconds(2));
  const std::size_t before = one.accepted().size();
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(one.accepted().size(), before);
  EXPECT_GE(two.accepted().size(), 12u);
  const std::vector<delivery::HeldQueue> held = Held(scenario);
  ASSERT_THAT(held, SizeIs(1));
  EXPECT_EQ(held[0].provider, "first");
  EXPECT_THAT(held[0].reason, HasSubstr("ask first"));
  EXPECT_EQ(held[0].until, std::nullopt);

  scenario.process().Resume();
  scenario.RunFor(Duration::Seconds(2));
  EXPECT_THAT(Held(scenario), IsEmpty());
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 60u);
}

TEST_P(OperatorOfShards, ADomainThatMovesFromAPausedProviderToAnotherIsSentTo) {
  std::vector<std::string> addresses = Many(30);
  for (const std::string& address : Many(900, "two.example")) addresses.push_back(address);
  Scenario scenario({.addresses = addresses, .shaping = kProviders, .shards = GetParam()});
  Receiver& one = scenario.Serve("one.example");
  scenario.Serve("two.example");
  scenario.RunFor(Duration::Seconds(5));
  scenario.process().Pause(ByOperator({.provider = "first", .source = ""}));
  scenario.RunFor(Duration::Seconds(5));
  const std::size_t before = one.accepted().size();
  EXPECT_LT(before, 30u);
  scenario.names().SetMx("one.example", {"mx.two.example"});
  scenario.RunFor(Duration::Minutes(11));  // Its route, and how often new ones are asked for in a pause.
  EXPECT_EQ(one.accepted().size(), before);
  for (const std::string& address : Many(30)) EXPECT_THAT(scenario.Last(address), StartsWith("delivered")) << address;
  EXPECT_TRUE(scenario.Finish());
}

TEST_P(OperatorOfShards, WhereOnlyPausedMailIsLeftTheCampaignPauses) {
  Scenario scenario({.addresses = Both(20), .shaping = kProviders, .shards = GetParam()});
  scenario.Serve("one.example");
  scenario.Serve("two.example");
  scenario.RunFor(Duration::Seconds(2));
  scenario.process().Pause(ByOperator({.provider = "", .source = "default"}));
  EXPECT_FALSE(scenario.Finish());
  EXPECT_THAT(scenario.Pauses(), SizeIs(2));
  EXPECT_LT(scenario.CountLast("delivered"), 40u);
}

TEST_P(OperatorOfShards, ResumeLiftsSuspensionsAndCountsBudgetsAnew) {
  Scenario scenario({.addresses = Both(40), .shaping = kProviders, .shards = GetParam()});
  scenario.job().budget.content = campaign::BudgetLimit{.count = 3, .share = std::nullopt};
  Receiver& one = scenario.Serve("one.example");
  Receiver& two = scenario.Serve("two.example");
  one.At(Point::kContent, "554 5.7.1 [CS01] Message rejected due to local policy");
  two.At(Point::kRcpt, First(1, {"451 4.7.651 temporarily rate limited, try again in 3600 seconds"}));
  scenario.RunFor(Duration::Seconds(20));
  EXPECT_THAT(scenario.Pauses(), ElementsAre(StartsWith("content: first: 3 replies")));
  EXPECT_THAT(Held(scenario), SizeIs(2));
  one.Forget();
  one.At(Point::kContent, First(2, {"554 5.7.1 [CS01] Message rejected due to local policy"}));
  scenario.process().Resume();
  scenario.RunFor(Duration::Seconds(2));
  EXPECT_THAT(Held(scenario), IsEmpty());
  scenario.RunFor(Duration::Seconds(60));
  EXPECT_THAT(scenario.Pauses(), SizeIs(1));  // Two more refusals are not three.
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 80u);
}

TEST_P(OperatorOfShards, AResumeThatComesWhileTheCampaignPausesTakesNothingAway) {
  Scenario scenario({.addresses = Both(30), .shaping = kProviders, .shards = GetParam()});
  scenario.Serve("one.example");
  scenario.Serve("two.example");
  scenario.RunFor(Duration::Seconds(5));
  scenario.process().Pause(ByOperator({}));
  scenario.RunFor(Duration::Milliseconds(5));
  scenario.process().Resume();
  scenario.RunFor(Duration::Seconds(5));
  EXPECT_TRUE(scenario.process().IsPaused());
  EXPECT_TRUE(scenario.process().answers().back().ends);
}

// However often it was tried in vain since.
TEST(StatusOfShards, TellsSinceWhenSitesAreHeld) {
  std::vector<std::string> addresses = Both(20);
  Scenario scenario(
      {.addresses = addresses,
       .shaping = "[\"default\"]\nconnection_limit = 1\nconsecutive_connection_failures_before_delay = 1\n"});
  scenario.Serve("one.example")
      .At(Point::kRcpt, First(1, {"451 4.7.651 temporarily rate limited, try again in 7200 seconds"}));
  scenario.Serve("two.example").resets_connections = true;
  const base::WallTime start = scenario.world().wall_now();
  scenario.RunFor(Duration::Minutes(70));
  scenario.process().AskStatus();
  scenario.RunFor(Duration::Seconds(1));
  std::map<std::string, const delivery::LimitedQueue*> limited;
  for (const delivery::LimitedQueue& one : scenario.process().answers().back().limited) limited[one.limit] = &one;
  for (const char* const limit : {"suspended", "unreachable"}) {
    ASSERT_TRUE(limited.contains(limit)) << limit;
    EXPECT_GE(limited[limit]->since, start) << limit;
    EXPECT_LE(limited[limit]->since, start + Duration::Seconds(10)) << limit;
    EXPECT_GT(*limited[limit]->until, start + Duration::Minutes(70)) << limit;
    EXPECT_FALSE(limited[limit]->sample.empty()) << limit;
  }
  for (const delivery::HeldQueue& one : scenario.process().answers().back().held) {
    EXPECT_GE(one.since, start) << one.reason;
    EXPECT_LE(one.since, start + Duration::Seconds(10)) << one.reason;
  }
}

// As of a provider that throttles at two of its sites.
TEST(StatusOfShards, TellsOfEachProviderSinceWhenUntilWhenAndWhy) {
  Scenario scenario({.addresses = Both(2000), .shaping = "[provider.\"big\"]\nmatch = [{MXSuffix = \".example\"}]\n"});
  const base::WallTime start = scenario.world().wall_now();
  for (const char* const domain : {"one.example", "two.example"}) {
    delivery::RateGate gate({.count = 5, .period = Duration::Seconds(1), .burst_max = 2}, scenario.world().now());
    scenario.Serve(domain).At(Point::kContent, [&scenario, gate](const Question&) mutable -> std::optional<Answer> {
      if (gate.TryPass(scenario.world().now())) return std::nullopt;
      return Answer{.reply = "451 4.7.1 Our rate limit was exceeded"};
    });
  }
  scenario.RunFor(Duration::Seconds(60));
  scenario.process().AskStatus();
  scenario.RunFor(Duration::Milliseconds(100));
  const auto& providers = scenario.process().answers().back().limited_providers;
  ASSERT_TRUE(providers.contains("big"));
  ASSERT_TRUE(providers.at("big").contains("adaptive_rate"));
  const delivery::LimitedSites& sites = providers.at("big").at("adaptive_rate");
  EXPECT_EQ(sites.sites, 2u);
  EXPECT_GT(sites.since, start);
  EXPECT_LT(sites.since, start + Duration::Seconds(60));
  EXPECT_GE(sites.until, start + Duration::Seconds(60));
  EXPECT_THAT(sites.sample, testing::HasSubstr("451 4.7.1 Our rate limit was exceeded"));
}

TEST(StatusOfShards, LooksAtSomeDomainsInEachTurn) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 9000; ++i) addresses.push_back("u@d" + std::to_string(i) + ".example");
  Scenario scenario({.addresses = addresses, .shaping = kOneSession});
  scenario.AddReceiver("mx.example")
      .At(Point::kRcpt, Always({.reply = "451 4.7.651 rate limited, try again in 7200 seconds"}));
  for (int i = 0; i < 9000; ++i) scenario.names().SetMx("d" + std::to_string(i) + ".example", {"mx.example"});
  scenario.RunFor(Duration::Minutes(30) + Duration::Milliseconds(234));  // All of them wait.
  scenario.process().AskStatus();
  int steps = 0;
  while (scenario.process().answers().empty() && scenario.world().Step()) ++steps;
  EXPECT_GE(steps, 4) << "one hands it over, and nothing else happens";
  EXPECT_LT(steps, 100);
  ASSERT_EQ(scenario.process().answers().size(), 1u);
  EXPECT_EQ(scenario.process().answers().front().limited.size(), 1u);
}

}  // namespace
}  // namespace sim
