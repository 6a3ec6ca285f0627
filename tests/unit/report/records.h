// Records with every field set, for tests of what is made of them.
#pragma once

#include "engine/ledger/record.h"

namespace report::testing {

inline base::WallTime At(std::int64_t seconds) { return base::WallTime::FromSeconds(1'795'510'800 + seconds); }

inline ledger::Outcome OutcomeOf(ledger::RecipientId id, ledger::OutcomeKind kind, std::uint16_t number = 1) {
  ledger::Outcome outcome;
  outcome.recipient = id;
  outcome.kind = kind;
  outcome.number = number;
  outcome.time = At(number) + base::Duration::Microseconds(250);
  outcome.due = At(600);
  outcome.reply_code = 250;
  outcome.enhanced[0] = 2;
  outcome.reply_text = "queued as 4Z7";
  outcome.command = "BDAT";
  outcome.site = "(mx1|mx2).one.example";
  outcome.provider = "one";
  outcome.source = "ip-1";
  outcome.pool = "main";
  outcome.source_address = "192.0.2.10";
  outcome.peer_name = "mx1.one.example";
  outcome.peer_address = "198.51.100.1";
  outcome.session = 0xABC;
  outcome.connection_use = 2;
  outcome.size = 1'234;
  outcome.tls_protocol = "TLSv1.3";
  outcome.tls_cipher = "TLS_AES_256_GCM_SHA384";
  outcome.tls_resumed = true;
  outcome.timings = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  outcome.throttled_by = "max_message_rate";
  return outcome;
}

inline ledger::Attempt AttemptOf(ledger::RecipientId id, std::uint16_t number = 1) {
  return {.recipient = id, .number = number, .time = At(number), .session = 0xABC};
}

inline ledger::CampaignState StateOf(ledger::CampaignStateKind kind, std::int64_t seconds = 0) {
  return {.kind = kind, .time = At(seconds), .scope = "campaign", .by = "", .reason = "", .sample = ""};
}

}  // namespace report::testing
