// A checkpoint: everything that the records up to a sequence number say, so that recovery need not read them again
// (FORMAT.md, "Checkpoints").
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"

namespace ledger {

struct CheckpointHeader {
  std::uint64_t campaign_hash = 0;
  std::uint64_t seq = 0;           // The last record in it.
  std::uint64_t next_segment = 1;  // Records after it begin with this segment.
};

// Writes "checkpoint-SEQ" atomically into `directory` and removes all but the newest two.
absl::Status WriteCheckpoint(io::Disk& disk, const std::string& directory, const CheckpointHeader& header,
                             const CampaignFacts& facts, const StateTable& table);
// Reads the newest one that is whole into `facts` and `table`; NotFound when there is none. Requires: `table` is all
// zero.
absl::StatusOr<CheckpointHeader> ReadCheckpoint(io::Disk& disk, const std::string& directory,
                                                std::uint64_t campaign_hash, CampaignFacts& facts, StateTable& table);

}  // namespace ledger
