// Providers that come with files that are read again, and those that overlap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

constexpr char kNoProvider[] = "[\"default\"]\nconnection_limit = 5\n";

// Domains with a mail exchanger each, on several shards. It takes 50 ms for a message.
struct Sites {
  static constexpr int kDomains = 8;
  explicit Sites(const std::string& shaping) : scenario({.addresses = Addresses(), .shaping = shaping, .shards = 3}) {
    for (int domain = 0; domain < kDomains; ++domain) {
      Receiver& receiver = scenario.Serve(absl::StrFormat("d%d.big.example", domain));
      receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(50)}));
      receiver.At(Point::kGreeting, [this](const Question&) -> std::optional<Answer> {
        most_open = std::max(most_open, Open());
        return std::nullopt;
      });
      receivers.push_back(&receiver);
    }
  }
  static std::vector<std::string> Addresses() {
    std::vector<std::string> addresses;
    for (int domain = 0; domain < kDomains; ++domain) {
      for (const std::string& address : Many(400, absl::StrFormat("d%d.big.example", domain)))
        addresses.push_back(address);
    }
    return addresses;
  }
  std::uint32_t Open() const {
    std::uint32_t open = 0;
    for (const Receiver* one : receivers) open += one->open();
    return open;
  }
  std::size_t Accepted() const {
    std::size_t accepted = 0;
    for (const Receiver* one : receivers) accepted += one->accepted().size();
    return accepted;
  }

  Scenario scenario;
  std::vector<Receiver*> receivers;
  std::uint32_t most_open = 0;
};

TEST(Providers, ThatComeWithTheFilesHoldAndPauseSitesThatAreThere) {
  Sites sites(kNoProvider);
  sites.scenario.RunFor(Duration::Seconds(2));
  EXPECT_GT(sites.most_open, 20u);
  std::vector<std::string> warnings;
  const std::string text = std::string(kNoProvider) +
                           "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\n"
                           "provider_connection_limit = 4\n";
  sites.scenario.process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings)));
  sites.scenario.RunFor(Duration::Seconds(2));
  EXPECT_LE(sites.Open(), 4u);
  EXPECT_GT(sites.Open(), 0u);
  sites.scenario.process().Pause(
      {.by = "operator", .reason = "ask first", .sample = "", .scope = {.provider = "big", .source = ""}});
  sites.scenario.RunFor(Duration::Seconds(2));  // What is in flight ends.
  const std::size_t accepted = sites.Accepted();
  sites.scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(sites.Accepted(), accepted);
}

// As the files say now, whatever they said when it was paused.
TEST(Providers, WhoIsOfAnotherOneIsNoLongerHeldByThePauseOfTheFirst) {
  const auto with = [](std::string_view provider) {
    return std::string(kNoProvider) +
           absl::StrFormat("[provider.\"%s\"]\nmatch = [{MXSuffix = \".big.example\"}]\n", provider);
  };
  const auto change = [](Sites& sites, const std::string& text) {
    std::vector<std::string> warnings;
    sites.scenario.process().ChangeShaping(
        std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings)));
    sites.scenario.RunFor(Duration::Seconds(2));
  };
  Sites sites(with("big"));
  sites.scenario.RunFor(Duration::Seconds(1));
  sites.scenario.process().Pause(
      {.by = "operator", .reason = "ask first", .sample = "", .scope = {.provider = "big", .source = ""}});
  // While there is nothing else, and so before the campaign pauses.
  sites.scenario.RunFor(Duration::Milliseconds(500));
  const std::size_t accepted = sites.Accepted();
  EXPECT_LT(accepted, Sites::Addresses().size());
  change(sites, with("other name"));
  EXPECT_GT(sites.Accepted(), accepted + 100);
  change(sites, with("big"));
  const std::size_t before = sites.Accepted();
  EXPECT_LT(before, Sites::Addresses().size());
  EXPECT_FALSE(sites.scenario.Finish()) << "it is paused again";
  EXPECT_LT(sites.Accepted(), before + 100) << "what was in flight";
}

// The limit of each holds for its sites: those that belong to both count for both.
TEST(Providers, ThatOverlapKeepTheLimitOfEach) {
  Sites sites(std::string(kNoProvider) +
              "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\nprovider_connection_limit = 5\n"
              "[provider.\"part\"]\nmatch = [{MXSuffix = \".d0.big.example\"}, {MXSuffix = \".d1.big.example\"}, "
              "{MXSuffix = \".d2.big.example\"}]\nprovider_connection_limit = 3\n");
  sites.scenario.RunFor(Duration::Seconds(20));
  EXPECT_EQ(sites.most_open, 5u);
}

}  // namespace
}  // namespace sim
