#include "engine/reply_rules.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace engine {
namespace {

using C = smtp::Classification;

smtp::Reply Said(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
  smtp::Reply reply;
  reply.code = code;
  reply.enhanced = enhanced;
  reply.text = std::move(text);
  return reply;
}

// Only where the files of others lie beside the source tree; a clone has them not.
TEST(ReplyRules, ReadsKumoMtasOwnFilesAsTheyAre) {
  const std::filesystem::path data = std::filesystem::path(__FILE__).parent_path() / "../../../../shared/data";
  if (!std::filesystem::exists(data / "kumomta-bounces-iana.toml")) GTEST_SKIP() << "not beside the source tree";
  const auto rules = LoadReplyRules(std::vector<std::string>{(data / "kumomta-bounces-community.toml").string(),
                                                             (data / "kumomta-bounces-iana.toml").string()});
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->Find(Said(550, {}, "Utilisateur inconnu")), C::kInvalidRecipient);
  EXPECT_EQ(rules->Find(Said(450, {{4, 2, 1}}, "later")), C::kInactiveMailbox);
  EXPECT_EQ(rules->Find(Said(552, {{5, 2, 2}}, "full")), C::kQuotaIssues);
  EXPECT_EQ(rules->Find(Said(599, {}, "something else")), std::nullopt);
}

TEST(ReplyRules, NamesFilesAndRulesThatAreWrong) {
  EXPECT_EQ(LoadReplyRules(std::vector<std::string>{"/nonexistent/rules.toml"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(LoadReplyRules({}).ok());
}

}  // namespace
}  // namespace engine
