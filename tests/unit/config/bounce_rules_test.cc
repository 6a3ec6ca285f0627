#include "engine/config/bounce_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace config {
namespace {

using ::testing::HasSubstr;

TEST(BounceRules, AreReadInTheOrderOfTheFile) {
  const auto rules = ParseBounceRules(R"(
[rules]
QuotaIssues = ["^552 a", '^4\d\d b']
BadDomain = [
  "c",  # A comment.
]
)",
                                      "rules.toml");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->size(), 3u);
  EXPECT_EQ((*rules)[0].classification, "QuotaIssues");
  EXPECT_EQ((*rules)[0].pattern, "^552 a");
  EXPECT_EQ((*rules)[1].pattern, "^4\\d\\d b");
  EXPECT_EQ((*rules)[2].classification, "BadDomain");
  EXPECT_EQ((*rules)[2].place, "rules.toml:5");
}

TEST(BounceRules, NamesEverythingThatIsWrong) {
  const auto rules = ParseBounceRules("[rules]\nA = 1\nB = [2]\n[other]\n", "rules.toml");
  const std::string message(rules.status().message());
  EXPECT_THAT(message, HasSubstr("rules.toml:2: rules.A is a whole number"));
  EXPECT_THAT(message, HasSubstr("rules.toml:3: rules.B has a whole number"));
  EXPECT_THAT(message, HasSubstr("other"));
  EXPECT_THAT(std::string(ParseBounceRules("", "rules.toml").status().message()),
              HasSubstr("rules.toml:1: has no table"));
  EXPECT_THAT(std::string(ParseBounceRules("[rules", "rules.toml").status().message()), HasSubstr("rules.toml:1"));
  EXPECT_FALSE(LoadBounceRules(std::vector<std::string>{"/nonexistent/rules.toml"}).ok());
}

}  // namespace
}  // namespace config
