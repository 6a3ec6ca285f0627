// What shards, the journal and the engine tell each other: by mailbox between threads, by the world's order in the
// simulator.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "dns/mx_lookup.h"
#include "engine/campaign/suppression.h"
#include "engine/delivery/coordinator.h"
#include "engine/delivery/destination.h"

namespace delivery {

// A destination moves to the shard of its site. Nothing of it is in flight.
struct PlaceDestination {
  DestinationKey key;
  dns::Route route;
};

// Facts for the coordinator.
struct DomainFact {
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
struct SmarthostUnusableFact {
  std::string reason, sample;
};

// The campaign, or a part of it, pauses: the shards begin nothing there any more. `record`: the receiver writes it to
// the ledger.
struct PauseCampaign {
  PauseReason reason;
  bool record = false;
};

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

// From the engine: stop beginning anything, finish what is in flight.
struct DrainShard {};

using ShardMessage =
    std::variant<PlaceDestination, DomainFact, SenderRefusedFact, BudgetFact, ShardBlockedFact, SigningFailedFact,
                 SmarthostUnusableFact, PauseCampaign, RecordsDurable, LedgerFailed, SuppressionChanged, DrainShard>;

// How a shard reaches the others.
class ShardLinks {
 public:
  virtual ~ShardLinks() = default;
  virtual void Post(std::uint32_t shard, ShardMessage message) = 0;
};

}  // namespace delivery
