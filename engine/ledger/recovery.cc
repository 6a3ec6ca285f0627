#include "engine/ledger/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/ledger/checkpoint.h"
#include "engine/ledger/fold.h"
#include "engine/ledger/reader.h"

namespace ledger {
namespace {

// Makes what lies in the page cache durable: a process may have been killed between its write and its sync.
absl::Status SyncSegments(io::Disk& disk, const std::string& directory, std::uint64_t first) {
  for (std::uint64_t number = first; disk.Exists(directory + "/" + SegmentName(number)); ++number) {
    absl::StatusOr<std::unique_ptr<io::File>> file =
        disk.Open(directory + "/" + SegmentName(number), io::OpenMode::kReadWrite);
    if (!file.ok()) return file.status();
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  }
  return disk.SyncDirectory(directory);
}

// The checkpoint makes what is before it unnecessary for sending; events and reports are rendered from all of it.
absl::Status CheckOlderSegments(io::Disk& disk, const std::string& directory, std::uint64_t campaign_hash,
                                const CheckpointHeader& checkpoint) {
  Reader reader(disk, {.directory = directory, .campaign_hash = campaign_hash});
  if (absl::Status status = reader.PassSegmentsBefore(checkpoint.next_segment); !status.ok()) return status;
  if (reader.next_seq() > checkpoint.seq) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat(
      "%s/%s:%d: the ledger is damaged: it ends with record %d, and checkpoint-%d knows more; put the ledger back from "
      "a copy of the state",
      directory, SegmentName(reader.segment() - 1), reader.offset(), reader.next_seq() - 1, checkpoint.seq));
}

}  // namespace

absl::StatusOr<Recovered> Recover(io::Disk& disk, const std::string& directory, std::uint64_t campaign_hash,
                                  StateTable& table) {
  Recovered recovered;
  const absl::StatusOr<CheckpointHeader> checkpoint =
      ReadCheckpoint(disk, directory, campaign_hash, recovered.facts, table);
  if (!checkpoint.ok() && !absl::IsNotFound(checkpoint.status())) return checkpoint.status();
  const std::uint64_t first = checkpoint.ok() ? checkpoint->next_segment : 1;
  recovered.last_seq = checkpoint.ok() ? checkpoint->seq : 0;
  recovered.next_segment = first;
  if (checkpoint.ok()) {
    absl::Status status = CheckOlderSegments(disk, directory, campaign_hash, *checkpoint);
    if (!status.ok()) return status;
  }
  if (absl::Status status = SyncSegments(disk, directory, first); !status.ok()) return status;
  Reader reader(disk, {.directory = directory,
                       .campaign_hash = campaign_hash,
                       .first_segment = first,
                       .first_seq = recovered.last_seq + 1,
                       .recipients = table.size(),
                       .live = false});
  if (absl::Status status = Fold(reader, table, recovered.facts); !status.ok()) return status;
  recovered.last_seq = std::max(recovered.last_seq, reader.last_seq());
  recovered.next_segment = reader.segment() + (reader.offset() > 0 ? 1 : 0);
  return recovered;
}

std::uint64_t ConcludeOpenAttempts(const StateTable& table, base::WallTime now, bool resend, RecordBatch& batch) {
  std::uint64_t concluded = 0;
  for (RecipientId id = 0; id < table.size(); ++id) {
    const RecipientEntry& entry = table[id];
    const bool open = (entry.flags & kAttemptOpen) != 0;
    Outcome outcome;
    outcome.recipient = id;
    outcome.number = entry.attempts;
    outcome.time = now;
    outcome.kind = OutcomeKind::kInDoubt;
    outcome.reply_text = "the program ended before the reply came";
    outcome.classification = "BadConnection";
    if (open) {
      batch.Add(outcome);
      ++concluded;
    }
    if (!resend || (!open && entry.state != State::kInDoubt)) continue;
    outcome.kind = OutcomeKind::kResend;
    outcome.due = now;
    batch.Add(outcome);
  }
  return concluded;
}

absl::StatusOr<std::unique_ptr<io::Mapping>> MakeTableFile(io::Disk& disk, const std::string& path,
                                                           std::uint64_t recipients) {
  {
    absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(path, io::OpenMode::kCreate);
    if (!file.ok()) return file.status();
    // Written, not only sized: a hole that finds no room later would end the program.
    constexpr std::uint64_t kChunk = 1u << 20;
    const std::string zeros(kChunk, '\0');
    for (std::uint64_t at = 0, size = StateTable::Bytes(recipients); at < size; at += kChunk) {
      const std::string_view slice = std::string_view(zeros).substr(0, std::min(kChunk, size - at));
      if (absl::Status status = (*file)->WriteAt(at, slice); !status.ok()) return status;
    }
  }
  return disk.Map(path, /*writable=*/true);
}

}  // namespace ledger
