#include "engine/report/events.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/sim/campaign.h"
#include "tests/sim/crash_disk.h"
#include "tests/unit/report/records.h"

namespace report {
namespace {

using ledger::OutcomeKind;
using nlohmann::json;
using testing::At;
using testing::AttemptOf;
using testing::OutcomeOf;
using testing::StateOf;

roster::Manifest ManifestOf() {
  roster::Manifest manifest;
  manifest.campaign = "weekly-48";
  manifest.prepared_at = At(-60);
  manifest.meta = {"name"};
  manifest.campaign_meta = {{"tenant", "acme"}, {"edition", "48"}};
  return manifest;
}

class EventsTest : public ::testing::Test {
 protected:
  EventContext Context() {
    return {.node_id = "node-1",
            .token = [](std::uint64_t row) { return "t" + std::to_string(row); },
            .message = &campaign.message()};
  }
  json Of(const ledger::Record& record, std::uint64_t seq = 77) { return json::parse(events.Render(record, seq)); }

  sim::CrashDisk disk;
  sim::Campaign campaign{disk, "/state", {.addresses = {"a@one.example", "B@two.example"}, .manifest = ManifestOf()}};
  EventRenderer events{campaign.roster(), Context()};
};

TEST_F(EventsTest, SayAllThatADeliveryHas) {
  const ledger::RecipientId id = campaign.IdOf("B@two.example");
  const json event = Of(OutcomeOf(id, OutcomeKind::kDelivered, 3));
  json expected = json::parse(R"json({
    "seq": 77, "type": "Delivery", "id": "t2", "campaign": "weekly-48", "row": 2, "key": "B@two.example", "revision": 1,
    "sender": "bounce+t2@example.com", "recipient": "B@two.example", "queue": "weekly-48:acme@two.example",
    "site": "ip-1->(mx1|mx2).one.example", "site_name": "(mx1|mx2).one.example", "provider_name": "one",
    "peer_address": {"name": "mx1.one.example", "addr": "198.51.100.1"}, "source_address": {"address": "192.0.2.10"},
    "egress_source": "ip-1", "egress_pool": "main",
    "response": {"code": 250, "enhanced_code": {"class": 2, "subject": 0, "detail": 0}, "content": "queued as 4Z7", "command": "BDAT"},
    "timestamp": 1795510803, "event_time": "2026-11-24T09:00:03.000250Z",
    "created": 1795510740, "created_time": "2026-11-24T08:59:00.000000Z",
    "num_attempts": 3, "bounce_classification": "Uncategorized", "delivery_protocol": "ESMTP", "nodeid": "node-1", "size": 1234,
    "tls_protocol_version": "TLSv1.3", "tls_cipher": "TLS_AES_256_GCM_SHA384", "tls_resumed": true,
    "session_id": "abc", "conn_use": 2,
    "timing_us": {"queue": 1, "dns": 2, "connect": 3, "banner": 4, "tls": 5, "mail": 6, "rcpt": 7, "data": 8, "dot": 9},
    "throttled_by": "max_message_rate", "meta": {"tenant": "acme", "edition": "48", "name": "Somebody"}})json");
  expected["event_id"] = EventRenderer::EventId("weekly-48", 2, 3, "Delivery");
  EXPECT_EQ(event, expected) << event.dump(1);
}

TEST_F(EventsTest, HaveKumoMtasTypes) {
  const std::pair<OutcomeKind, const char*> types[] = {
      {OutcomeKind::kDelivered, "Delivery"},    {OutcomeKind::kDeferred, "TransientFailure"},
      {OutcomeKind::kHeld, "TransientFailure"}, {OutcomeKind::kBounced, "Bounce"},
      {OutcomeKind::kExpired, "Expiration"},    {OutcomeKind::kCancelled, "AdminBounce"},
      {OutcomeKind::kWithdrawn, "Withdrawn"},   {OutcomeKind::kInDoubt, "InDoubt"}};
  for (const auto& [kind, type] : types) {
    EXPECT_EQ(EventRenderer::TypeOf(ledger::Record(OutcomeOf(0, kind))), type);
    EXPECT_EQ(Of(OutcomeOf(0, kind))["type"], type);
  }
  EXPECT_EQ(EventRenderer::TypeOf(ledger::Record(AttemptOf(0))), "") << "that it begins is no event";
  EXPECT_EQ(EventRenderer::TypeOf(ledger::Record(OutcomeOf(0, OutcomeKind::kResend))), "");
  EXPECT_EQ(Of(OutcomeOf(0, OutcomeKind::kHeld))["held"], true);
  EXPECT_FALSE(Of(OutcomeOf(0, OutcomeKind::kDeferred)).contains("held"));
}

TEST_F(EventsTest, LeaveOutWhatThereWasNot) {
  ledger::Outcome outcome;
  outcome.recipient = 0;
  outcome.kind = OutcomeKind::kBounced;
  outcome.classification = "BadDomain";
  outcome.reply_text = "the domain does not exist";
  outcome.command = "dns";
  const json event = Of(outcome);
  for (const char* absent :
       {"site", "site_name", "provider_name", "peer_address", "source_address", "egress_source", "egress_pool",
        "tls_protocol_version", "tls_cipher", "tls_resumed", "session_id", "conn_use", "timing_us", "throttled_by"})
    EXPECT_FALSE(event.contains(absent)) << absent;
  EXPECT_TRUE(event["response"]["enhanced_code"].is_null());
  EXPECT_EQ(event["response"]["code"], 0);
  EXPECT_EQ(event["bounce_classification"], "BadDomain");
}

TEST_F(EventsTest, TellTheStateOfTheCampaign) {
  ledger::CampaignState state = StateOf(ledger::CampaignStateKind::kPaused, 5);
  state.by = "auth";
  state.reason = "SPF fails";
  state.sample = "550 5.7.26";
  json expected = json::parse(R"json({
    "seq": 77, "campaign": "weekly-48", "nodeid": "node-1", "type": "CampaignState", "state": "paused", "scope": "campaign",
    "by": "auth", "reason": "SPF fails", "sample": "550 5.7.26", "timestamp": 1795510805,
    "event_time": "2026-11-24T09:00:05.000000Z"})json");
  expected["event_id"] = EventRenderer::EventId("weekly-48", 0, 77, "CampaignState");
  EXPECT_EQ(Of(state), expected);
  using Kind = ledger::CampaignStateKind;
  const std::pair<Kind, const char*> names[] = {{Kind::kPrepared, "prepared"},       {Kind::kScheduled, "scheduled"},
                                                {Kind::kRunning, "running"},         {Kind::kCancelled, "cancelled"},
                                                {Kind::kInterrupted, "interrupted"}, {Kind::kFinished, "finished"},
                                                {Kind::kResumed, "resumed"}};
  for (const auto& [kind, name] : names) EXPECT_EQ(Of(StateOf(kind))["state"], name);
}

TEST_F(EventsTest, TellTheStateOfASite) {
  ledger::SiteState state{.time = At(0),
                          .site = "mx.example",
                          .source = "ip-1",
                          .until = At(3600),
                          .reason = "SpamBlock",
                          .sample = "550 no"};
  json expected = json::parse(R"json({
    "seq": 77, "campaign": "weekly-48", "nodeid": "node-1", "type": "SiteState", "state": "suspended", "site": "ip-1->mx.example",
    "site_name": "mx.example", "egress_source": "ip-1", "until": "2026-11-24T10:00:00Z", "reason": "SpamBlock", "sample": "550 no",
    "timestamp": 1795510800, "event_time": "2026-11-24T09:00:00.000000Z"})json");
  expected["event_id"] = EventRenderer::EventId("weekly-48", 0, 77, "SiteState");
  EXPECT_EQ(Of(state), expected);
  state.until = base::WallTime();
  EXPECT_EQ(Of(state)["state"], "open");
  EXPECT_FALSE(Of(state).contains("until"));
}

TEST_F(EventsTest, TellOfRowsThatAreNoRecipients) {
  roster::Reject reject{.type = roster::Reject::Type::kDuplicate,
                        .row = 9,
                        .line = 10,
                        .address = "A@one.example",
                        .reason = "the same as row 1",
                        .first_row = 1};
  json expected = json::parse(R"json({
    "seq": 0, "type": "Duplicate", "campaign": "weekly-48", "row": 9, "line": 10, "recipient": "A@one.example",
    "reason": "the same as row 1", "first_row": 1, "timestamp": 1795510740, "event_time": "2026-11-24T08:59:00.000000Z",
    "nodeid": "node-1"})json");
  expected["event_id"] = EventRenderer::EventId("weekly-48", 9, 0, "Duplicate");
  EXPECT_EQ(json::parse(events.Render(reject)), expected);
  reject.type = roster::Reject::Type::kInvalid;
  EXPECT_EQ(json::parse(events.Render(reject))["type"], "Invalid");
  EXPECT_FALSE(json::parse(events.Render(reject)).contains("first_row"));
  reject.type = roster::Reject::Type::kSuppressed;
  EXPECT_EQ(json::parse(events.Render(reject))["type"], "Suppressed");
}

TEST_F(EventsTest, AreOneLineOfUtf8WhateverAReplySays) {
  ledger::Outcome outcome = OutcomeOf(0, OutcomeKind::kBounced);
  outcome.reply_text = "a\nb\xFF\"c\x01";
  const std::string line = events.Render(outcome, 1);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(json::parse(line)["response"]["content"], "a\nb\xEF\xBF\xBD\"c\x01");
}

TEST_F(EventsTest, HaveIdsOfTheirOwnThatAreTheSameEachTime) {
  std::set<std::string> ids;
  for (const char* type : {"Delivery", "Bounce"}) {
    for (const char* name : {"a", "b"}) {
      for (std::uint64_t row = 0; row < 50; ++row) {
        for (std::uint32_t attempt = 0; attempt < 5; ++attempt) {
          const std::string id = EventRenderer::EventId(name, row, attempt, type);
          EXPECT_EQ(id.size(), 32u);
          EXPECT_EQ(id, EventRenderer::EventId(name, row, attempt, type));
          ids.insert(id);
        }
      }
    }
  }
  EXPECT_EQ(ids.size(), 2u * 2 * 50 * 5);
}

TEST_F(EventsTest, HaveNoIdAndNoSenderWhereNothingSaysWhat) {
  EventRenderer bare(campaign.roster(), {.node_id = "node-1", .token = nullptr, .message = nullptr});
  const json event = json::parse(bare.Render(OutcomeOf(campaign.IdOf("a@one.example"), OutcomeKind::kDelivered), 1));
  EXPECT_FALSE(event.contains("id"));
  EXPECT_FALSE(event.contains("sender"));
  EXPECT_EQ(event["recipient"], "a@one.example");
}

}  // namespace
}  // namespace report
