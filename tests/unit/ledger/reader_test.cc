#include "engine/ledger/reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::AttemptOf;
using testing::kHash;
using testing::SmallLedger;

// The sequence numbers that it shows now.
std::vector<std::uint64_t> Shown(Reader& reader) {
  std::vector<std::uint64_t> shown;
  while (true) {
    const auto next = reader.Next();
    EXPECT_TRUE(next.ok()) << next.status();
    if (!next.ok() || !next->has_value()) return shown;
    shown.push_back((*next)->seq);
  }
}

using Numbers = std::vector<std::uint64_t>;

TEST(Reader, ShowsALiveLedgerOnlyAsFarAsItIsKnownToBeDurable) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  Reader live = ledger.MakeReader(/*live=*/true);
  EXPECT_EQ(Shown(live), Numbers{});
  ASSERT_TRUE(ledger.Commit(AttemptOf(1)).ok());
  EXPECT_EQ(Shown(live), Numbers{}) << "its own frame cannot say that it was synced";
  ASSERT_TRUE(ledger.Commit(AttemptOf(2)).ok());
  EXPECT_EQ(Shown(live), Numbers{1});
  ASSERT_TRUE(ledger.journal->Confirm().ok());
  EXPECT_EQ(Shown(live), Numbers{2});
  EXPECT_EQ(Shown(live), Numbers{});
  EXPECT_EQ(live.last_seq(), 2u);
}

TEST(Reader, FollowsOverSegments) {
  SmallLedger ledger;  // Of so small segments each group has its own.
  ASSERT_TRUE(ledger.Open().ok());
  Reader live = ledger.MakeReader(/*live=*/true);
  Numbers all;
  for (RecipientId id = 0; id < 10; ++id) {
    ASSERT_TRUE(ledger.Commit(AttemptOf(id)).ok());
    ASSERT_TRUE(ledger.journal->PrepareNext().ok());
    for (const std::uint64_t seq : Shown(live)) all.push_back(seq);
  }
  ASSERT_TRUE(ledger.journal->Close().ok());
  for (const std::uint64_t seq : Shown(live)) all.push_back(seq);
  EXPECT_EQ(all, (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_GT(live.segment(), 5u);
}

// The ledger's disk for a reader while somebody writes: something happens when it looks for the next segment.
class BusyDisk final : public io::Disk {
 public:
  explicit BusyDisk(io::Disk& disk) : disk_(disk) {}
  std::function<void()> once;

  bool Exists(const std::string& path) override {
    if (auto now = std::exchange(once, nullptr)) now();
    return disk_.Exists(path);
  }
  absl::StatusOr<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override {
    return disk_.Open(path, mode);
  }
  absl::StatusOr<std::unique_ptr<io::Mapping>> Map(const std::string& path, bool writable) override {
    return disk_.Map(path, writable);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override { return disk_.Rename(from, to); }
  absl::Status Remove(const std::string& path) override { return disk_.Remove(path); }
  absl::Status MakeDirectories(const std::string& path) override { return disk_.MakeDirectories(path); }
  absl::Status SyncDirectory(const std::string& path) override { return disk_.SyncDirectory(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) override { return disk_.List(folder); }
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& folder) override { return disk_.FreeBytes(folder); }

 private:
  io::Disk& disk_;
};

TEST(Reader, TakesNoFrameForDamageThatIsWrittenWhileItLooksForTheEnd) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  BusyDisk disk(ledger.disk);
  Reader live(disk, {.directory = testing::kFolder, .campaign_hash = kHash, .first_segment = 1, .live = true});
  EXPECT_EQ(Shown(live), Numbers{});
  disk.once = [&ledger] {
    ASSERT_TRUE(ledger.Commit(AttemptOf(1)).ok());
    ASSERT_TRUE(ledger.Commit(AttemptOf(2)).ok());
  };
  EXPECT_EQ(Shown(live), Numbers{1});
}

TEST(Reader, LeavesNoFrameBehindThatIsWrittenJustBeforeTheNextSegment) {
  SmallLedger ledger;  // Of so small segments each group has its own.
  ASSERT_TRUE(ledger.Open().ok());
  BusyDisk disk(ledger.disk);
  Reader live(disk, {.directory = testing::kFolder, .campaign_hash = kHash, .first_segment = 1, .live = true});
  EXPECT_EQ(Shown(live), Numbers{});
  disk.once = [&ledger] {
    ASSERT_TRUE(ledger.Commit(AttemptOf(1)).ok());
    ASSERT_TRUE(ledger.Commit(AttemptOf(2)).ok());
  };
  EXPECT_EQ(Shown(live), Numbers{1});
  EXPECT_EQ(live.segment(), 2u);
}

TEST(Reader, ShowsAllThatIsWholeWhereNobodyWrites) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ASSERT_TRUE(ledger.Commit(AttemptOf(1)).ok());
  Reader dead = ledger.MakeReader(/*live=*/false);
  EXPECT_EQ(Shown(dead), Numbers{1});
}

TEST(Reader, KeepsTheNumbersRightBehindARecordThatItDoesNotKnow) {
  std::string payload;
  RecordEncoder encoder;
  encoder.Append(AttemptOf(1), payload);
  payload += std::string("\x40\x03new", 5);  // Kind 64, of a later program.
  encoder.Append(AttemptOf(2), payload);
  std::string segment = EncodeSegmentHeader({.campaign_hash = kHash, .number = 1, .first_seq = 1});
  AppendFrame({.first_seq = 1, .records = 3, .durable_seq = 0, .payload = payload}, segment);
  SmallLedger ledger;
  ledger.Write(SmallLedger::SegmentPath(1), segment);
  EXPECT_EQ(ledger.Sequence(), (Numbers{1, 3}));
  EXPECT_EQ(ledger.Recover()->last_seq, 3u);
}

TEST(Reader, RefusesAFrameWithFewerRecordsThanItSays) {
  std::string payload;
  RecordEncoder().Append(AttemptOf(1), payload);
  std::string segment = EncodeSegmentHeader({.campaign_hash = kHash, .number = 1, .first_seq = 1});
  AppendFrame({.first_seq = 1, .records = 2, .durable_seq = 0, .payload = payload}, segment);
  SmallLedger ledger;
  ledger.Write(SmallLedger::SegmentPath(1), segment);
  Reader reader = ledger.MakeReader(/*live=*/false);
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_TRUE(absl::IsDataLoss(reader.Next().status()));
}

TEST(Reader, RefusesAFrameThatComesAgain) {
  std::string segment = EncodeSegmentHeader({.campaign_hash = kHash, .number = 1, .first_seq = 1});
  for (int i = 0; i < 2; ++i) {
    std::string payload;
    RecordEncoder().Append(AttemptOf(1), payload);
    AppendFrame({.first_seq = 1, .records = 1, .durable_seq = 0, .payload = payload}, segment);
  }
  SmallLedger ledger;
  ledger.Write(SmallLedger::SegmentPath(1), segment);
  Reader reader = ledger.MakeReader(/*live=*/false);
  ASSERT_TRUE(reader.Next().ok());
  const absl::Status status = reader.Next().status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_NE(status.message().find("record 1 where 2 is due"), std::string_view::npos) << status;
}

TEST(Reader, ReadsFramesThatAreLargerThanItsWindow) {
  SmallLedger ledger;
  ASSERT_TRUE(ledger.Open().ok());
  RecordBatch batch;
  const std::string large(3u << 20, 'x');
  for (RecipientId id = 0; id < 3; ++id) {
    Outcome outcome = testing::OutcomeOf(id, OutcomeKind::kDeferred);
    outcome.reply_text = large;
    batch.Add(outcome);
  }
  const RecordBatch* batches[] = {&batch};
  ASSERT_TRUE(ledger.journal->Commit(batches).ok());
  EXPECT_EQ(ledger.Sequence(), (Numbers{1, 2, 3}));
}

}  // namespace
}  // namespace ledger
