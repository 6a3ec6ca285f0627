// What the ledger says, one struct per record kind, and their encoding. Pure. engine/ledger/FORMAT.md describes the
// bytes.
//
// The strings of a record are borrowed views: on encoding from the caller, on decoding from the segment's string table.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "engine/base/ip_address.h"
#include "engine/base/time.h"

namespace ledger {

using RecipientId = std::uint64_t;  // Index in the roster.

// Where a recipient stands. Stored as a number: values never change meaning.
enum class State : std::uint8_t {
  kUnattempted = 0,
  kDeferred = 1,   // Comes back at its due time.
  kDelivered = 2,  // This and all below are final.
  kBounced = 3,
  kExpired = 4,
  kWithdrawn = 5,
  kCancelled = 6,
  kInDoubt = 7,  // Final under in_doubt = "hold".
};
constexpr bool IsFinal(State state) { return state >= State::kDelivered; }

// How one attempt ended, or what else became of a recipient. Stored as a number.
enum class OutcomeKind : std::uint8_t {
  kDelivered = 1,
  kDeferred = 2,
  kBounced = 3,
  kHeld = 4,  // The attempt does not count: the recipient stands as before it, and comes back at `due`.
  kInDoubt = 5,
  kExpired = 6,    // Not an attempt.
  kWithdrawn = 7,  // Not an attempt.
  kCancelled = 8,  // Not an attempt.
  kResend = 9,     // Not an attempt: in doubt before, due again by in_doubt = "resend".
};

// Written, and durable, before any byte of the message leaves.
struct Attempt {
  RecipientId recipient = 0;
  std::uint16_t number = 0;  // 1 for the first.
  base::WallTime time;
  std::uint64_t session = 0;  // Unique within the campaign's ledger and run.
};

// Microseconds; 0: did not happen or was not measured. Names as timing_us of the events.
struct Timings {
  std::uint32_t queue = 0, dns = 0, connect = 0, banner = 0, tls = 0, mail = 0, rcpt = 0, data = 0, dot = 0;
};

// All that an event needs.
struct Outcome {
  RecipientId recipient = 0;
  OutcomeKind kind = OutcomeKind::kDelivered;
  std::uint16_t number = 0;    // Of the attempt; attempts so far for those that are none.
  std::uint16_t revision = 1;  // Counts amendments.
  base::WallTime time;
  base::WallTime due;               // kDeferred, kHeld, kResend: when it may be tried again.
  std::uint16_t reply_code = 0;     // 0: no reply.
  std::uint16_t enhanced[3] = {};   // RFC 3463; all zero: none.
  std::string_view reply_text;      // Without codes; lines joined by one space.
  std::string_view command;         // What it answers: "MAIL", "RCPT", "DATA", ".", "BDAT", "EHLO", "connect", …
  std::string_view classification;  // "InvalidRecipient", …; empty for delivered.
  std::string_view site;            // Name of the site; empty before routing.
  std::string_view provider;        // Empty: none.
  std::string_view source;          // Name of the egress source.
  std::string_view pool;
  std::string_view source_address;  // Empty: unknown.
  std::string_view peer_name;       // MX host name.
  std::string_view peer_address;
  std::uint64_t session = 0;
  std::uint32_t connection_use = 0;  // The message's number on its connection, 1 for the first.
  std::uint64_t size = 0;            // Bytes of the message as sent, before dot-stuffing.
  std::string_view tls_protocol;     // Empty: in clear.
  std::string_view tls_cipher;
  bool tls_resumed = false;
  Timings timings;
  std::string_view throttled_by;  // Name of the limit that held it last; empty: none.
};

enum class CampaignStateKind : std::uint8_t {
  kPrepared = 1,
  kScheduled = 2,
  kRunning = 3,
  kPaused = 4,
  kCancelled = 5,
  kInterrupted = 6,
  kFinished = 7,
  kResumed = 8,
};

inline constexpr std::string_view kResolverSuspect = "resolver-suspect";  // As CampaignState::by.
inline constexpr std::string_view kWholeCampaign = "campaign";

struct CampaignState {
  CampaignStateKind kind = CampaignStateKind::kPrepared;
  base::WallTime time;
  std::string_view scope;   // kWholeCampaign, or what part is paused: "provider:google"
  std::string_view by;      // Who or what: "operator", "resolver-suspect", "auth", …
  std::string_view reason;  // One line for people.
  std::string_view sample;  // A reply that shows it.
};

struct SiteState {
  base::WallTime time;
  std::string_view site;
  std::string_view source;
  base::WallTime until;  // Suspended until; the epoch: no longer suspended.
  std::string_view reason;
  std::string_view sample;
  std::string_view scope = {};  // Whose mail there: "tenant:NAME", "campaign:ID"; empty: everybody's.
};

using Record = std::variant<Attempt, Outcome, CampaignState, SiteState>;

}  // namespace ledger
