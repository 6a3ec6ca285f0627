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

// A network without a name server of its own, where every check would be open: what needs none is refused all the same.
TEST(SenderCheckTest, L03_MarketingThatNoKeySignsDoesNotBegin) {
  campaign::Campaign campaign;
  campaign.from_address = "a@example.com";
  campaign.list.unsubscribe_url.text = "https://example.com/u/{{token}}";
  config::Config config;
  config.dns.servers = {"127.0.0.1:1"};  // Nobody listens there.
  SendingMeans means;
  means.sources.emplace_back().name = "one";
  means.authorities = "some";  // Else no mail would reach Gmail.
  KeptLog log;
  const config::Shaping shaping;
  const auto look = [&](Preflight preflight, bool is_rehearsal = false) {
    return RequireReady(
        {.campaign = campaign, .config = config, .shaping = shaping, .means = means, .is_rehearsal = is_rehearsal},
        preflight, log);
  };
  const absl::Status refused = look(Preflight::kRequire);
  EXPECT_TRUE(absl::IsAborted(refused));
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("dkim: no key signs mail from example.com"));
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("one_click: "));
  EXPECT_TRUE(look(Preflight::kWarn).ok());
  EXPECT_THAT(log.warnings, testing::Contains(testing::StartsWith("dkim: no key signs")));
  EXPECT_EQ(look(Preflight::kRequire, /*is_rehearsal=*/true), absl::OkStatus());
  log.warnings.clear();
  campaign.kind = campaign::Kind::kTransactional;
  EXPECT_EQ(look(Preflight::kRequire), absl::OkStatus());
  EXPECT_THAT(log.warnings, testing::Contains(testing::StartsWith("dkim: no key signs")));
}

struct Sender {
  campaign::Campaign campaign;
  config::Config config;
  SendingMeans means;
};

// Of transactional mail from one source, where no DNS answers.
Sender OneSource(std::string_view address) {
  Sender sender;
  sender.campaign.from_address = "a@example.com";
  sender.campaign.kind = campaign::Kind::kTransactional;
  sender.config.dns.servers = {"127.0.0.1:1"};
  sender.means.sources.emplace_back().name = "one";
  sender.means.sources.back().address = base::IpAddress::Parse(address);
  sender.means.authorities = "some";  // Else no mail would reach Gmail.
  return sender;
}

// As on any machine behind NAT: nobody is to think that the checks passed.
TEST(SenderCheckTest, A02_AnAddressThatNobodyKnowsIsToldBeforeTheMailGoesOut) {
  auto [campaign, config, means] = OneSource("127.0.0.3");
  KeptLog log;
  const config::Shaping shaping;
  EXPECT_EQ(RequireReady({campaign, config, shaping, means}, Preflight::kRequire, log), absl::OkStatus());
  for (const char* check : {"ptr: reverse DNS could not", "ehlo: "})
    EXPECT_THAT(log.warnings, testing::Contains(testing::AllOf(
                                  testing::StartsWith(check),
                                  testing::HasSubstr("source_address and public_address in [sources.one]"))));
  log.warnings.clear();
  config.sources.emplace_back().name = "one";
  EXPECT_EQ(RequireReady({campaign, config, shaping, means}, Preflight::kRequire, log), absl::OkStatus());
  EXPECT_THAT(log.warnings, testing::Contains(testing::EndsWith("is not known; set public_address in [sources.one]")));
}

TEST(SenderCheckTest, AnAddressThatThisMachineDoesNotHaveIsToldWithItsPlace) {
  auto [campaign, config, means] = OneSource("192.0.2.77");
  means.sources.back().limits.place = "sluice.toml:7";
  KeptLog log;
  const config::Shaping shaping;
  const absl::Status refused = RequireReady({campaign, config, shaping, means}, Preflight::kRequire, log);
  EXPECT_TRUE(absl::IsAborted(refused)) << refused;
  EXPECT_THAT(
      std::string(refused.message()),
      testing::AllOf(testing::HasSubstr("source: sluice.toml:7: source_address 192.0.2.77 of one cannot be used"),
                     testing::HasSubstr("there is no address to send from")));
  EXPECT_TRUE(RequireReady({campaign, config, shaping, means}, Preflight::kWarn, log).ok());
  // With another one that works it is a warning.
  means.sources.emplace_back().name = "two";
  means.sources.back().address = base::IpAddress::Parse("127.0.0.2");
  log.warnings.clear();
  EXPECT_TRUE(RequireReady({campaign, config, shaping, means}, Preflight::kRequire, log).ok());
  EXPECT_THAT(log.warnings, testing::Contains(testing::HasSubstr("of one cannot be used")));
}

}  // namespace
}  // namespace engine
