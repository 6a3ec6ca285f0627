#include "engine/open_ledger.h"

#include <algorithm>
#include <utility>

#include "engine/ledger/recovery.h"

namespace engine {

std::uint64_t SegmentBytesFor(std::uint64_t recipients) {
  return std::clamp<std::uint64_t>(recipients * 100, 4u << 20, 64u << 20);
}

absl::StatusOr<OpenedLedger> OpenLedger(io::Disk& disk, const StartedCampaign& started, std::uint64_t segment_bytes) {
  const std::string directory = started.paths.ledger();
  if (absl::Status status = disk.MakeDirectories(directory); !status.ok()) return status;
  const std::uint64_t recipients = started.roster->recipients();
  absl::StatusOr<std::unique_ptr<io::Mapping>> memory =
      ledger::MakeTableFile(disk, started.paths.campaign + "/fold.table", recipients);
  if (!memory.ok()) return memory.status();
  OpenedLedger opened;
  opened.memory = *std::move(memory);
  ledger::StateTable table(opened.memory->data(), recipients);
  absl::StatusOr<ledger::Recovered> recovered = ledger::Recover(disk, directory, started.hash(), table);
  if (!recovered.ok()) return recovered.status();
  opened.journal = std::make_unique<ledger::Journal>(disk,
                                                     ledger::Journal::Options{.directory = directory,
                                                                              .campaign_hash = started.hash(),
                                                                              .last_seq = recovered->last_seq,
                                                                              .next_segment = recovered->next_segment,
                                                                              .segment_bytes = segment_bytes},
                                                     recovered->facts, table);
  return opened;
}

std::uint64_t CountPending(const ledger::StateTable& table, std::uint64_t sample_below) {
  std::uint64_t pending = 0;
  for (ledger::RecipientId id = 0; id < table.size(); ++id)
    pending += !ledger::IsFinal(table[id].state) && delivery::IsSampled(id, sample_below) ? 1 : 0;
  return pending;
}

}  // namespace engine
