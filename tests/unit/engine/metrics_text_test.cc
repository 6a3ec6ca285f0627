#include "engine/metrics_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace engine {
namespace {

using ledger::OutcomeKind;
using testing::HasSubstr;
using testing::Not;

ledger::Outcome OutcomeOf(OutcomeKind kind, std::string_view provider, std::string_view classification = "") {
  ledger::Outcome outcome;
  outcome.kind = kind;
  outcome.provider = provider;
  outcome.source = "ip-1";
  outcome.classification = classification;
  return outcome;
}

delivery::ShardMetrics Shard(std::initializer_list<ledger::Outcome> outcomes) {
  delivery::Tally tally;
  for (const ledger::Outcome& outcome : outcomes) tally.Count(tally.EntryOf(outcome));
  return {.outcomes = tally.groups(), .pending = {}};
}

TEST(MetricsText, SumsUpTheShards) {
  ledger::Outcome delivered = OutcomeOf(OutcomeKind::kDelivered, "google");
  delivered.connection_use = 1;
  delivered.timings.connect = 500'000;
  delivered.timings.dot = 20;
  Metrics metrics;
  metrics.shards.push_back(Shard({delivered, OutcomeOf(OutcomeKind::kBounced, "", "InvalidRecipient")}));
  delivered.connection_use = 2;
  metrics.shards.push_back(Shard({delivered, OutcomeOf(OutcomeKind::kHeld, "google", "SpamBlock")}));
  metrics.shards[0].pending["google"] = {.unattempted = 5, .deferred = 4, .held = 3, .in_flight = 2};
  metrics.shards[1].pending["google"] = {.unattempted = 1, .deferred = 0, .held = 0, .in_flight = 0};
  metrics.pending = 20;
  metrics.sessions_open = 7;
  const std::string text = MetricsText(metrics);
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_outcomes_total counter\n"));
  EXPECT_THAT(
      text,
      HasSubstr("\nsluice_outcomes_total{provider=\"google\",source=\"ip-1\",outcome=\"delivered\",class=\"\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{provider=\"google\",source=\"ip-1\",outcome=\"held\",class=\"SpamBlock\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("{provider=\"other\",source=\"ip-1\",outcome=\"bounced\",class=\"InvalidRecipient\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_attempts_total{provider=\"google\",source=\"ip-1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_pending{provider=\"google\",state=\"unattempted\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_pending{provider=\"google\",state=\"held\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_pending{provider=\"unrouted\",state=\"waiting\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_sessions_open 7\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_latency_seconds_sum{provider=\"google\",phase=\"connect\"} 0.500000\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_latency_seconds_count{provider=\"google\",phase=\"connect\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_latency_seconds_count{provider=\"google\",phase=\"dot\"} 2\n"));
}

TEST(MetricsText, NamesAreEscaped) {
  Metrics metrics;
  metrics.shards.push_back(Shard({OutcomeOf(OutcomeKind::kDelivered, "a\"b\\c\nd")}));
  EXPECT_THAT(MetricsText(metrics), HasSubstr("provider=\"a\\\"b\\\\c\\nd\""));
}

TEST(MetricsText, SumsUpTheCampaignsAndTellsThemApart) {
  Metrics a, b, all;
  a.shards.push_back(Shard({OutcomeOf(OutcomeKind::kDelivered, "google"), OutcomeOf(OutcomeKind::kHeld, "google")}));
  b.shards.push_back(Shard({OutcomeOf(OutcomeKind::kDelivered, "google")}));
  a.pending = 3;
  b.pending = 4;
  a.sessions_open = b.sessions_open = 5;
  a.delivered_bytes = 1000;
  all.Add("a", a);
  all.Add("b", b);
  const std::string text = MetricsText(all);
  EXPECT_THAT(text, HasSubstr("outcome=\"delivered\",class=\"\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_pending{provider=\"unrouted\",state=\"waiting\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_sessions_open 10\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_delivered_bytes_total 1000\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_campaign_outcomes_total{campaign=\"a\",outcome=\"held\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_campaign_outcomes_total{campaign=\"b\",outcome=\"delivered\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_campaign_pending{campaign=\"b\"} 4\n"));
}

}  // namespace
}  // namespace engine
