// What the benchmark makes of its figures: whether both sides agree, what the limit was, who gets which core, and what
// a comparison says.
#include "tools/bench/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/bench/measurement.h"
#include "tools/bench/processor.h"

namespace bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Settings SettingsOf(std::string_view scenario) {
  Settings settings;
  settings.scenario = *ParseScenario(scenario);
  return settings;
}

// 1,000 messages in half a second; of those that the sink looked at, ten, all is right.
Measurement Measured() {
  Measurement measurement;
  measurement.messages = 1'000;
  measurement.bytes = 10'000'000;
  measurement.seconds = 0.5;
  measurement.sender = {0.02, 0.03};
  measurement.sink_cpu_s = 0.1;
  measurement.sink_measured_per_s = 4'000;
  measurement.sink_measured_cpu_share = 0.97;
  measurement.recipients = measurement.delivered = measurement.recorded = 1'000;
  measurement.delivered_bytes = 10'000'000;
  measurement.prepare_seconds = 0.01;
  return measurement;
}
nlohmann::json Totals() {
  return {{"messages", 1'000},
          {"bytes", 10'000'000},
          {"connections", 8},
          {"handshakes", 8},
          {"resumed", 0},
          {"violations", 0},
          {"violation_kinds", nlohmann::json::array()},
          {"checked",
           {{"messages", 10},
            {"encrypted", 10},
            {"valid", 10},
            {"invalid", 0},
            {"reason", ""},
            {"tokens_own", 10},
            {"tokens_foreign", 0}}}};
}

struct Disagreement {
  const char* name;
  std::function<void(Measurement&, nlohmann::json&)> edit;
  const char* complaint;
};

TEST(Reconcile, WhereSenderSinkAndLedgerAgreeThereIsNothingToSay) {
  EXPECT_TRUE(Reconcile(SettingsOf("tls,rsa"), Measured(), Totals().dump()).ok());
  nlohmann::json plain = Totals();
  plain["checked"]["encrypted"] = plain["checked"]["valid"] = 0;
  EXPECT_TRUE(Reconcile(SettingsOf("plain,unsigned"), Measured(), plain.dump()).ok());
  Measurement unrecorded = Measured();
  unrecorded.recorded = 0;
  EXPECT_TRUE(Reconcile(SettingsOf("tls,rsa,ledger=off"), unrecorded, Totals().dump()).ok());
}

TEST(Reconcile, EachDisagreementIsSaid) {
  const Disagreement cases[] = {
      {"lost", [](Measurement&, nlohmann::json& sink) { sink["messages"] = 999; }, "the sink accepted 999 messages"},
      {"doubled", [](Measurement&, nlohmann::json& sink) { sink["messages"] = 1'001; },
       "the sink accepted 1001 messages"},
      {"unrecorded", [](Measurement& sender, nlohmann::json&) { sender.recorded = 998; },
       "the ledger has 998 deliveries"},
      {"cut", [](Measurement&, nlohmann::json& sink) { sink["bytes"] = 9'999'999; }, "the sink accepted 9999999 bytes"},
      {"protocol",
       [](Measurement&, nlohmann::json& sink) {
         sink["violations"] = 1;
         sink["violation_kinds"] = {"MAIL within a transaction"};
       },
       "1 violations of SMTP: [\"MAIL within a transaction\"]"},
      {"signed late", [](Measurement& sender, nlohmann::json&) { sender.signed_while_sending = 2; },
       "2 messages were not sealed"},
      {"in clear", [](Measurement&, nlohmann::json& sink) { sink["checked"]["encrypted"] = 9; }, "9 of 10 messages"},
      {"unsigned", [](Measurement&, nlohmann::json& sink) { sink["checked"]["valid"] = 9; },
       "9 have a valid signature"},
      {"forged",
       [](Measurement&, nlohmann::json& sink) {
         sink["checked"]["invalid"] = 1;
         sink["checked"]["reason"] = "body hash";
       },
       "body hash"},
      {"foreign", [](Measurement&, nlohmann::json& sink) { sink["checked"]["tokens_foreign"] = 1; },
       "their recipient's token"},
      {"without", [](Measurement&, nlohmann::json& sink) { sink["checked"]["tokens_own"] = 9; },
       "their recipient's token"},
  };
  for (const Disagreement& each : cases) {
    Measurement measurement = Measured();
    nlohmann::json totals = Totals();
    each.edit(measurement, totals);
    const absl::Status status = Reconcile(SettingsOf("tls,rsa"), measurement, totals.dump());
    ASSERT_FALSE(status.ok()) << each.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(each.complaint)) << each.name;
    EXPECT_EQ(std::string(status.message()).find('\n'), std::string::npos) << each.name << ": nothing else is wrong";
  }
  EXPECT_FALSE(Reconcile(SettingsOf("tls,rsa"), Measured(), "").ok()) << "the sink has left nothing";
  EXPECT_FALSE(Reconcile(SettingsOf("tls,unsigned"), Measured(), Totals().dump()).ok()) << "signatures from nowhere";
}

TEST(Reconcile, OfSomebodyElsesServerTheLedgerMustAgree) {
  Settings settings = SettingsOf("plain,unsigned");
  settings.target.emplace();
  EXPECT_TRUE(Reconcile(settings, Measured(), "{}").ok());
  Measurement measurement = Measured();
  measurement.recorded = 1;
  EXPECT_FALSE(Reconcile(settings, measurement, "{}").ok());
}

TEST(SinkBound, ItIsTheLimitWhereItsCoreIsBusyOrItTookAsManyOfAFlood) {
  EXPECT_FALSE(IsSinkBound(Measured())) << "2,000 of 4,000 in a second, a fifth of the core";
  Measurement busy = Measured();
  busy.sink_cpu_s = 0.9 * busy.seconds;
  EXPECT_TRUE(IsSinkBound(busy));
  Measurement flooded = Measured();
  flooded.sink_measured_per_s = 2'000 / 0.91;
  EXPECT_TRUE(IsSinkBound(flooded)) << "more than nine tenths";
  flooded.sink_measured_cpu_share = 0.79;
  EXPECT_FALSE(IsSinkBound(flooded)) << "it could have taken more";
  flooded.sink_measured_cpu_share = 0.97;
  flooded.sink_measured_per_s = 2'000 / 0.89;
  EXPECT_FALSE(IsSinkBound(flooded));
}

TEST(PlanCores, TheSinkHasTheLastCoreAndTheSenderAsManyAsItHasShards) {
  EXPECT_THAT(PlanCores({3}, 1).sender, IsEmpty());
  EXPECT_THAT(PlanCores({3}, 1).sink, IsEmpty());
  for (const std::uint32_t shards : {0u, 1u, 2u})
    EXPECT_THAT(PlanCores({0, 5}, shards).sender, ElementsAre(0)) << shards;
  EXPECT_THAT(PlanCores({0, 5}, 2).sink, ElementsAre(5));
  EXPECT_THAT(PlanCores({0, 2, 4, 6}, 2).sender, ElementsAre(0, 2));
  EXPECT_THAT(PlanCores({0, 2, 4, 6}, 2).sink, ElementsAre(6));
  EXPECT_THAT(PlanCores({0, 2, 4, 6}, 9).sender, ElementsAre(0, 2, 4));
}

// A run in which each of 1,000 messages took so many microseconds, and all took so long.
Result RunOf(std::string_view scenario, double cpu_us, double seconds) {
  Result result;
  result.settings = SettingsOf(scenario);
  result.measurement = Measured();
  result.measurement.sender = {cpu_us / 1e3, 0};
  result.measurement.seconds = seconds;
  result.sink_totals = Totals().dump();
  return result;
}

TEST(Compare, RatiosAreOfMediansAndOfTheLeastCpuTime) {
  const std::vector<Result> a = {RunOf("tls,rsa", 100, 1), RunOf("tls,rsa", 80, 2), RunOf("tls,rsa", 300, 4)};
  std::vector<Result> b = {RunOf("tls,unsigned", 50, 0.5), RunOf("tls,unsigned", 20, 0.8),
                           RunOf("tls,unsigned", 40, 1)};
  const nlohmann::ordered_json json = CompareJson(a, b);
  EXPECT_EQ(json["rounds"], 3);
  EXPECT_DOUBLE_EQ(json["a"]["messages_per_s"]["median"], 500);
  EXPECT_DOUBLE_EQ(json["a"]["messages_per_s"]["max"], 1'000);
  EXPECT_DOUBLE_EQ(json["b"]["messages_per_s"]["median"], 1'250);
  EXPECT_DOUBLE_EQ(json["ratio"]["messages_per_s"], 0.4);
  EXPECT_DOUBLE_EQ(json["a"]["cpu_us_per_message"]["median"], 100);
  EXPECT_DOUBLE_EQ(json["a"]["cpu_us_per_message"]["min"], 80);
  EXPECT_DOUBLE_EQ(json["ratio"]["cpu_us_per_message"], 2.5);
  EXPECT_DOUBLE_EQ(json["ratio"]["cpu_us_per_message_of_minima"], 4);
  EXPECT_EQ(json["a"]["sink_bound"], false);
  EXPECT_EQ(json["b"]["runs"].size(), 3U);
  EXPECT_DOUBLE_EQ(json["a"]["runs"][0]["sink_measured_per_s"], 4'000);
  b[1].measurement.sink_cpu_s = 0.8;
  EXPECT_EQ(CompareJson(a, b)["b"]["sink_bound"], true) << "one run of it is enough";
  EXPECT_THAT(CompareText(a, b), HasSubstr("the sink was the limit"));
}

}  // namespace
}  // namespace bench
