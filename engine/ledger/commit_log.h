// Writing to the ledger, as a shard sees it: batches in, "durable up to here" back. Production: the journal's thread
// with group commit. The simulator: the same journal code, stepped by the world.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "engine/ledger/record_batch.h"

namespace ledger {

// Told on the shard's own thread, from its loop.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  // Every batch of this shard with a ticket up to `ticket` is durable.
  virtual void OnDurable(std::uint64_t ticket) = 0;
  // Nothing becomes durable any more (disk full, write or sync failed). Final.
  virtual void OnLedgerFailure(const absl::Status& why) = 0;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;
  // Queues a batch (never blocks on the disk). Tickets of one shard increase. Batches of one shard become durable in
  // order.
  virtual void Submit(std::uint32_t shard, std::unique_ptr<RecordBatch> batch, std::uint64_t ticket) = 0;
  // An empty batch; perhaps one that was submitted before, with its memory.
  virtual std::unique_ptr<RecordBatch> NewBatch() { return std::make_unique<RecordBatch>(); }
};

}  // namespace ledger
