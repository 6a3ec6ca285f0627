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

TEST(Automation, ARuleFitsRepliesThatHaveOneOfItsPatterns) {
  Automation automation;
  const config::AutomationRules rules = Rules(Rule("a", kSlower) + Rule("b", kSlower));
  automation.SetRules(rules);
  EXPECT_THAT(automation.Fitting("450 a"), ElementsAre(rules[0]));
  EXPECT_THAT(automation.Fitting("450 a b"), ElementsAre(rules[0], rules[1]));
  EXPECT_THAT(automation.Fitting("450 c"), IsEmpty());
}

TEST(Automation, AnOverrideEndsAndWhoEndsLastWins) {
  Automation automation;
  const config::AutomationRules rules = Rules(Rule("a", kSlower) + Rule("b", kSlower));
  automation.SetRules(rules);
  EXPECT_TRUE(automation.NextEnd().IsNever());
  RuleSettings set;
  EXPECT_TRUE(Remember(set, SettingOf(OverrideOf(*rules[0], kStart + Duration::Minutes(20)))));
  EXPECT_FALSE(Remember(set, SettingOf(OverrideOf(*rules[0], kStart + Duration::Minutes(21))))) << "the same again";
  EXPECT_FALSE(Remember(set, SettingOf(OverrideOf(*rules[1], kStart + Duration::Minutes(5))))) << "the other one holds";
  EXPECT_TRUE(automation.TakeUp(set).is_other);
  ASSERT_THAT(automation.active(), SizeIs(2));
  EXPECT_EQ(automation.active().back().rule, rules[0]->Identity());
  EXPECT_EQ(automation.NextEnd(), kStart + Duration::Minutes(5));
  EXPECT_EQ(automation.RestedAt(), kStart + Duration::Minutes(21));
  EXPECT_TRUE(Remember(set, SettingOf(OverrideOf(*rules[1], kStart + Duration::Minutes(30)))));
  EXPECT_TRUE(automation.TakeUp(set).is_other);
  EXPECT_EQ(automation.active().back().rule, rules[1]->Identity());
  EXPECT_FALSE(automation.TakeUp(set).is_other);
  const Automation::News news = automation.TakeUp(ActiveAt(set, kStart + Duration::Minutes(21)));
  EXPECT_TRUE(news.is_other);
  ASSERT_THAT(news.ended, SizeIs(1));
  EXPECT_EQ(news.ended[0].rule, rules[0]->Identity());
  EXPECT_THAT(automation.Overrides(), SizeIs(1));
}

TEST(Automation, WhatRulesThatStayHaveSetStaysAndTheRestEnds) {
  Automation automation;
  const config::AutomationRules before = Rules(Rule("a", kSlower) + Rule("b", kSlower));
  automation.SetRules(before);
  RuleSettings set;
  for (const auto& rule : before) Remember(set, SettingOf(OverrideOf(*rule, kStart + Duration::Minutes(20))));
  automation.TakeUp(set);
  EXPECT_THAT(automation.SetRules(Rules("# a line more\n" + Rule("b", kSlower) + Rule("a", kSlower))), IsEmpty());
  EXPECT_THAT(automation.Overrides(), SizeIs(2));
  EXPECT_THAT(automation.SetRules(Rules(Rule("b", kSlower))), SizeIs(1));
  EXPECT_THAT(automation.Overrides(), SizeIs(1));
  EXPECT_FALSE(automation.TakeUp(set).is_other) << "another campaign may have that rule, this one has not";
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
  automation.TakeUp({kept});
  EXPECT_THAT(automation.SetRules(rules), IsEmpty());
  EXPECT_THAT(automation.SetRules(Rules(Rule("a", kSlower))), SizeIs(1)) << "a domain's own ends with its rule, too";
}

}  // namespace
}  // namespace delivery
