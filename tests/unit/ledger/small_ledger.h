// A ledger of a few recipients on the simulator's disk, and records to fill it with.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ledger/journal.h"
#include "engine/ledger/reader.h"
#include "engine/ledger/recovery.h"
#include "tests/sim/crash_disk.h"

namespace ledger::testing {

inline constexpr char kFolder[] = "/ledger";
inline constexpr std::uint64_t kHash = 7;
inline constexpr std::uint64_t kRecipients = 100;
inline constexpr std::uint64_t kSegmentBytes = 16384;

inline base::WallTime At(std::int64_t seconds) { return base::WallTime::FromSeconds(1'795'510'800 + seconds); }

inline Attempt AttemptOf(RecipientId id, std::uint16_t number = 1) {
  return {.recipient = id, .number = number, .time = At(number), .session = 5};
}

inline Outcome OutcomeOf(RecipientId id, OutcomeKind kind, std::uint16_t number = 1) {
  Outcome outcome;
  outcome.recipient = id;
  outcome.kind = kind;
  outcome.number = number;
  outcome.time = At(number + 1);
  outcome.due = At(600);
  outcome.site = "mx.example";
  return outcome;
}

// The entries of all recipients, all zero.
class Table {
 public:
  explicit Table(std::uint64_t recipients = kRecipients)
      : memory_(StateTable::Bytes(recipients), '\0'), table(memory_.data(), recipients) {}

 private:
  std::string memory_;

 public:
  StateTable table;
  std::string_view bytes() const { return memory_; }
};

class SmallLedger {
 public:
  SmallLedger() {
    EXPECT_TRUE(disk.MakeDirectories(kFolder).ok());
    EXPECT_TRUE(disk.SyncDirectory(kFolder).ok());
  }

  absl::StatusOr<Recovered> Recover() {
    table = std::make_unique<Table>();
    return ledger::Recover(disk, kFolder, kHash, table->table);
  }
  // A run of the program begins: recovers, and starts a journal.
  absl::Status Open() {
    absl::StatusOr<Recovered> recovered = Recover();
    if (!recovered.ok()) return recovered.status();
    Journal::Options options{.directory = kFolder,
                             .campaign_hash = kHash,
                             .last_seq = recovered->last_seq,
                             .next_segment = recovered->next_segment,
                             .segment_bytes = segment_bytes};
    journal = std::make_unique<Journal>(disk, options, recovered->facts, table->table);
    return journal->Start();
  }
  // One record, as a group of its own.
  template <typename AnyRecord>
  absl::Status Commit(const AnyRecord& record) {
    RecordBatch batch;
    batch.Add(record);
    const RecordBatch* batches[] = {&batch};
    return journal->Commit(batches);
  }
  // A delivered recipient: two groups.
  void Deliver(RecipientId id) {
    ASSERT_TRUE(Commit(AttemptOf(id)).ok());
    ASSERT_TRUE(Commit(OutcomeOf(id, OutcomeKind::kDelivered)).ok());
  }

  Reader MakeReader(bool live) {
    return Reader(disk, {.directory = kFolder, .campaign_hash = kHash, .first_segment = 1, .live = live});
  }
  // The sequence numbers of all records; a test failure where they cannot be read.
  std::vector<std::uint64_t> Sequence() {
    Reader reader = MakeReader(/*live=*/false);
    std::vector<std::uint64_t> sequence;
    while (true) {
      absl::StatusOr<std::optional<ReadRecord>> next = reader.Next();
      EXPECT_TRUE(next.ok()) << next.status();
      if (!next.ok() || !next->has_value()) return sequence;
      sequence.push_back((*next)->seq);
    }
  }

  std::vector<std::string> Files() { return *disk.List(kFolder); }
  void RemoveCheckpoints() {
    for (const std::string& name : Files()) {
      if (!name.starts_with("checkpoint")) continue;
      EXPECT_TRUE(disk.Remove(std::string(kFolder) + "/" + name).ok());
    }
  }
  static std::string SegmentPath(std::uint64_t number) { return std::string(kFolder) + "/" + SegmentName(number); }
  std::string Read(const std::string& path) {
    absl::StatusOr<std::string> bytes = io::ReadFile(disk, path, 1u << 26);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? *bytes : "";
  }
  void Write(const std::string& path, std::string_view bytes) {
    EXPECT_TRUE(io::WriteFileAtomically(disk, path, bytes).ok());
  }
  // Damages one byte of a file.
  void Flip(const std::string& path, std::size_t at) {
    std::string bytes = Read(path);
    ASSERT_LT(at, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    Write(path, bytes);
  }

  sim::CrashDisk disk;
  std::uint64_t segment_bytes = kSegmentBytes;
  std::unique_ptr<Table> table;
  std::unique_ptr<Journal> journal;
};

}  // namespace ledger::testing
