#include "engine/delivery/rule_counts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/config/shaping.h"

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000);
const char kSlower[] = "{SetConfig={name=\"max_message_rate\", value=\"1/m\"}}";

std::shared_ptr<const config::AutomationRule> Rule(const std::string& action, const std::string& more = "") {
  std::vector<std::string> warnings;
  const std::string text =
      "[[\"default\".automation]]\nregex = \"a\"\naction = " + action + "\nduration = \"10m\"\n" + more;
  const auto shaping = config::Shaping::Parse({{{"s", text}}}, warnings);
  EXPECT_TRUE(shaping.ok()) << shaping.status();
  return shaping->AutomationFor("x.example", std::vector<config::MailHost>{"mx.x.example"}).at(0);
}

TEST(RuleCounts, ARuleActsAtOnceOrWhenSoManyCameWithinThePeriod) {
  RuleCounts counts;
  const auto at_once = Rule(kSlower), counted = Rule(kSlower, "trigger = {Threshold=\"3/h\"}\n");
  EXPECT_TRUE(counts.OnFit(*at_once, kEverybody, kStart));
  EXPECT_TRUE(counts.OnFit(*at_once, kEverybody, kStart));
  EXPECT_FALSE(counts.OnFit(*counted, kEverybody, kStart));
  EXPECT_FALSE(counts.OnFit(*counted, kEverybody, kStart + Duration::Minutes(10)));
  // The first one is out of the hour by then.
  EXPECT_FALSE(counts.OnFit(*counted, kEverybody, kStart + Duration::Minutes(60)));
  EXPECT_TRUE(counts.OnFit(*counted, kEverybody, kStart + Duration::Minutes(69)));
  EXPECT_TRUE(counts.OnFit(*counted, kEverybody, kStart + Duration::Minutes(69)));
  EXPECT_FALSE(counts.IsUnused(kStart + Duration::Minutes(69 + 59)));
  EXPECT_TRUE(counts.IsUnused(kStart + Duration::Minutes(69 + 60)));
}

TEST(RuleCounts, OneThatSuspendsIsQuietUntilThatIsOver) {
  RuleCounts counts;
  const auto rule = Rule("\"Suspend\"");
  EXPECT_TRUE(counts.OnFit(*rule, kEverybody, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, kEverybody, kStart + Duration::Minutes(9)));
  EXPECT_TRUE(counts.OnFit(*rule, kEverybody, kStart + Duration::Minutes(10)));
  counts.Forget(ScopesOf("weekly", ""));
  EXPECT_TRUE(counts.OnFit(*rule, kEverybody, kStart + Duration::Minutes(11)));
}

TEST(RuleCounts, TheMailOfEachTenantAndCampaignIsCountedByItself) {
  RuleCounts counts;
  const auto rule = Rule("[\"SuspendCampaign\", " + std::string(kSlower) + "]", "trigger = {Threshold=\"2/h\"}\n");
  const std::string a = CampaignScope("a"), b = CampaignScope("b");
  EXPECT_FALSE(counts.OnFit(*rule, a, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, kEverybody, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, b, kStart));
  EXPECT_TRUE(counts.OnFit(*rule, kEverybody, kStart)) << "the second of everybody's";
  EXPECT_TRUE(counts.OnFit(*rule, kEverybody, kStart)) << "it suspends nobody but campaigns";
  EXPECT_TRUE(counts.OnFit(*rule, b, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, b, kStart)) << "that one is suspended";
  counts.Forget(ScopesOf("a", ""));
  EXPECT_FALSE(counts.OnFit(*rule, a, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, kEverybody, kStart));
  EXPECT_FALSE(counts.OnFit(*rule, b, kStart));
}

TEST(RuleCounts, WhatIsOverTakesNoRoom) {
  RuleCounts counts;
  const auto rule = Rule("\"SuspendCampaign\"");
  for (int day = 0; day < 100; ++day)
    EXPECT_TRUE(counts.OnFit(*rule, CampaignScope(std::to_string(day)), kStart + Duration::Hours(24 * day)));
  EXPECT_EQ(counts.size(), 1u);
}

}  // namespace
}  // namespace delivery
