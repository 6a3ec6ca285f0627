#include "engine/delivery/automation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000);

config::AutomationRules Rules(const std::string& text) {
  std::vector<std::string> warnings;
  const auto shaping = config::Shaping::Parse({{{"s", text}}}, warnings);
  EXPECT_TRUE(shaping.ok()) << shaping.status();
  return shaping->AutomationFor("x.example", std::vector<config::MailHost>{"mx.x.example"});
}

std::string Rule(const std::string& regex, const std::string& action, const std::string& more = "") {
  return "[[\"default\".automation]]\nregex = \"" + regex + "\"\naction = " + action + "\nduration = \"10m\"\n" + more;
}

const char kSlower[] = "{SetConfig={name=\"max_message_rate\", value=\"1/m\"}}";

Automation::Override OverrideOf(const config::AutomationRule& rule, Instant until) {
  return {.change = rule.actions.at(0).change, .until = until, .rule = rule.Identity(), .sample = ""};
}

TEST(Automation, FiresAtOnceOrWhenSoManyCameWithinThePeriod) {
  Automation automation;
  automation.SetRules(Rules(Rule("a", kSlower) + Rule("b", kSlower, "trigger = {Threshold=\"3/h\"}\n")));
  EXPECT_THAT(automation.OnReply("450 a", kStart), SizeIs(1));
  EXPECT_THAT(automation.OnReply("450 a", kStart), SizeIs(1));
  EXPECT_THAT(automation.OnReply("450 b", kStart), IsEmpty());
  EXPECT_THAT(automation.OnReply("450 b", kStart + Duration::Minutes(10)), IsEmpty());
  // The first one is out of the hour by then.
  EXPECT_THAT(automation.OnReply("450 b", kStart + Duration::Minutes(60)), IsEmpty());
  EXPECT_THAT(automation.OnReply("450 b", kStart + Duration::Minutes(69)), SizeIs(1));
  EXPECT_THAT(automation.OnReply("450 b", kStart + Duration::Minutes(69)), SizeIs(1));
  EXPECT_THAT(automation.OnReply("450 c", kStart), IsEmpty());
}

TEST(Automation, ARuleThatSuspendsIsQuietUntilThatIsOver) {
  Automation automation;
  automation.SetRules(Rules(Rule("a", "\"Suspend\"")));
  EXPECT_THAT(automation.OnReply("450 a", kStart), SizeIs(1));
  EXPECT_THAT(automation.OnReply("450 a", kStart + Duration::Minutes(9)), IsEmpty());
  EXPECT_THAT(automation.OnReply("450 a", kStart + Duration::Minutes(10)), SizeIs(1));
  automation.Reset();
  EXPECT_THAT(automation.OnReply("450 a", kStart + Duration::Minutes(11)), SizeIs(1));
}

TEST(Automation, AnOverrideEndsAndWhoEndsLastWins) {
  Automation automation;
  const config::AutomationRules rules = Rules(Rule("a", kSlower) + Rule("b", kSlower));
  automation.SetRules(rules);
  EXPECT_TRUE(automation.NextEnd().IsNever());
  automation.Add(OverrideOf(*rules[0], kStart + Duration::Minutes(20)));
  automation.Add(OverrideOf(*rules[1], kStart + Duration::Minutes(5)));
  automation.Add(OverrideOf(*rules[1], kStart + Duration::Minutes(10)));  // The same again.
  ASSERT_THAT(automation.active(), SizeIs(2));
  EXPECT_EQ(automation.active().back().rule, rules[0]->Identity());
  EXPECT_EQ(automation.NextEnd(), kStart + Duration::Minutes(10));
  EXPECT_EQ(automation.RestedAt(), kStart + Duration::Minutes(20));
  EXPECT_THAT(automation.TakeEnded(kStart + Duration::Minutes(9)), IsEmpty());
  EXPECT_THAT(automation.TakeEnded(kStart + Duration::Minutes(10)), SizeIs(1));
  EXPECT_THAT(automation.Overrides(), SizeIs(1));
}

TEST(Automation, RulesThatStayKeepTheirCountAndTheOthersEnd) {
  Automation automation;
  const std::string counted = Rule("b", kSlower, "trigger = {Threshold=\"2/h\"}\n");
  const config::AutomationRules before = Rules(Rule("a", kSlower) + counted);
  automation.SetRules(before);
  automation.Add(OverrideOf(*before[0], kStart + Duration::Minutes(20)));
  EXPECT_THAT(automation.OnReply("450 b", kStart), IsEmpty());
  EXPECT_THAT(automation.SetRules(Rules("# a line more\n" + counted + Rule("a", kSlower))), IsEmpty());
  EXPECT_THAT(automation.Overrides(), SizeIs(1));
  EXPECT_THAT(automation.SetRules(Rules(counted)), SizeIs(1));
  EXPECT_THAT(automation.Overrides(), IsEmpty());
  EXPECT_THAT(automation.OnReply("450 b", kStart + Duration::Seconds(1)), SizeIs(1));
}

// For an earlier program's: only its rule knows what the key's value does.
TEST(Automation, WhatIsKeptIsTakenUpWhereItsRuleIsThere) {
  const char of_domain[] = "{SetDomainConfig={name=\"max_message_rate\", value=\"1/m\"}}";
  const config::AutomationRules rules = Rules(Rule("a", kSlower) + Rule("b", of_domain));
  Automation::Override set = OverrideOf(*rules[1], kStart + Duration::Minutes(20));
  set.of_domain = true;
  const RuleSetting kept = SettingOf(set);
  EXPECT_EQ(kept.key, "max_message_rate");
  const auto again = OverrideOf(Rules("# elsewhere\n" + Rule("b", of_domain)), kept);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->of_domain);
  EXPECT_EQ(again->until, set.until);
  EXPECT_EQ(again->change.setting.value, "\"1/m\"");
  EXPECT_FALSE(OverrideOf(Rules(Rule("b", kSlower)), kept).has_value()) << "it says something else now";
  Automation automation;
  automation.SetRules(rules);
  automation.Add(*again);
  EXPECT_THAT(automation.SetRules(Rules(Rule("a", kSlower))), IsEmpty()) << "it goes with the domain";
}

}  // namespace
}  // namespace delivery
