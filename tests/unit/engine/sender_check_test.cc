#include "engine/sender_check.h"

#include <gmock/gmock.h>
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

struct KeptLog final : base::Log {
  void Write(base::Severity severity, std::string_view line) override {
    if (severity == base::Severity::kWarning) warnings.emplace_back(line);
  }
  std::vector<std::string> warnings;
};

// Else it would look as if all were well.
TEST(SenderCheckTest, WhatCouldNotBeCheckedIsToldBeforeTheMailGoesOut) {
  campaign::Campaign campaign;
  campaign.from_address = "a@example.com";
  config::Config config;
  config.dns.servers = {"127.0.0.1:1"};  // Nobody listens there.
  SendingMeans means;
  means.sources.emplace_back().name = "one";
  means.sources.back().address = base::IpAddress::Parse("127.0.0.2");  // What others see of it is not known.
  KeptLog log;
  const config::Shaping shaping;
  EXPECT_TRUE(RequireReady({campaign, config, shaping, means}, Preflight::kWarn, log).ok());
  for (const char* check : {"spf", "dmarc", "replies"})
    EXPECT_THAT(log.warnings, testing::Contains(testing::StartsWith(std::string(check) + ": could not be checked")));
}

}  // namespace
}  // namespace engine
