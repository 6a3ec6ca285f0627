// Opening the ledger of a campaign that was prepared, to write to it.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/delivery/sample.h"
#include "engine/io/disk.h"
#include "engine/ledger/journal.h"
#include "engine/ledger/state.h"
#include "engine/state_folder.h"

namespace engine {

struct OpenedLedger {
  std::unique_ptr<io::Mapping> memory;  // Of the journal's table.
  std::unique_ptr<ledger::Journal> journal;
};

// For about 200 bytes of each recipient's: small campaigns have small segments.
std::uint64_t SegmentBytesFor(std::uint64_t recipients);
// Recovers what the ledger says. `segment_bytes`: of the segments that will be written. Requires: the campaign's lock
// is held. Errors: as ledger::Recover; the disk.
absl::StatusOr<OpenedLedger> OpenLedger(io::Disk& disk, const StartedCampaign& started, std::uint64_t segment_bytes);

// Of the sample (delivery/sample.h) that the bound gives.
std::uint64_t CountPending(const ledger::StateTable& table, std::uint64_t sample_below = delivery::kWholeSample);

}  // namespace engine
