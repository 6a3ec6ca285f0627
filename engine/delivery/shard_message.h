// What shards, the journal and the engine tell each other: by mailbox between threads, by the world's order in the
// simulator.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "dns/mx_lookup.h"
#include "engine/campaign/suppression.h"
#include "engine/delivery/coordinator.h"
#include "engine/delivery/destination.h"
#include "engine/delivery/limit_group.h"
#include "engine/delivery/tally.h"

namespace config {
class Shaping;
}

namespace delivery {

// A destination moves to the shard of its site. Nothing of it is in flight.
struct PlaceDestination {
  DestinationKey key;
  dns::Route route;
  std::shared_ptr<const tls::StsPolicy> sts;
  std::string came_from;
  std::set<std::uint16_t> elsewhere;
  bool came_whole = false;
};

// Facts for the coordinator.
struct DomainFact {
  std::uint64_t domain = 0;
  bool missing = false;
};
struct SenderRefusedFact {
  std::string site, normalized_text, sample;
  bool invalid_sender = false;
};
struct ShardBlockedFact {  // Everything that is left to do there is paused, or not any more.
  std::uint32_t shard = 0;
  bool blocked = false;
};
struct SigningFailedFact {
  std::string why;
};
struct MessageFailedFact {
  std::uint64_t row = 0;
  std::string why;
};
struct SmarthostUnusableFact {
  std::string reason, sample;
};

// The campaign, or a part of it, pauses: the shards begin nothing there any more. `record`: the receiver writes it to
// the ledger.
struct PauseCampaign {
  PauseReason reason;
  bool record = false;
};

// From the operator, through the engine. Each is answered under its number by every shard that gets it.
struct AskStatus {  // To each shard.
  std::uint64_t question = 0;
};
struct AskMetrics {  // To each shard.
  std::uint64_t question = 0;
};
struct OperatorPause {  // To the shard that has the coordinator. Answered once it is durable.
  std::uint64_t question = 0;
  PauseReason reason;
};
struct OperatorResume {  // To the shard that has the coordinator, and by it to the others. Answered once it is durable.
  std::uint64_t question = 0;
};

// From a group of limits that other shards and campaigns share.
struct CallSite {
  std::uint64_t site = 0;
  GroupMember::Call call = GroupMember::Call::kPump;
};

// From the sessions that all share: there may be some, or others want some.
struct CallForSessions {};

// From the journal.
struct RecordsDurable {
  std::uint64_t ticket = 0;
};
struct LedgerFailed {
  absl::Status why;
};

// From the engine: suppression lists have changed.
struct SuppressionChanged {
  std::shared_ptr<const campaign::SuppressionLists> lists;
};

// From the engine: the shaping files have changed.
struct ShapingChanged {
  std::shared_ptr<const config::Shaping> shaping;
};

// From the engine: stop beginning anything, finish what is in flight.
struct DrainShard {};

using ShardMessage =
    std::variant<PlaceDestination, CallSite, CallForSessions, DomainFact, SenderRefusedFact, BudgetFact,
                 ShardBlockedFact, SigningFailedFact, MessageFailedFact, SmarthostUnusableFact, PauseCampaign,
                 AskStatus, AskMetrics, OperatorPause, OperatorResume, RecordsDurable, LedgerFailed, SuppressionChanged,
                 ShapingChanged, DrainShard>;

// What a shard answers the operator.
struct ShardAnswer {
  std::uint64_t question = 0;
  bool ends = false;  // To OperatorResume: it has stopped, and takes nothing away.
  // To AskStatus:
  std::vector<HeldQueue> held;
  std::uint64_t held_more = 0;  // Beyond those that are named.
  std::vector<LimitedQueue> limited;
  std::uint64_t limited_more = 0;                                                // Likewise.
  std::map<std::string, std::map<std::string, LimitedSites>> limited_providers;  // All of them; by provider and limit.
  std::uint64_t unasked = 0;                 // Domains that wait for dns.max_queries_per_second.
  std::optional<base::WallTime> next_retry;  // Of recipients that nothing else holds.
  std::vector<PauseReason> pauses;           // Of parts of the campaign; from the shard that has the coordinator.
  // To AskMetrics:
  ShardMetrics metrics;
};

// How a shard reaches the others.
class ShardLinks {
 public:
  virtual ~ShardLinks() = default;
  virtual void Post(std::uint32_t shard, ShardMessage message) = 0;
  virtual void Answer(std::uint32_t shard, ShardAnswer answer) = 0;  // To the engine.
};

}  // namespace delivery
