#include "engine/config/automation.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/config/read_shaping.h"

namespace config {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Hosts = std::vector<MailHost>;
using Kind = AutomationAction::Kind;

class AutomationTest : public ReadShaping {
 protected:
  std::string Problem(const std::string& text) {
    const auto shaping = Shaping::Parse({{"s.toml", text}}, warnings_);
    EXPECT_FALSE(shaping.ok()) << text;
    return std::string(shaping.status().message());
  }
};

std::vector<std::string> Regexes(const AutomationRules& rules) {
  std::vector<std::string> texts;
  for (const auto& rule : rules) texts.push_back(rule->regex);
  return texts;
}

constexpr char kFile[] = R"(
[provider."big"]
match = [{MXSuffix=".big.example"}]
[["default".automation]]
regex = ['''Messages from \d+\.\d+ deferred''', "slow down"]
action = [{SetConfig={name="max_message_rate", value="1/minute"}}, {SetConfig={name="connection_limit", value=1}}]
duration = "90m"
[[provider."big".automation]]
regex = "\\[TS?S04\\]"
action = "Suspend"
duration = "2 hours"
[["own.example".automation]]
regex = "^(?!.*KumoMTA internal).*RL000010"
trigger = "Immediate"
action = "SuspendTenant"
duration = "5 minutes"
match_internal = false
[["own.example".automation]]
regex = "RL0000"
action = {SetDomainConfig={name="max_connection_rate", value="10000/h"}}
trigger = {Threshold="2/hr"}
duration = "2 hours"
)";

TEST_F(AutomationTest, ReadsRulesOfEveryBlock) {
  const Shaping shaping = Read({kFile});
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_THAT(Regexes(shaping.AutomationFor("x.example", Hosts{"mx.x.example"})),
              ElementsAre("Messages from \\d+\\.\\d+ deferred | slow down"));
  EXPECT_THAT(Regexes(shaping.AutomationFor("x.example", Hosts{"mx.big.example"})),
              ElementsAre(HasSubstr("slow down"), "\\[TS?S04\\]"));
  const AutomationRules rules = shaping.AutomationFor("own.example", Hosts{"mx.own.example"});
  ASSERT_THAT(rules, SizeIs(3));
  const AutomationRule& slow = *rules[0];
  EXPECT_EQ(slow.place, "a:4");
  EXPECT_EQ(slow.duration, Duration::Minutes(90));
  EXPECT_FALSE(slow.threshold.has_value());
  EXPECT_EQ(slow.ActionText(), "max_message_rate = \"1/minute\", connection_limit = 1");
  EXPECT_TRUE(slow.Fits("421 4.7.0 Messages from 1.2 deferred"));
  EXPECT_TRUE(slow.Fits("450 slow down"));
  EXPECT_FALSE(slow.Fits("450 slower"));
  EXPECT_EQ(rules[1]->actions.at(0).kind, Kind::kSuspendTenant);
  ASSERT_TRUE(rules[2]->threshold.has_value());
  EXPECT_EQ(rules[2]->threshold->count, 2u);
  EXPECT_EQ(rules[2]->threshold->period, Duration::Hours(1));
  EXPECT_EQ(rules[2]->actions.at(0).kind, Kind::kSetDomainConfig);
}

TEST_F(AutomationTest, OverridesGoLastAndOnlyForWhomTheyAre) {
  const Shaping shaping = Read({kFile, "[\"own.example\".sources.\"s\"]\nconnection_limit = 9\n"});
  const Hosts hosts = {"mx.own.example"};
  std::vector<Shaping::Change> changes;
  for (const AutomationAction& action : shaping.AutomationFor("own.example", hosts).at(0)->actions)
    changes.push_back(action.change);
  const Limits limits = shaping.For("own.example", hosts, "s", changes);
  EXPECT_EQ(limits.connection_limit, 1u);
  EXPECT_EQ(limits.max_message_rate, (base::Rate{1, Duration::Minutes(1), std::nullopt}));
  EXPECT_EQ(shaping.For("own.example", hosts, "s").connection_limit, 9u);
}

TEST_F(AutomationTest, WhatARuleCannotChangeIsSaidAndNotSet) {
  const std::pair<const char*, const char*> settings[] = {{"enable_tls", "\"Disabled\""},
                                                          {"enable_mta_sts", "false"},
                                                          {"enable_dane", "false"},
                                                          {"remember_broken_tls", "\"1h\""},
                                                          {"replace_base", "true"}};
  for (const auto& [key, value] : settings) {
    warnings_.clear();
    const Shaping shaping =
        Read({"[[\"default\".automation]]\nregex = \"x\"\nduration = \"1h\"\n"
              "action = {SetConfig={name=\"" +
              std::string(key) + "\", value=" + value + "}}\n"});
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr("a rule's " + std::string(key) + " is without effect")));
    const AutomationRules rules = shaping.AutomationFor("x.example", Hosts{"mx.x.example"});
    ASSERT_THAT(rules, SizeIs(1));
    EXPECT_THAT(rules.front()->actions, IsEmpty());
  }
  EXPECT_THAT(Problem("[[\"default\".automation]]\nregex = \"x\"\nduration = \"1h\"\n"
                      "action = {SetConfig={name=\"mx_rollup\", value=false}}\n"),
              HasSubstr("unknown key mx_rollup"));
}

// In a provider's rule it is the provider's, as in its block.
TEST_F(AutomationTest, ARuleMaySetWhatHoldsOverAllSources) {
  const std::string rule =
      ".automation]]\nregex = \"x\"\nduration = \"1h\"\n"
      "action = {SetConfig={name=\"total_connection_limit\", value=4}}\n";
  const Shaping shaping = Read({"[provider.\"big\"]\nmatch = [{MXSuffix=\".big.example\"}]\n[[provider.\"big\"" + rule +
                                "[[\"own.example\"" + rule});
  EXPECT_TRUE(shaping.HasTotals());
  EXPECT_TRUE(shaping.RulesSetSharedLimits());
  for (const bool of_provider : {true, false}) {
    const Hosts hosts = {of_provider ? "mx.big.example" : "mx.own.example"};
    const std::string domain = of_provider ? "a.example" : "own.example";
    const AutomationRules rules = shaping.AutomationFor(domain, hosts);
    ASSERT_THAT(rules, SizeIs(1));
    const Limits limits = shaping.For(domain, hosts, "ip-1", {rules.front()->actions.front().change});
    EXPECT_EQ(limits.provider_total_connection_limit.has_value(), of_provider);
    EXPECT_EQ(limits.total_connection_limit.has_value(), !of_provider);
  }
  EXPECT_FALSE(Read({"[\"default\"]\nprovider_connection_limit = 3\n"}).RulesSetSharedLimits());
  EXPECT_FALSE(Read({"[\"default\"]\nprovider_connection_limit = 3\n"}).HasTotals());
}

TEST_F(AutomationTest, ALaterFileAddsOrStartsAnew) {
  const std::string more = "[[\"own.example\".automation]]\nregex = \"z\"\naction = \"Suspend\"\nduration = \"1m\"\n";
  EXPECT_THAT(Read({kFile, more}).AutomationFor("own.example", Hosts{"mx"}), SizeIs(4));
  EXPECT_THAT(
      Regexes(
          Read({kFile, "[\"own.example\"]\nreplace_base = true\n" + more}).AutomationFor("own.example", Hosts{"mx"})),
      ElementsAre(HasSubstr("slow down"), "z"));
}

TEST_F(AutomationTest, WhatDoesNotDoWhatItSaysIsAWarning) {
  const Shaping shaping =
      Read({"[[\"default\".automation]]\nregex = \"x\"\naction = \"Bounce\"\nduration = \"1m\"\nmatch_internal = true\n"
            "[[\"default\".automation]]\nregex = \"y\"\naction = {SetConfig={name=\"max_ready\", value=7}}\n"
            "duration = \"1m\"\n"});
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("a:3: Bounce holds the mail"), HasSubstr("a:5: match_internal is without"),
                          HasSubstr("a:8: max_ready is known to KumoMTA")));
  const AutomationRules rules = shaping.AutomationFor("x", Hosts{"mx"});
  EXPECT_EQ(rules.at(0)->actions.at(0).kind, Kind::kSuspend);
  EXPECT_THAT(rules.at(1)->actions, IsEmpty());
}

TEST_F(AutomationTest, SaysWhereAndWhatIsWrong) {
  const std::string good = "regex = \"x\"\naction = \"Suspend\"\nduration = \"1m\"\n";
  const std::string begin = "[[\"a.example\".automation]]\n";
  EXPECT_THAT(Problem(begin), HasSubstr("s.toml:1: [a.example.automation] has no regex"));
  EXPECT_THAT(Problem(begin + good + "tigger = \"Immediate\"\n"),
              HasSubstr("s.toml:5: unknown key a.example.automation.tigger; did you mean trigger?"));
  EXPECT_THAT(Problem(begin + good + "trigger = {Threshold=\"0/h\"}\n"), HasSubstr("s.toml:5: "));
  EXPECT_THAT(Problem(begin + good + "trigger = {Threshold=\"10001/h\"}\n"), HasSubstr("s.toml:5: "));
  EXPECT_THAT(Problem(begin + good + "trigger = \"Later\"\n"), HasSubstr("must be \"Immediate\""));
  EXPECT_THAT(Problem(begin + "regex = \"(\"\naction = \"Suspend\"\nduration = \"1m\"\n"),
              HasSubstr("s.toml:2: \"(\" is no regular expression"));
  EXPECT_THAT(Problem(begin + "regex = \"x\"\naction = \"Stop\"\nduration = \"1m\"\n"),
              HasSubstr("s.toml:3: a.example.automation.action must be"));
  EXPECT_THAT(Problem(begin + "regex = \"x\"\naction = \"Suspend\"\nduration = \"soon\"\n"),
              HasSubstr("s.toml:4: a.example.automation.duration must be"));
  const auto set = [&](const std::string& setting) {
    return Problem(begin + "regex = \"x\"\naction = {SetConfig=" + setting + "}\nduration = \"1m\"\n");
  };
  EXPECT_THAT(set("{name=\"connection_limit\", value=0}"), HasSubstr("s.toml:3: [a.example.automation] connection_l"));
  EXPECT_THAT(set("{name=\"conection_limit\", value=1}"), HasSubstr("did you mean connection_limit?"));
  EXPECT_THAT(set("{name=\"connection_limit\"}"), HasSubstr("automation.action must be"));
  EXPECT_THAT(Problem("[\"a.example\"]\nautomation = 3\n"), HasSubstr("s.toml:2: [a.example] automation is no list"));
  EXPECT_THAT(Problem("[\"a.example\".sources.\"s\"]\nautomation = []\n"), HasSubstr("unknown key automation"));
}

// Only where the files of others lie beside the source tree; a clone has them not.
TEST_F(AutomationTest, ReadsTheRulesOfKumoMtasOwnFilesAsTheyAre) {
  const std::filesystem::path data = std::filesystem::path(__FILE__).parent_path() / "../../../../shared/data";
  if (!std::filesystem::exists(data / "kumomta-shaping.toml")) GTEST_SKIP() << "not beside the source tree";
  const auto shaping = Shaping::Load(std::vector<std::string>{(data / "kumomta-shaping.toml").string(),
                                                              (data / "kumomta-community-shaping.toml").string()},
                                     warnings_);
  ASSERT_TRUE(shaping.ok()) << shaping.status();
  const AutomationRules rules = shaping->AutomationFor("yahoo.com", Hosts{"mta5.am0.yahoodns.net"});
  EXPECT_THAT(rules, SizeIs(testing::Gt(8u)));
  int fit = 0;
  for (const auto& rule : rules)
    fit += rule->Fits("421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred") ? 1 : 0;
  EXPECT_EQ(fit, 3);  // Of "default", of the provider, and of the community's.
}

}  // namespace
}  // namespace config
