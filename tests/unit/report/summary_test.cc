#include "engine/report/summary.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/base/prng.h"
#include "nlohmann/json.hpp"
#include "tests/unit/report/records.h"

namespace report {
namespace {

using ledger::CampaignStateKind;
using ledger::OutcomeKind;
using nlohmann::json;
using testing::At;
using testing::AttemptOf;
using testing::OutcomeOf;
using testing::StateOf;

class SummaryTest : public ::testing::Test {
 protected:
  SummaryTest() {
    manifest.campaign = "weekly-48";
    manifest.rows = 16;
    manifest.invalid = 3;
    manifest.duplicate = 2;
    manifest.suppressed = 1;
    manifest.recipients = 10;
  }
  // An attempt with its outcome.
  void Try(ledger::RecipientId id, OutcomeKind kind, std::uint16_t number = 1) {
    summary.Add(AttemptOf(id, number));
    summary.Add(OutcomeOf(id, kind, number));
  }
  json Json(bool running = false) { return json::parse(summary.ToJson(running, At(1000))); }

  roster::Manifest manifest;
  std::string memory = std::string(ledger::StateTable::Bytes(10), '\0');
  Summary summary{manifest, ledger::StateTable(memory.data(), 10)};
};

void ExpectSums(const json& report) {
  const json& totals = report["totals"];
  const auto number = [&totals](const char* name) { return totals[name].get<std::uint64_t>(); };
  EXPECT_EQ(number("rows"), number("invalid") + number("duplicate") + number("suppressed") + number("recipients"));
  EXPECT_EQ(number("recipients"), number("delivered") + number("bounced") + number("expired") + number("withdrawn") +
                                      number("cancelled") + number("in_doubt") + number("pending"));
  std::uint64_t pending = 0;
  for (const auto& [name, count] : report["pending"].items()) pending += count.get<std::uint64_t>();
  EXPECT_EQ(number("pending"), pending);
}

TEST_F(SummaryTest, SaysTheNameWhereThereIsOne) {
  EXPECT_FALSE(Json().contains("name"));
  EXPECT_EQ(summary.ToText(false, At(10)).find("weekly-48: prepared\n"), 0U);
  manifest.campaign_name = "Weekly digest";
  EXPECT_EQ(Json()["name"], "Weekly digest");
  EXPECT_EQ(summary.ToText(false, At(10)).find("weekly-48: prepared\n  Weekly digest\n"), 0U);
}

TEST_F(SummaryTest, OfACampaignThatWasOnlyPrepared) {
  const json report = Json();
  EXPECT_EQ(report["format"], 1);
  EXPECT_EQ(report["campaign"], "weekly-48");
  EXPECT_EQ(report["state"], "prepared");
  EXPECT_EQ(report["totals"]["pending"], 10);
  EXPECT_EQ(report["pending"], json::parse(R"({"unattempted":10,"deferred":0,"held":0})"));
  EXPECT_TRUE(report["started_at"].is_null());
  EXPECT_TRUE(report["finished_at"].is_null());
  EXPECT_EQ(report["elapsed_s"], 0.0);
  EXPECT_EQ(report["latency_us"]["connect"]["p99"], 0);
  ExpectSums(report);
}

TEST_F(SummaryTest, CountsEveryRecipientInExactlyOneState) {
  summary.Add(StateOf(CampaignStateKind::kRunning));
  Try(0, OutcomeKind::kDelivered);
  Try(1, OutcomeKind::kBounced);
  Try(2, OutcomeKind::kInDoubt);
  Try(3, OutcomeKind::kDeferred);
  Try(4, OutcomeKind::kHeld);
  Try(5, OutcomeKind::kDeferred);
  summary.Add(OutcomeOf(5, OutcomeKind::kExpired));
  summary.Add(OutcomeOf(6, OutcomeKind::kWithdrawn));
  summary.Add(OutcomeOf(7, OutcomeKind::kCancelled));
  Try(8, OutcomeKind::kInDoubt);
  summary.Add(OutcomeOf(8, OutcomeKind::kResend));
  const json report = Json();
  EXPECT_EQ(report["totals"],
            json::parse(R"({"rows":16,"invalid":3,"duplicate":2,"suppressed":1,"recipients":10,"delivered":1,
    "bounced":1,"expired":1,"withdrawn":1,"cancelled":1,"in_doubt":1,"pending":4})"));
  EXPECT_EQ(report["pending"], json::parse(R"({"unattempted":1,"deferred":2,"held":1})"));
  EXPECT_EQ(report["attempts"], json::parse(R"({"total":6,"deferred":2})")) << "held is no attempt";
  EXPECT_EQ(report["state"], "interrupted");
  ExpectSums(report);
}

// The sums hold after every record of every history.
TEST_F(SummaryTest, AddsUpWhateverHappens) {
  base::Prng prng(3);
  const OutcomeKind kinds[] = {OutcomeKind::kDelivered, OutcomeKind::kDeferred, OutcomeKind::kBounced,
                               OutcomeKind::kHeld,      OutcomeKind::kInDoubt,  OutcomeKind::kExpired,
                               OutcomeKind::kCancelled};
  summary.Add(StateOf(CampaignStateKind::kRunning));
  std::vector<std::uint16_t> attempts(10, 0);
  for (int step = 0; step < 500; ++step) {
    const auto id = static_cast<ledger::RecipientId>(prng.Below(10));
    const OutcomeKind kind = kinds[prng.Below(7)];
    Try(id, kind, static_cast<std::uint16_t>(attempts[id] + 1));
    if (kind != OutcomeKind::kHeld) ++attempts[id];
    const json report = Json();
    ExpectSums(report);
    if (HasFailure()) return;
  }
}

TEST_F(SummaryTest, SaysHowLongItTookAndHowFastItWas) {
  summary.Add(StateOf(CampaignStateKind::kRunning, 0));
  for (ledger::RecipientId id = 0; id < 10; ++id) {
    summary.Add(AttemptOf(id));
    ledger::Outcome outcome = OutcomeOf(id, OutcomeKind::kDelivered);
    outcome.time = At(id < 7 ? 3 : 20);  // Seven within one second.
    summary.Add(outcome);
  }
  const json report = Json();
  EXPECT_EQ(report["state"], "finished");
  EXPECT_EQ(report["started_at"], "2026-11-24T09:00:00Z");
  EXPECT_EQ(report["finished_at"], "2026-11-24T09:00:20Z");
  EXPECT_EQ(report["elapsed_s"], 20.0);
  EXPECT_EQ(report["messages_per_s"], 0.5);
  EXPECT_EQ(report["peak_messages_per_s"], 7);
  EXPECT_EQ(report["bytes"], 12'340);
  EXPECT_EQ(report["latency_us"]["dot"]["p50"], 9);
}

TEST_F(SummaryTest, SaysWhetherItRuns) {
  summary.Add(StateOf(CampaignStateKind::kRunning, 0));
  EXPECT_EQ(Json(true)["state"], "running");
  EXPECT_EQ(Json(true)["elapsed_s"], 1000.0);
  EXPECT_EQ(Json(false)["state"], "interrupted");
}

TEST_F(SummaryTest, SaysWhyItIsPausedAndNotOnceItIsResumed) {
  summary.Add(StateOf(CampaignStateKind::kRunning, 0));
  ledger::CampaignState paused = StateOf(CampaignStateKind::kPaused, 5);
  paused.by = "auth";
  paused.reason = "SPF fails";
  paused.sample = "550 5.7.26";
  summary.Add(paused);
  EXPECT_EQ(Json()["state"], "paused");
  EXPECT_EQ(Json()["paused"],
            json::parse(R"([{"scope":"campaign","by":"auth","reason":"SPF fails","since":"2026-11-24T09:00:05Z",
    "sample_replies":["550 5.7.26"]}])"));
  EXPECT_NE(summary.ToText(false, At(10)).find("sluice resume weekly-48"), std::string::npos);
  summary.Add(StateOf(CampaignStateKind::kResumed, 6));
  EXPECT_TRUE(Json()["paused"].empty());
  EXPECT_EQ(Json()["state"], "interrupted");
}

TEST_F(SummaryTest, ShowsSuspensionsThatLast) {
  summary.Add(StateOf(CampaignStateKind::kRunning, 0));
  ledger::SiteState site{.time = At(0),
                         .site = "mx.example",
                         .source = "ip-1",
                         .until = At(3600),
                         .reason = "SpamBlock",
                         .sample = "550 no"};
  summary.Add(site);
  EXPECT_EQ(Json()["suspended"], json::parse(R"([{"site":"mx.example","source":"ip-1","since":"2026-11-24T09:00:00Z",
    "until":"2026-11-24T10:00:00Z","reason":"SpamBlock","sample_replies":["550 no"]}])"));
  EXPECT_NE(summary.ToText(false, At(10)).find("SpamBlock"), std::string::npos);
  EXPECT_TRUE(json::parse(summary.ToJson(false, At(3601)))["suspended"].empty()) << "it is over";
}

TEST_F(SummaryTest, GroupsByProviderSiteSourceClassAndWords) {
  Try(0, OutcomeKind::kDelivered);
  ledger::Outcome bounce = OutcomeOf(1, OutcomeKind::kBounced);
  bounce.reply_code = 550;
  bounce.enhanced[0] = 5;
  bounce.enhanced[1] = bounce.enhanced[2] = 1;
  bounce.reply_text = "user <x1@one.example> unknown, id 123";
  bounce.classification = "InvalidRecipient";
  summary.Add(AttemptOf(1));
  summary.Add(bounce);
  bounce.recipient = 2;
  bounce.reply_text = "user <x2@one.example> unknown, id 456";
  bounce.provider = "";
  bounce.source = "ip-2";
  bounce.tls_protocol = "";
  bounce.throttled_by = "";
  summary.Add(AttemptOf(2));
  summary.Add(bounce);
  Try(3, OutcomeKind::kDeferred);
  const json report = Json();
  EXPECT_EQ(report["providers"], json::parse(R"([
    {"provider":"one","recipients":2,"delivered":1,"bounced":1,"deferred_attempts":1,"tls":1,"limited_by":"max_message_rate"},
    {"provider":"other","recipients":1,"delivered":0,"bounced":1,"deferred_attempts":0,"tls":0}])"));
  ASSERT_EQ(report["sites"].size(), 1u);
  EXPECT_EQ(report["sites"][0]["site"], "(mx1|mx2).one.example");
  EXPECT_EQ(report["sites"][0]["bounced"], 2);
  ASSERT_EQ(report["sources"].size(), 2u);
  EXPECT_EQ(report["sources"][1]["source"], "ip-2");
  EXPECT_EQ(report["bounces"], json::parse(R"([{"class":"InvalidRecipient","count":2}])"));
  json words;
  for (const json& response : report["responses"]) {
    if (response["code"] == 550) words.push_back(response);
  }
  EXPECT_EQ(
      words,
      json::parse(R"([{"template":"user <#> unknown, id #","code":550,"enhanced":"5.1.1","provider":"one","count":2,
    "example":"user <x1@one.example> unknown, id 123"}])"));
}

TEST_F(SummaryTest, IsBoundedInMemory) {
  for (int i = 0; i < 30'000; ++i) {
    ledger::Outcome outcome = OutcomeOf(static_cast<ledger::RecipientId>(i % 10), OutcomeKind::kDeferred);
    std::string letters;
    for (int n = i; n > 0; n /= 26) letters += static_cast<char>('a' + n % 26);
    const std::string site = "mx" + std::to_string(i), text = "words that differ: " + letters;
    outcome.site = site;
    outcome.reply_text = text;
    summary.Add(outcome);
  }
  const json report = Json();
  EXPECT_LE(report["sites"].size(), 10'001u);
  EXPECT_LE(report["responses"].size(), 1'001u);
  std::uint64_t counted = 0;
  for (const json& response : report["responses"]) counted += response["count"].get<std::uint64_t>();
  EXPECT_EQ(counted, 30'000u) << "the rest is under other";
}

TEST_F(SummaryTest, TellsAPersonTheSame) {
  summary.Add(StateOf(CampaignStateKind::kRunning, 0));
  Try(0, OutcomeKind::kDelivered);
  Try(1, OutcomeKind::kInDoubt);
  const std::string text = summary.ToText(false, At(10));
  for (const char* line :
       {"weekly-48: interrupted", "rows                16", "delivered            1", "pending              8",
        "8 never tried, 0 deferred, 0 held", "sluice remainder weekly-48 --which in_doubt"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
}

TEST(ResponseTemplate, LeavesOutWhatDiffersFromMessageToMessage) {
  EXPECT_EQ(ResponseTemplate("try again in 300 seconds"), "try again in # seconds");
  EXPECT_EQ(ResponseTemplate("<a@b.example>: no such user"), "<#>: no such user");
  EXPECT_EQ(ResponseTemplate(""), "");
  EXPECT_LE(ResponseTemplate(std::string(1000, 'x') + " " + std::string(1000, 'y')).size(), 160u);
}

}  // namespace
}  // namespace report
