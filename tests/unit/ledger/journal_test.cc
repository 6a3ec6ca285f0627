#include "engine/ledger/journal.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::AttemptOf;
using testing::kFolder;
using testing::OutcomeOf;
using testing::SmallLedger;

std::vector<std::uint64_t> UpTo(std::uint64_t last) {
  std::vector<std::uint64_t> all(last);
  std::iota(all.begin(), all.end(), 1);
  return all;
}

TEST(Journal, NumbersRecordsWithoutGapsOverSegmentsAndRuns) {
  SmallLedger ledger;
  for (int run = 0; run < 3; ++run) {
    ASSERT_TRUE(ledger.Open().ok());
    for (RecipientId id = 0; id < 20; ++id) ledger.Deliver(static_cast<RecipientId>(run) * 20 + id);
    EXPECT_EQ(ledger.journal->last_seq(), static_cast<std::uint64_t>(run + 1) * 40);
    if (run == 1) {
      ASSERT_TRUE(ledger.journal->Close().ok());
    }
    ledger.journal.reset();
  }
  EXPECT_EQ(ledger.Sequence(), UpTo(120));
  EXPECT_GT(ledger.Files().size(), 5u) << "there was one segment only";
}

TEST(Journal, NeverAppendsToASegmentOfAnEarlierRun) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(1);
  ledger.journal.reset();
  const std::string before = ledger.Read(SmallLedger::SegmentPath(1));
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(2);
  EXPECT_EQ(ledger.Read(SmallLedger::SegmentPath(1)), before);
  EXPECT_EQ(ledger.Sequence(), UpTo(4));
}

TEST(Journal, WritesAGroupAsOneAndSyncsItOnce) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  RecordBatch a, b;
  for (RecipientId id = 0; id < 20; ++id) a.Add(AttemptOf(id));
  for (RecipientId id = 20; id < 40; ++id) b.Add(AttemptOf(id));
  const RecordBatch* batches[] = {&a, &b};
  const std::uint64_t before = ledger.disk.operations();
  ASSERT_TRUE(ledger.journal->Commit(batches).ok());
  EXPECT_EQ(ledger.disk.operations() - before, 2u);  // One write, one sync.
  EXPECT_EQ(ledger.journal->last_seq(), 40u);
  EXPECT_NE(ledger.table->table[39].flags & kAttemptOpen, 0) << "the table says what is durable";
}

TEST(Journal, WritesAGroupThatIsLargerThanASegment) {
  SmallLedger ledger;
  ASSERT_TRUE(ledger.Open().ok());
  RecordBatch batch;
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = "a reply of its own, number " + std::to_string(i) + std::string(300, '.');
    Outcome outcome = OutcomeOf(static_cast<RecipientId>(i % 100), OutcomeKind::kDeferred);
    outcome.reply_text = text;
    batch.Add(outcome);
  }
  const RecordBatch* batches[] = {&batch};
  ASSERT_TRUE(ledger.journal->Commit(batches).ok());
  ledger.Deliver(1);
  EXPECT_EQ(ledger.Sequence(), UpTo(5'002));
}

TEST(Journal, PreparesTheNextSegmentAheadInSlicesOfZeros) {
  SmallLedger ledger;
  ledger.segment_bytes = 5u << 19;  // 2.5 slices.
  ASSERT_TRUE(ledger.Open().ok());
  int slices = 0;
  for (bool more = true; more; ++slices) {
    const auto prepared = ledger.journal->PrepareNext();
    ASSERT_TRUE(prepared.ok());
    more = *prepared;
  }
  EXPECT_EQ(slices, 3);
  EXPECT_EQ(ledger.Read(SmallLedger::SegmentPath(2)), std::string(ledger.segment_bytes, '\0'));
  const std::uint64_t before = ledger.disk.operations();
  EXPECT_FALSE(*ledger.journal->PrepareNext());
  EXPECT_EQ(ledger.disk.operations(), before) << "there was nothing left to do";
}

TEST(Journal, CloseLeavesWhatIsNeededAndNoMore) {
  SmallLedger ledger;
  ledger.segment_bytes = 4u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ASSERT_TRUE(ledger.journal->PrepareNext().ok());
  ledger.Deliver(1);
  ASSERT_TRUE(ledger.journal->Close().ok());
  EXPECT_EQ(ledger.Files(), (std::vector<std::string>{"00000001.seg", "checkpoint-2"}));
  EXPECT_LT(ledger.Read(SmallLedger::SegmentPath(1)).size(), 1000u);
  const auto recovered = ledger.Recover();
  ASSERT_TRUE(recovered.ok());
  EXPECT_EQ(recovered->last_seq, 2u);
  EXPECT_EQ(recovered->next_segment, 2u);
}

// Whatever operation of the disk fails: what a commit has promised is there after a power loss, and nothing that was
// not written is.
TEST(Journal, KeepsWhatItPromisedWhereverTheDiskFails) {
  std::uint64_t failed_runs = 0, lost = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    base::Prng prng(seed);
    SmallLedger ledger;
    ASSERT_TRUE(ledger.Open().ok());
    ledger.disk.FailAfter(seed % 80);
    std::uint64_t promised = 0;
    absl::Status status;
    for (RecipientId id = 0; id < 12 && status.ok(); ++id) {
      status = ledger.Commit(AttemptOf(id));
      if (status.ok()) promised = id + 1;
      if (status.ok() && prng.Chance(0.5)) status = ledger.journal->PrepareNext().status();
      if (status.ok() && prng.Chance(0.3)) status = ledger.journal->Confirm();
    }
    failed_runs += status.ok() ? 0 : 1;
    const std::uint64_t said = ledger.journal->last_seq();
    ledger.journal.reset();
    ledger.disk.FailAfter(std::nullopt);
    ledger.disk.Crash(prng);
    const auto recovered = ledger.Recover();
    ASSERT_TRUE(recovered.ok()) << "seed " << seed << ": " << recovered.status();
    ASSERT_GE(recovered->last_seq, promised) << "seed " << seed;
    ASSERT_LE(recovered->last_seq, said) << "seed " << seed;
    lost += said > recovered->last_seq ? 1 : 0;
    for (RecipientId id = 0; id < recovered->last_seq; ++id)
      ASSERT_NE(ledger.table->table[id].flags & kAttemptOpen, 0) << "seed " << seed << ", recipient " << id;
    ASSERT_TRUE(ledger.Open().ok()) << "seed " << seed;
    ledger.Deliver(50);
    ASSERT_EQ(ledger.Sequence(), UpTo(recovered->last_seq + 2)) << "seed " << seed;
  }
  EXPECT_GT(failed_runs, 200u) << "the disk failed too seldom to prove anything";
  EXPECT_GT(lost, 10u) << "no crash took anything that was not promised";
}

TEST(Journal, SaysThatTheDiskIsFullAndLosesNothingThatItPromised) {
  SmallLedger ledger;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.disk.SetCapacity(testing::kSegmentBytes * 4);
  std::uint64_t promised = 0;
  absl::Status status;
  for (RecipientId id = 0; id < 90 && status.ok(); ++id) {
    status = ledger.Commit(AttemptOf(id));
    if (status.ok()) promised = id + 1;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GT(promised, 0u);
  ledger.journal.reset();
  base::Prng prng(1);
  ledger.disk.Crash(prng);
  ledger.disk.SetCapacity(UINT64_MAX);
  const auto recovered = ledger.Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_GE(recovered->last_seq, promised);
}

}  // namespace
}  // namespace ledger
