// Finds out what is true after a stop of any kind: the newest checkpoint, and the records after it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/ledger/record_batch.h"
#include "engine/ledger/state.h"

namespace ledger {

struct Recovered {
  CampaignFacts facts;
  std::uint64_t last_seq = 0;
  std::uint64_t next_segment = 1;  // For the journal.
};

// Fills `table` (all zero before) and makes durable what it read: what recovery saw once is true for good.
// Errors: DataLoss, the ledger is damaged; the text names file and offset. Others: the disk.
absl::StatusOr<Recovered> Recover(io::Disk& disk, const std::string& directory, std::uint64_t campaign_hash,
                                  StateTable& table);

// Appends to `batch` what recovery concludes: attempts without an outcome are in doubt, and, where the campaign says
// so, due again at once. To be committed before anything else. Returns how many. Recipients that stay in doubt from
// before are resent, too, when the campaign says so now.
std::uint64_t ConcludeOpenAttempts(const StateTable& table, base::WallTime now, bool resend, RecordBatch& batch);

// A state table in a file of the run's own, mapped and all zero. The file is scratch: it means nothing after the run.
absl::StatusOr<std::unique_ptr<io::Mapping>> MakeTableFile(io::Disk& disk, const std::string& path,
                                                           std::uint64_t recipients);

}  // namespace ledger
