#include "engine/sender_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

preflight::Sender SenderUnder(const std::string& shaping, const config::Config& config = {}) {
  campaign::Campaign campaign;
  campaign.from_address = "a@example.com";
  std::vector<std::string> warnings;
  const config::Shaping::File files[] = {{"s.toml", shaping}};
  const absl::StatusOr<config::Shaping> parsed = config::Shaping::Parse(files, warnings);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  SendingMeans means;
  means.sources.emplace_back().name = "one";
  const absl::StatusOr<preflight::Sender> sender = SenderOf({campaign, config, *parsed, means});
  EXPECT_TRUE(sender.ok()) << sender.status();
  return sender.value_or(preflight::Sender());
}

TEST(SenderCheckTest, WhetherMailToGmailNeedsACertificateThatHoldsIsAsTheShapingFilesSay) {
  EXPECT_TRUE(SenderUnder("").verifies_tls);
  EXPECT_FALSE(SenderUnder("").has_authorities);
  EXPECT_TRUE(SenderUnder("[provider.google]\nenable_tls = \"Opportunistic\"\n").verifies_tls);
  for (const char* mode : {"RequiredInsecure", "OpportunisticInsecure", "Disabled"}) {
    const preflight::Sender sender = SenderUnder("[provider.google]\nenable_tls = \"" + std::string(mode) + "\"\n");
    EXPECT_FALSE(sender.verifies_tls) << mode;
    EXPECT_EQ(sender.uses_tls, std::string(mode) != "Disabled");
  }
  config::Config config;
  config.smarthost.emplace();  // It is spoken to as the configuration says.
  EXPECT_FALSE(SenderUnder("", config).verifies_tls);
}

}  // namespace
}  // namespace engine
