#include "engine/ledger/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "engine/ledger/checkpoint.h"
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

absl::Status CheckRecipient(RecipientId id, const StateTable& table, std::uint64_t seq) {
  if (id < table.size()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("the ledger is damaged: record %d names recipient %d of %d", seq, id, table.size()));
}

struct Folder {
  StateTable& table;
  CampaignFacts& facts;
  std::uint64_t seq;
  absl::Status operator()(const Attempt& record) {
    if (absl::Status status = CheckRecipient(record.recipient, table, seq); !status.ok()) return status;
    table.Apply(record);
    return absl::OkStatus();
  }
  absl::Status operator()(const Outcome& record) {
    if (absl::Status status = CheckRecipient(record.recipient, table, seq); !status.ok()) return status;
    table.Apply(record);
    return absl::OkStatus();
  }
  absl::Status operator()(const CampaignState& record) {
    facts.Apply(record);
    return absl::OkStatus();
  }
  absl::Status operator()(const SiteState& record) {
    facts.Apply(record);
    return absl::OkStatus();
  }
};

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
  if (absl::Status status = SyncSegments(disk, directory, first); !status.ok()) return status;
  Reader reader(disk, {.directory = directory, .campaign_hash = campaign_hash, .first_segment = first, .live = false});
  while (true) {
    absl::StatusOr<std::optional<ReadRecord>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    if ((*next)->seq <= recovered.last_seq) {
      return absl::DataLossError(
          absl::StrFormat("%s: the ledger is damaged: record %d comes again", directory, (*next)->seq));
    }
    Folder folder{table, recovered.facts, (*next)->seq};
    if (absl::Status status = std::visit(folder, (*next)->record); !status.ok()) return status;
    recovered.last_seq = (*next)->seq;
  }
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
