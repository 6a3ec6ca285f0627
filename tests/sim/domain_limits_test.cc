// Limits that change while mail goes out: those of one domain beside others at the same hosts, and those of many sites.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::SizeIs;

constexpr char kRate[] = "{SetDomainConfig={name=\"max_message_rate\", value=\"2/s\"}}";

std::string Rule(const std::string& action, const std::string& duration) {
  return "[[\"default\".automation]]\nregex = \"TS01\"\naction = " + action + "\nduration = \"" + duration + "\"\n";
}

// Messages that `receiver` takes from now on in this time.
std::size_t Taken(Scenario& scenario, Receiver& receiver, Duration time) {
  const std::size_t before = receiver.accepted().size();
  scenario.RunFor(time);
  return receiver.accepted().size() - before;
}

std::shared_ptr<const config::Shaping> Parse(const std::string& text) {
  std::vector<std::string> warnings;
  return std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings));
}

std::vector<std::string> Both(int each) {
  std::vector<std::string> addresses = Many(each, "own.example");
  for (const std::string& address : Many(each, "other.example")) addresses.push_back(address);
  return addresses;
}

// Many domains have the same mail exchanger, and each gets limits of its own.
struct ManyOverridden {
  static constexpr int kDomains = 20;
  explicit ManyOverridden(const std::string& limits, const std::string& override)
      : scenario({.addresses = Addresses(), .shaping = "[\"default\"]\nadaptive = false\n" + limits + override}),
        receiver(scenario.AddReceiver("mx.example")) {
    for (int i = 0; i < kDomains; ++i) scenario.names().SetMx(Domain(i), {"mx.example"});
  }
  static std::string Domain(int i) { return "d" + std::to_string(i) + ".example"; }
  static std::vector<std::string> Addresses() {
    std::vector<std::string> addresses;
    for (int i = 0; i < kDomains; ++i) {
      for (const std::string& address : Many(100, Domain(i))) addresses.push_back(address);
    }
    return addresses;
  }
  // The first message to each domain is answered with `reply`.
  void RefuseFirst(const std::string& reply) {
    receiver.At(Point::kRcpt, [this, reply](const Question& question) -> std::optional<Answer> {
      if (!refused.insert(question.recipient.substr(question.recipient.find('@') + 1)).second) return std::nullopt;
      return Answer{.reply = reply};
    });
  }
  Scenario scenario;
  Receiver& receiver;
  std::set<std::string> refused;
};

TEST(SetDomainConfig, OfManyDomainsLoosensNoLimitOfTheirSite) {
  ManyOverridden many(
      "connection_limit = 3\nmax_message_rate = \"4/s,max_burst=1\"\n",
      Rule("[{SetDomainConfig={name=\"connection_limit\", value=2}}, " + std::string(kRate) + "]", "1h"));
  many.RefuseFirst("450 4.2.0 [TS01] slow down");
  many.receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(300)}));
  many.scenario.RunFor(Duration::Seconds(60));
  ASSERT_GE(many.scenario.log().CountOf("connection_limit = 2 (domain) for 3600 s"), 20u);
  std::size_t taken = 0;
  for (int i = 0; i < 60; ++i) {
    taken += Taken(many.scenario, many.receiver, Duration::Seconds(1));
    EXPECT_LE(many.receiver.open(), 3u);
  }
  EXPECT_LE(taken, 241u);
  EXPECT_GE(taken, 200u) << "and they have all that it allows";
}

TEST(SetDomainConfig, IsSaidOnceWhileItHolds) {
  Scenario scenario({.addresses = Many(200), .shaping = Rule(std::string(kRate), "1h")});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, "450 4.2.0 [TS01] not now");
  scenario.RunFor(Duration::Minutes(5));
  EXPECT_GT(receiver.CountOf("RCPT"), 200u);
  EXPECT_EQ(scenario.log().CountOf("(domain) for 3600 s"), 1u);
}

// What the others got for a while, and it kept, it has no more when their time is over.
TEST(SetDomainConfig, KeepsWhatTheOthersHaveAsLongAsTheyHaveIt) {
  const std::string provider =
      "[provider.\"p\"]\nmatch = [{MXSuffix = \"mx.example\"}]\nprovider_connection_limit = 10\n";
  const std::string rule =
      "[[\"default\".automation]]\nregex = \"TS02\"\naction = {SetConfig={name=\"provider_connection_limit\", "
      "value=1}}\nduration = \"5m\"\n";
  Scenario scenario(
      {.addresses = Both(2000),
       .shaping = "[\"default\"]\nadaptive = false\n" + provider +
                  Rule(std::string("{SetDomainConfig={name=\"max_deliveries_per_connection\", value=5}}"), "3h") +
                  rule});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const char* domain : {"own.example", "other.example"}) scenario.names().SetMx(domain, {"mx.example"});
  const base::Instant later = scenario.world().now() + Duration::Seconds(10);
  bool own_said = false, other_said = false;
  receiver.At(Point::kRcpt, [&](const Question& question) -> std::optional<Answer> {
    if (question.recipient.ends_with("@other.example"))
      return std::exchange(other_said, true) ? std::nullopt : std::optional(Answer{"450 4.2.0 [TS02] slow down"});
    if (scenario.world().now() < later || std::exchange(own_said, true)) return std::nullopt;
    return Answer{"450 4.2.0 [TS01] slow down"};
  });
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(2)}));
  scenario.RunFor(Duration::Minutes(4));
  receiver.ForgetMost();
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(receiver.open_max(), 1u);
  scenario.RunFor(Duration::Minutes(3));
  receiver.ForgetMost();
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_GE(receiver.open_max(), 8u);
}

struct Calls final : delivery::GroupMember::Caller {
  void CallSite(std::uint64_t, delivery::GroupMember::Call) override { ++count; }
  int count = 0;
};

// Another campaign of the program is not called: there is no moment at which more is allowed.
TEST(SetDomainConfig, WhatTheCampaignAllowsStaysWhenADomainGoesBackToTheOthers) {
  Scenario scenario({.addresses = Both(2000),
                     .shaping = "[\"default\"]\nadaptive = false\nconnection_limit = 2\n" + Rule(kRate, "1m")});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const char* domain : {"own.example", "other.example"}) scenario.names().SetMx(domain, {"mx.example"});
  receiver.At(Point::kRcpt, [said = false](const Question& question) mutable -> std::optional<Answer> {
    if (!question.recipient.ends_with("@own.example") || std::exchange(said, true)) return std::nullopt;
    return Answer{"450 4.2.0 [TS01] slow down"};
  });
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
  scenario.RunFor(Duration::Seconds(10));
  Calls calls;
  const auto standing = scenario.process().limits().Site(scenario.job().sources[0].name, "mx.example", /*campaign=*/7,
                                                         {.limits = {.connections = 100}}, scenario.world().now());
  delivery::GroupMember other(std::shared_ptr<delivery::LimitGroup>(standing, &standing->group()), {calls, 1, 7, 1});
  ASSERT_EQ(standing->group().connections_max(), 2u);
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_EQ(scenario.log().CountOf("(domain) for 60 s"), 1u);
  EXPECT_EQ(calls.count, 0);
}

// As SetConfig; also for those who are on their way to a site of their own.
TEST(SetDomainConfig, EndsWithItsRule) {
  const std::string limits = "[\"default\"]\nadaptive = false\n";
  const std::string second =
      "[[\"default\".automation]]\nregex = \"TS01\"\naction = "
      "{SetDomainConfig={name=\"max_deliveries_per_connection\", value=1}}\nduration = \"9h\"\n";
  ManyOverridden many("", Rule("{SetDomainConfig={name=\"max_message_rate\", value=\"1/h\"}}", "10h") + second);
  many.receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(300)}));
  many.RefuseFirst("450 4.2.0 [TS01] slow down");
  many.scenario.RunFor(Duration::Seconds(60));
  EXPECT_EQ(Taken(many.scenario, many.receiver, Duration::Minutes(2)), 0u);
  many.scenario.process().ChangeShaping(Parse(limits + second));
  const std::size_t before = many.receiver.connections().size();
  EXPECT_GE(Taken(many.scenario, many.receiver, Duration::Seconds(10)), 100u);
  EXPECT_GE(many.receiver.connections().size() - before, 100u) << "one for each message";
  many.scenario.process().ChangeShaping(Parse(limits));
  many.scenario.RunFor(Duration::Seconds(10));
  const std::size_t after = many.receiver.connections().size();
  EXPECT_GE(Taken(many.scenario, many.receiver, Duration::Seconds(10)), 100u);
  EXPECT_LE(many.receiver.connections().size() - after, 20u);
}

TEST(SetDomainConfig, DoesNotEndTheSuspensionOfItsSite) {
  ManyOverridden many("connection_limit = 3\n", Rule(std::string(kRate), "3h"));
  many.receiver.At(Point::kRcpt, First(1, {"450 4.7.0 [TS01] Rate limit, try again in 2 hours"}));
  many.scenario.RunFor(Duration::Seconds(5));
  EXPECT_THAT(many.scenario.Suspensions(), SizeIs(1));
  many.scenario.RunFor(Duration::Seconds(60));  // What was in flight has ended.
  EXPECT_EQ(Taken(many.scenario, many.receiver, Duration::Minutes(110)), 0u);
  EXPECT_GE(Taken(many.scenario, many.receiver, Duration::Minutes(20)), 100u);
}

// More sites than are looked at in one turn.
TEST(Shaping, ThatChangesHoldsForAllSites) {
  constexpr int kSites = 600;
  std::vector<std::string> addresses;
  for (int i = 0; i < kSites; ++i) {
    for (const std::string& address : Many(3, "d" + std::to_string(i) + ".example")) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses, .shaping = kOneSession});
  std::vector<Receiver*> receivers;
  for (int i = 0; i < kSites; ++i) receivers.push_back(&scenario.Serve("d" + std::to_string(i) + ".example"));
  for (Receiver* receiver : receivers)
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Minutes(1)}));
  scenario.RunFor(Duration::Seconds(50));
  scenario.process().ChangeShaping(Parse("[\"default\"]\nmax_message_rate = \"1/h,max_burst=1\"\n"));
  scenario.RunFor(Duration::Minutes(30));
  for (const Receiver* receiver : receivers) EXPECT_LE(receiver->accepted().size(), 2u);
}

}  // namespace
}  // namespace sim
