#include "tools/bench/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace bench {
namespace {

using testing::HasSubstr;

Scenario Parsed(std::string_view list) {
  const absl::StatusOr<Scenario> scenario = ParseScenario(list);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return scenario.value_or(Scenario());
}

TEST(ScenarioTest, WhatAListLeavesOutIsTheDefault) {
  const Scenario scenario = Parsed("plain");
  EXPECT_FALSE(scenario.tls);
  EXPECT_EQ(scenario.signing, Signing::kRsa);
  EXPECT_EQ(scenario.rtt, base::Duration());
  EXPECT_EQ(scenario.sites, 0u);
  EXPECT_TRUE(scenario.ledger);
  EXPECT_EQ(scenario.shards, 1u);
  EXPECT_EQ(scenario.text, "plain");
}

TEST(ScenarioTest, EveryWordCounts) {
  const Scenario scenario = Parsed("tls, ed25519,rtt=50ms,sites=1000,ledger=off,shards=2");
  EXPECT_TRUE(scenario.tls);
  EXPECT_EQ(scenario.signing, Signing::kEd25519);
  EXPECT_EQ(scenario.rtt, base::Duration::Milliseconds(50));
  EXPECT_EQ(scenario.sites, 1000u);
  EXPECT_FALSE(scenario.ledger);
  EXPECT_EQ(scenario.shards, 2u);
}

TEST(ScenarioTest, OnlySomeSigningsMakeASignatureForEachMessage) {
  EXPECT_FALSE(Parsed("unsigned").makes_signatures());
  EXPECT_FALSE(Parsed("shared").makes_signatures());
  EXPECT_TRUE(Parsed("rsa").makes_signatures());
  EXPECT_TRUE(Parsed("ed25519").makes_signatures());
  EXPECT_FALSE(Parsed("sealed").makes_signatures());
  EXPECT_TRUE(Parsed("sealed").has_key());
  EXPECT_FALSE(Parsed("shared").has_key());
}

TEST(ScenarioTest, SaysWhatIsWrongWithAWord) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "an empty word"},
      {"tls,", "an empty word"},
      {"tls,,rsa", "an empty word"},
      {"tsl", "\"tsl\": not a word of a scenario"},
      {"TLS", "not a word of a scenario"},
      {"rsa=1", "not a word of a scenario"},
      {"sealed,rsa", "the scenario says \"sealed\" already"},
      {"plain,tls", "\"tls\": the scenario says \"plain\" already"},
      {"rsa,rsa", "the scenario says \"rsa\" already"},
      {"rsa,unsigned", "the scenario says \"rsa\" already"},
      {"rtt=5ms,rtt=6ms", "the scenario says \"rtt=5ms\" already"},
      {"rtt", "write a duration"},
      {"rtt=50", "write a duration"},
      {"rtt=11s", "write a duration up to 10 s"},
      {"sites=0", "a number from 1 to 200000"},
      {"sites=-1", "a number from 1 to 200000"},
      {"sites=1000000", "a number from 1 to 200000"},
      {"shards=65", "a number from 1 to 64"},
      {"ledger=no", "write ledger=off"},
      {"ledger=off,ledger=on", "the scenario says \"ledger=off\" already"},
  };
  for (const auto& [list, what] : cases) {
    const absl::StatusOr<Scenario> scenario = ParseScenario(list);
    ASSERT_FALSE(scenario.ok()) << list;
    EXPECT_THAT(std::string(scenario.status().message()), HasSubstr(what)) << list;
    EXPECT_EQ(scenario.status().message().find('\n'), std::string::npos) << list;
  }
}

TEST(BodySizeTest, TakesThousandsAndMillions) {
  EXPECT_EQ(ParseBodySize("10k").value_or(0), 10'000u);
  EXPECT_EQ(ParseBodySize("2M").value_or(0), 2'000'000u);
  EXPECT_EQ(ParseBodySize("512").value_or(0), 512u);
  for (const char* wrong : {"", "k", "0", "10kb", "-1", "21m", "99999999999999999999", "1.5k"}) {
    EXPECT_FALSE(ParseBodySize(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace bench
