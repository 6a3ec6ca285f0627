// Automation rules of shaping files in the whole shard: what a receiver's reply changes for a while, and what it does
// not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kOther[] = "o@other.example";

std::string Rule(const std::string& action, const std::string& duration, const std::string& more = "") {
  return "[[\"default\".automation]]\nregex = \"^450 .*TS0[12]\"\naction = " + action + "\nduration = \"" + duration +
         "\"\n" + more;
}

std::string Rate(const std::string& value, const std::string& how = "SetConfig") {
  return "{" + how + "={name=\"max_message_rate\", value=\"" + value + "\"}}";
}

// Messages that `receiver` takes from now on in this time.
std::size_t Taken(Scenario& scenario, Receiver& receiver, Duration time) {
  const std::size_t before = receiver.accepted().size();
  scenario.RunFor(time);
  return receiver.accepted().size() - before;
}

TEST(AutomationRules, SuspendHoldsTheSiteForItsTime) {
  Scenario scenario(
      {.addresses = {"a@one.example", "b@one.example", kOther}, .shaping = kOneSession + Rule("\"Suspend\"", "2h")});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.Serve("other.example");
  receiver.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] not now"}));
  scenario.RunFor(Duration::Minutes(119));
  EXPECT_THAT(scenario.Suspensions(),
              ElementsAre(testing::AllOf(Field(&Scenario::Suspended::for_s, 7200),
                                         Field(&Scenario::Suspended::reason, HasSubstr("automation rule at shaping:")),
                                         Field(&Scenario::Suspended::sample, "450 4.2.0 [TS01] not now"))));
  EXPECT_THAT(receiver.accepted(), IsEmpty());
  EXPECT_THAT(scenario.Last(kOther), StartsWith("delivered"));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
}

TEST(AutomationRules, AThresholdWaitsUntilItIsReached) {
  Scenario scenario(
      {.addresses = Many(6), .shaping = kOneSession + Rule("\"Suspend\"", "2h", "trigger = {Threshold=\"3/h\"}\n")});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, Always({"450 4.2.0 [TS02] not now"}));
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(scenario.Suspensions(), SizeIs(1));
  EXPECT_EQ(receiver.CountOf("RCPT"), 3u);
}

TEST(AutomationRules, AConnectionThatIsRefusedCounts) {
  Scenario scenario(
      {.addresses = Many(2),
       .shaping = "[[\"default\".automation]]\nregex = \"IB007\"\naction = \"Suspend\"\nduration = \"3h\"\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kGreeting, First(1, {"421 4.3.2 too many connections. IB007"}));
  scenario.RunFor(Duration::Minutes(170));
  EXPECT_THAT(receiver.accepted(), IsEmpty());
  EXPECT_TRUE(scenario.Finish());
}

std::size_t CountAt(const Receiver& receiver, std::string_view domain) {
  return static_cast<std::size_t>(std::count_if(receiver.accepted().begin(), receiver.accepted().end(),
                                                [domain](const std::string& to) { return to.ends_with(domain); }));
}

std::shared_ptr<const config::Shaping> Parse(const std::string& text) {
  std::vector<std::string> warnings;
  return std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings));
}

constexpr char kTwoPerSecond[] = "[\"default\"]\nmax_message_rate = \"2/s\"\n";

class SetConfig : public testing::Test {
 protected:
  SetConfig()
      : scenario_({.addresses = Many(200), .shaping = kTwoPerSecond + Rule(Rate("1/min"), "10m")}),
        receiver_(scenario_.Serve("one.example")) {
    receiver_.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] slow down"}));
    scenario_.RunFor(Duration::Seconds(2));  // The reply has come.
  }
  Scenario scenario_;
  Receiver& receiver_;
};

TEST_F(SetConfig, HoldsForItsTimeAndReverts) {
  EXPECT_LE(Taken(scenario_, receiver_, Duration::Seconds(590)), 11u);
  EXPECT_GE(Taken(scenario_, receiver_, Duration::Seconds(60)), 100u);
  EXPECT_EQ(scenario_.log().CountOf("for 600 s, by the automation rule at shaping:"), 1u);
  EXPECT_EQ(scenario_.log().CountOf("the time of max_message_rate = \"1/min\" is over"), 1u);
  EXPECT_THAT(scenario_.Suspensions(), IsEmpty());
  EXPECT_TRUE(scenario_.Finish());
}

TEST(SetConfigAgain, HoldsForLongerAndIsToldOnce) {
  Scenario scenario({.addresses = Many(100), .shaping = kTwoPerSecond + Rule(Rate("1/s"), "10m")});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(20, {"450 4.2.0 [TS01] slow down"}));
  scenario.RunFor(Duration::Seconds(300));
  EXPECT_EQ(scenario.log().CountOf("for 600 s, by the automation rule at shaping:"), 1u);
  scenario.RunFor(Duration::Seconds(305));  // Since the first reply; the last came later.
  EXPECT_EQ(scenario.log().CountOf("the time of max_message_rate"), 0u);
  EXPECT_TRUE(scenario.Finish());
}

TEST_F(SetConfig, EndsWithItsRule) {
  scenario_.process().ChangeShaping(Parse(kTwoPerSecond + Rule(Rate("1/min"), "10m") + "# the same"));
  EXPECT_LE(Taken(scenario_, receiver_, Duration::Seconds(120)), 3u);
  scenario_.process().ChangeShaping(Parse(kTwoPerSecond));
  EXPECT_GE(Taken(scenario_, receiver_, Duration::Seconds(20)), 30u);
}

TEST_F(SetConfig, EndsWithResume) {
  EXPECT_LE(Taken(scenario_, receiver_, Duration::Seconds(60)), 2u);
  scenario_.process().Resume();
  EXPECT_GE(Taken(scenario_, receiver_, Duration::Seconds(20)), 30u);
}

// ---- restarts ----

TEST(RestartedRules, WhatTheyHaveSetHoldsForTheRestOfItsTime) {
  Scenario scenario(
      {.addresses = Many(300), .shaping = kTwoPerSecond + Rule(Rate("1/min"), "10m"), .keep_limits = true});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] slow down"}));
  scenario.RunFor(Duration::Minutes(4));
  scenario.Restart();
  scenario.RunFor(Duration::Minutes(2));
  scenario.Restart();  // Whoever has it from an earlier program hands it on.
  EXPECT_LE(Taken(scenario, receiver, Duration::Seconds(230)), 4u);
  EXPECT_GE(Taken(scenario, receiver, Duration::Seconds(60)), 80u);
  EXPECT_TRUE(scenario.Finish());
}

TEST(RestartedRules, ResumeAndAFileWithoutTheRuleEndItForTheNextProgramToo) {
  for (const bool resumes : {true, false}) {
    Scenario scenario(
        {.addresses = Many(300), .shaping = kTwoPerSecond + Rule(Rate("1/min"), "10m"), .keep_limits = true});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] slow down"}));
    scenario.RunFor(Duration::Minutes(1));
    if (resumes) {
      scenario.process().Resume();
    } else {
      scenario.process().ChangeShaping(Parse(kTwoPerSecond));
    }
    scenario.RunFor(Duration::Seconds(3));
    scenario.Restart();
    EXPECT_GE(Taken(scenario, receiver, Duration::Seconds(60)), 80u) << resumes;
  }
}

// Three domains have the same mail exchanger.
TEST(RestartedRules, ADomainsOwnLimitsHoldForTheRestOfTheirTime) {
  std::vector<std::string> addresses = Many(300, "a.example");
  for (const std::string domain : {"b.example", "c.example"}) {
    for (const std::string& address : Many(300, domain)) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses,
                     .shaping = kTwoPerSecond + Rule(Rate("1/min", "SetDomainConfig"), "5m"),
                     .shards = 2,
                     .keep_limits = true});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const std::string domain : {"a.example", "b.example", "c.example"})
    scenario.names().SetMx(domain, {"mx.example"});
  std::string slow;
  receiver.At(Point::kRcpt, [&slow](const Question& question) -> std::optional<Answer> {
    if (!slow.empty()) return std::nullopt;
    slow = question.recipient.substr(question.recipient.find('@') + 1);
    return Answer{.reply = "450 4.2.0 [TS01] slow down"};
  });
  scenario.RunFor(Duration::Seconds(5));
  scenario.Restart();
  scenario.RunFor(Duration::Seconds(5));
  const std::size_t before = CountAt(receiver, slow), others = receiver.accepted().size() - before;
  scenario.RunFor(Duration::Seconds(120));
  EXPECT_LE(CountAt(receiver, slow) - before, 4u) << slow;
  EXPECT_GE(receiver.accepted().size() - CountAt(receiver, slow) - others, 220u);
  scenario.RunFor(Duration::Seconds(180));  // It has gone back to the others.
  const std::size_t after = CountAt(receiver, slow);
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_GE(CountAt(receiver, slow) - after, 15u);
}

// ---- limits that several sites share ----

// A provider with eight sites, at two shards; the reply comes from one of them.
struct SharedLimit {
  static constexpr char kMatch[] = "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\n";
  SharedLimit(std::string limits, const std::string& key, const std::string& value)
      : shaping("[\"default\"]\nadaptive = false\nconnection_limit = 3\n" + std::string(kMatch) + std::move(limits) +
                "[[provider.\"big\".automation]]\nregex = \"TS01\"\naction = {SetConfig={name=\"" + key +
                "\", value=" + value + "}}\nduration = \"2m\"\n"),
        scenario({.addresses = Addresses(), .shaping = shaping, .shards = 2}) {
    for (int domain = 0; domain < 8; ++domain) {
      Receiver& receiver = scenario.Serve("d" + std::to_string(domain) + ".big.example");
      receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
      receivers.push_back(&receiver);
    }
  }
  static std::vector<std::string> Addresses() {
    std::vector<std::string> addresses;
    for (int domain = 0; domain < 8; ++domain) {
      for (const std::string& address : Many(120, "d" + std::to_string(domain) + ".big.example"))
        addresses.push_back(address);
    }
    return addresses;
  }
  std::uint32_t Open() const {
    std::uint32_t open = 0;
    for (const Receiver* receiver : receivers) open += receiver->open();
    return open;
  }
  std::size_t Accepted() const {
    std::size_t accepted = 0;
    for (const Receiver* receiver : receivers) accepted += receiver->accepted().size();
    return accepted;
  }
  void Fire() {
    receivers[3]->At(Point::kRcpt, [this](const Question&) -> std::optional<Answer> {
      if (std::exchange(has_fired, true)) return std::nullopt;
      return Answer{.reply = "450 4.2.0 [TS01] slow down"};
    });
    scenario.RunFor(Duration::Seconds(30));  // And what is in flight has ended.
  }

  const std::string shaping;
  Scenario scenario;
  std::vector<Receiver*> receivers;
  bool has_fired = false;
};

TEST(SharedLimits, OneThatARuleHasSetHoldsForAllItsSitesAndEndsWithTheRule) {
  SharedLimit shared("provider_connection_limit = 6\n", "provider_connection_limit", "2");
  shared.scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(shared.Open(), 6u);
  shared.Fire();
  EXPECT_LE(shared.Open(), 2u);
  shared.scenario.process().ChangeShaping(
      Parse(shared.shaping + "# the same"));  // Every site says again what it allows.
  for (int i = 0; i < 4; ++i) {
    shared.scenario.RunFor(Duration::Seconds(20));
    EXPECT_LE(shared.Open(), 2u);
  }
  shared.scenario.RunFor(Duration::Seconds(60));
  EXPECT_EQ(shared.Open(), 6u);
}

TEST(SharedLimits, ARuleMaySetOneThatWasNotThere) {
  SharedLimit shared("", "provider_max_message_rate", "\"2/s,max_burst=1\"");
  shared.scenario.RunFor(Duration::Seconds(5));
  EXPECT_GT(shared.Open(), 20u);
  shared.Fire();
  const std::size_t before = shared.Accepted();
  shared.scenario.RunFor(Duration::Seconds(60));
  EXPECT_LE(shared.Accepted() - before, 123u);
  EXPECT_GE(shared.Accepted() - before, 110u);
  shared.scenario.RunFor(Duration::Seconds(35));
  const std::size_t after = shared.Accepted();
  shared.scenario.RunFor(Duration::Seconds(10));
  EXPECT_GE(shared.Accepted() - after, 150u);
}

TEST(SharedLimits, ARuleMaySetWhatHoldsOverAllSources) {
  SharedLimit shared("", "total_connection_limit", "2");
  shared.scenario.UseTwoSources();
  shared.scenario.RunFor(Duration::Seconds(10));
  EXPECT_GT(shared.Open(), 20u);
  shared.Fire();
  for (int i = 0; i < 4; ++i) {
    shared.scenario.RunFor(Duration::Seconds(20));
    EXPECT_LE(shared.Open(), 2u);
  }
}

// Three domains have the same mail exchanger.
TEST(AutomationRules, SetDomainConfigHoldsForTheDomainAlone) {
  std::vector<std::string> addresses = Many(400, "a.example");
  for (const std::string domain : {"b.example", "c.example"}) {
    for (const std::string& address : Many(400, domain)) addresses.push_back(address);
  }
  Scenario scenario(
      {.addresses = addresses,
       .shaping = "[\"default\"]\nmax_message_rate = \"2/s\"\n" + Rule(Rate("1/min", "SetDomainConfig"), "5m"),
       .shards = 2});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const std::string domain : {"a.example", "b.example", "c.example"})
    scenario.names().SetMx(domain, {"mx.example"});
  std::string slow;
  receiver.At(Point::kRcpt, [&slow](const Question& question) -> std::optional<Answer> {
    if (!slow.empty()) return std::nullopt;
    slow = question.recipient.substr(question.recipient.find('@') + 1);
    return Answer{.reply = "450 4.2.0 [TS01] slow down"};
  });
  scenario.RunFor(Duration::Seconds(3));
  const std::size_t before = CountAt(receiver, slow), others = receiver.accepted().size() - before;
  scenario.RunFor(Duration::Seconds(120));
  EXPECT_LE(CountAt(receiver, slow) - before, 4u) << slow;
  EXPECT_GE(receiver.accepted().size() - CountAt(receiver, slow) - others, 220u);
  scenario.RunFor(Duration::Seconds(180));  // It has gone back to the others.
  const std::size_t after = CountAt(receiver, slow);
  const std::size_t all = receiver.accepted().size();
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_GE(CountAt(receiver, slow) - after, 15u);
  EXPECT_LE(receiver.accepted().size() - all, 63u);  // One site, one rate.
}

TEST(AutomationRules, ATenantsActionNeedsATenant) {
  Scenario scenario({.addresses = Many(2), .shaping = kOneSession + Rule("\"SuspendTenant\"", "2h")});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] not now"}));
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
}

// Another campaign, and one of another tenant, go on there; that of a tenant is held over a restart, too.
TEST(AutomationRules, ATenantsAndACampaignsActionHoldTheirMailAlone) {
  struct Action {
    const char* name;
    std::string scope;
  };
  const Action actions[] = {{"\"SuspendTenant\"", "tenant:acme"}, {"\"SuspendCampaign\"", "campaign:simulated"}};
  for (const Action& action : actions) {
    Scenario scenario({.addresses = Many(60), .shaping = Rule(action.name, "2h")});
    scenario.job().tenant = "acme";
    Receiver& receiver = scenario.Serve("one.example");
    bool is_slow = true;
    receiver.At(Point::kRcpt, [&is_slow](const Question&) {
      return is_slow ? std::optional(Answer{"450 4.2.0 [TS01] not now"}) : std::nullopt;
    });
    scenario.RunFor(Duration::Minutes(1));
    is_slow = false;
    EXPECT_THAT(scenario.Suspensions(), ElementsAre(Field(&Scenario::Suspended::scope, action.scope)));
    const auto standing = scenario.process().limits().Site(scenario.job().sources[0].name, "mx.one.example", 7, {},
                                                           scenario.world().now());
    EXPECT_TRUE(standing->suspension(delivery::ScopesOf("simulated", "acme")).IsActive(scenario.world().now()));
    EXPECT_FALSE(standing->suspension(delivery::ScopesOf("other", "umbrella")).IsActive(scenario.world().now()));
    EXPECT_EQ(standing->suspension(delivery::ScopesOf("other", "acme")).IsActive(scenario.world().now()),
              action.scope == "tenant:acme");
    scenario.Restart();
    scenario.RunFor(Duration::Minutes(118));
    EXPECT_THAT(receiver.accepted(), IsEmpty());
    receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(30)}));
    const std::uint64_t before = receiver.CountOf("RCPT");
    scenario.RunFor(Duration::Seconds(80));
    EXPECT_EQ(receiver.CountOf("RCPT"), before + 1) << "one is tried";
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(60));
  }
}

// It is still the recipient's own reply that decides what becomes of the recipient.
TEST(AutomationRules, BounceHoldsWhoWasNotRefused) {
  Scenario scenario({.addresses = Many(3), .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kGreeting, Always({.reply = "220 hello", .wait = Duration::Seconds(1)}));
  scenario.RunFor(Duration::Milliseconds(10));
  scenario.process().ChangeShaping(
      Parse(std::string(kOneSession) +
            "[[\"default\".automation]]\nregex = \"unknown\"\naction = \"Bounce\"\nduration = \"2h\"\n"));
  receiver.At(Point::kRcpt, First(1, {"550 5.1.1 user unknown"}));
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_EQ(scenario.CountLast("bounced"), 1u);
  EXPECT_THAT(scenario.Suspensions(), SizeIs(1));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
}

}  // namespace
}  // namespace sim
