#include "engine/smtp/rule_set.h"

#include <string>

#include "engine/smtp/reply_policy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/verdict_facts.h"

namespace smtp {
namespace {

using C = Classification;
using ::testing::HasSubstr;
using testing::Refused;
using testing::Said;

RuleSet Compiled(std::vector<ReplyRule> rules) {
  absl::StatusOr<RuleSet> set = RuleSet::Compile(rules);
  EXPECT_TRUE(set.ok()) << set.status();
  return *std::move(set);
}

TEST(RuleSet, FindsTheFirstRuleThatFitsTheReplyAsOneLine) {
  const RuleSet rules = Compiled({{"QuotaIssues", "^552 5\\.2\\.2 .*full", "f:1"},
                                  {"SpamBlock", "^550.+blocked by (?!nobody)\\w+", "f:2"},
                                  {"PolicyRelated", "blocked", "f:3"}});
  EXPECT_EQ(rules.Find(Said("552 5.2.2 the box is full")), C::kQuotaIssues);
  EXPECT_EQ(rules.Find(Said("550 5.7.1 blocked by example")), C::kSpamBlock);
  EXPECT_EQ(rules.Find(Said("550 5.7.1 blocked by nobody")), C::kPolicyRelated);
  EXPECT_EQ(rules.Find(Said("550 5.7.1 Blocked")), std::nullopt);
  EXPECT_EQ(RuleSet::None().Find(Said("550 5.7.1 blocked")), std::nullopt);
}

TEST(RuleSet, NamesEachRuleThatIsNone) {
  const std::vector<ReplyRule> rules = {{"InvalidRecipient", "(", "f:1"}, {"Nonsense", "x", "f:2"}, {"", "x", "f:3"}};
  const absl::Status status = RuleSet::Compile(rules).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("f:1: \"(\" is no regular expression"));
  EXPECT_THAT(message, HasSubstr("f:2: rules.Nonsense is no class"));
  EXPECT_THAT(message, HasSubstr("f:3: "));
}

TEST(RuleSet, GivesUpARuleThatAReplyMakesSlow) {
  const RuleSet rules = Compiled({{"SpamBlock", "^550 (a+)+b", "f:1"}, {"PolicyRelated", "aaa!$", "f:2"}});
  EXPECT_EQ(rules.Find(Said("550 " + std::string(1000, 'a') + "!")), C::kPolicyRelated);
}

TEST(RuleSet, AddsToTheBuiltInRulesAndGoesBeforeTheCodes) {
  const RuleSet rules =
      Compiled({{"SpamBlock", "no such user", "f:1"}, {"QuotaIssues", "^550 5\\.1\\.1 the cup", "f:2"}});
  EXPECT_EQ(Judge(Refused(Command::kRcpt, "550 no such user"), rules).classification, C::kInvalidRecipient);
  const Verdict added = Judge(Refused(Command::kRcpt, "550 5.1.1 the cup runs over"), rules);
  EXPECT_EQ(added.classification, C::kQuotaIssues);
  EXPECT_EQ(added.outcome, Outcome::kBounced);
  EXPECT_EQ(Judge(Refused(Command::kRcpt, "550 5.1.1 the cup runs over")).classification, C::kInvalidRecipient);
  const Verdict greeting =
      JudgeConnection({.at = Command::kGreeting, .reply = Said("550 5.1.1 the cup runs over")}, rules);
  EXPECT_EQ(greeting.classification, C::kQuotaIssues);
  EXPECT_EQ(greeting.outcome, Outcome::kHeld);  // No recipient was named.
}

TEST(Classification, IsReadAsItIsWritten) {
  for (int i = 1; i <= static_cast<int>(C::kUnclassified); ++i) {
    EXPECT_EQ(ParseClassification(ToString(static_cast<C>(i))), static_cast<C>(i));
  }
  EXPECT_EQ(ParseClassification(""), std::nullopt);
  EXPECT_EQ(ParseClassification("invalidrecipient"), std::nullopt);
}

}  // namespace
}  // namespace smtp
