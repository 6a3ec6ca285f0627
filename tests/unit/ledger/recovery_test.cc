#include "engine/ledger/recovery.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::At;
using testing::AttemptOf;
using testing::kFolder;
using testing::kHash;
using testing::OutcomeOf;
using testing::SmallLedger;
using testing::Table;

TEST(Recovery, OfNothingIsNothing) {
  SmallLedger ledger;
  const auto recovered = ledger.Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->last_seq, 0u);
  EXPECT_EQ(recovered->next_segment, 1u);
  EXPECT_EQ(recovered->facts.runs, 0u);
}

TEST(Recovery, SaysTheSameWithAndWithoutCheckpoints) {
  SmallLedger ledger;
  for (int run = 0; run < 4; ++run) {
    ASSERT_TRUE(ledger.Open().ok());
    for (RecipientId id = 0; id < 8; ++id) ledger.Deliver(static_cast<RecipientId>(run) * 8 + id);
    ASSERT_TRUE(ledger.Commit(AttemptOf(90)).ok());
    ASSERT_TRUE(ledger.Commit(OutcomeOf(90, OutcomeKind::kHeld)).ok());
    ASSERT_TRUE(ledger.journal->Close().ok());
  }
  const auto with = ledger.Recover();
  ASSERT_TRUE(with.ok());
  const std::string table(ledger.table->bytes());
  ledger.RemoveCheckpoints();
  const auto without = ledger.Recover();
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(ledger.table->bytes(), table);
  EXPECT_EQ(without->last_seq, with->last_seq);
  EXPECT_EQ(without->next_segment, with->next_segment);
}

TEST(Recovery, TakesTheEndOfATornFrameForTheEnd) {
  SmallLedger ledger;
  ledger.segment_bytes = 2u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(1);
  ledger.Deliver(2);
  ledger.journal.reset();
  const std::string path = SmallLedger::SegmentPath(1);
  std::string bytes = ledger.Read(path);
  const std::size_t last = bytes.rfind("SLF1");
  bytes.replace(last + 40, 10, 10, '\0');  // The last frame's payload did not get to the disk.
  ledger.Write(path, bytes);
  const auto recovered = ledger.Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->last_seq, 3u);
  EXPECT_NE(ledger.table->table[2].flags & kAttemptOpen, 0);
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(3);
  EXPECT_EQ(ledger.Sequence().back(), 5u) << "the torn end of an earlier run is passed over";
}

// Damages one place of a ledger of several segments; what recovery then says.
absl::Status AfterDamage(const std::function<void(SmallLedger&)>& damage) {
  SmallLedger ledger;
  ledger.segment_bytes = 2u << 20;
  for (RecipientId id = 0; id < 8; ++id) {
    if (id % 2 == 0) {
      EXPECT_TRUE(ledger.Open().ok());
    }
    ledger.Deliver(id);
  }
  ledger.journal.reset();
  ledger.RemoveCheckpoints();  // They would hide it.
  EXPECT_TRUE(ledger.Recover().ok());
  damage(ledger);
  const absl::Status status = ledger.Recover().status();
  EXPECT_FALSE(ledger.Open().ok()) << "nobody goes on from a damaged ledger";
  return status;
}

void ExpectDamage(const absl::Status& status, std::string_view where) {
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  const std::string text(status.message());
  EXPECT_NE(text.find(where), std::string::npos) << text;
  EXPECT_NE(text.find("damaged"), std::string::npos) << text;
}

TEST(Recovery, StopsAtADamagedFrameThatWasDurable) {
  ExpectDamage(AfterDamage([](SmallLedger& ledger) { ledger.Flip(SmallLedger::SegmentPath(2), 64 + 45); }),
               "00000002.seg:64");
  ExpectDamage(AfterDamage([](SmallLedger& ledger) { ledger.Flip(SmallLedger::SegmentPath(2), 64 + 3); }),
               "00000002.seg:64");
}

// Sending needs only what is behind it; events and reports need all.
TEST(Recovery, StopsAtDamageBeforeTheCheckpointToo) {
  for (const auto& [number, at] : {std::pair(1u, 64u + 45u), std::pair(1u, 20u), std::pair(2u, 64u + 45u)}) {
    SmallLedger ledger;
    for (RecipientId id = 0; id < 6; ++id) {
      ASSERT_TRUE(ledger.Open().ok());
      ledger.Deliver(id);
      ASSERT_TRUE(ledger.journal->Close().ok());
    }
    ASSERT_GT(ledger.Recover()->next_segment, 2u);
    const std::string path = SmallLedger::SegmentPath(number);
    ledger.Flip(path, at);
    ExpectDamage(ledger.Recover().status(), ".seg:");
    ExpectDamage(ledger.Recover().status(), "put the ledger back from a copy");
    ledger.Flip(path, at);
    ASSERT_TRUE(ledger.disk.Remove(path).ok());
    ExpectDamage(ledger.Recover().status(), SegmentName(number));
  }
}

TEST(Recovery, StopsAtADamagedHeaderOfASegment) {
  ExpectDamage(AfterDamage([](SmallLedger& ledger) { ledger.Flip(SmallLedger::SegmentPath(2), 20); }),
               "00000002.seg:0");
  ExpectDamage(AfterDamage([](SmallLedger& ledger) {
                 const std::string path = SmallLedger::SegmentPath(2);
                 std::string bytes = ledger.Read(path);
                 bytes.replace(0, 64, 64, '\0');
                 ledger.Write(path, bytes);
               }),
               "00000002.seg:0");
}

TEST(Recovery, StopsWhereASegmentIsMissing) {
  for (const std::uint64_t number : {1u, 2u}) {
    ExpectDamage(AfterDamage([number](SmallLedger& ledger) {
                   ASSERT_TRUE(ledger.disk.Remove(SmallLedger::SegmentPath(number)).ok());
                 }),
                 SegmentName(number));
  }
}

TEST(Recovery, StopsWhereASegmentWasCutShort) {
  ExpectDamage(AfterDamage([](SmallLedger& ledger) {
                 const std::string bytes = ledger.Read(SmallLedger::SegmentPath(2));
                 ledger.Write(SmallLedger::SegmentPath(2), std::string_view(bytes).substr(0, 64));
               }),
               "00000003.seg:0");
}

TEST(Recovery, StopsAtASegmentInAnothersPlace) {
  ExpectDamage(AfterDamage([](SmallLedger& ledger) {
                 ledger.Write(SmallLedger::SegmentPath(2), ledger.Read(SmallLedger::SegmentPath(3)));
               }),
               "00000002.seg:0");
}

TEST(Recovery, StopsWhereRecordsAreMissingBetweenTheCheckpointAndTheNextSegment) {
  SmallLedger ledger;
  ledger.segment_bytes = 2u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(1);
  ASSERT_TRUE(ledger.journal->Close().ok());  // Writes checkpoint-2, and segment 2 or later comes next.
  const std::uint64_t next = ledger.Recover()->next_segment;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(2);
  ledger.journal.reset();
  std::string bytes = ledger.Read(SmallLedger::SegmentPath(next));
  bytes.replace(0, kSegmentHeaderSize, EncodeSegmentHeader({.campaign_hash = kHash, .number = next, .first_seq = 5}));
  ledger.Write(SmallLedger::SegmentPath(next), bytes);
  ExpectDamage(ledger.Recover().status(), SegmentName(next) + ":0");
}

TEST(Recovery, RefusesRecordsOfRecipientsThatThereAreNot) {
  SmallLedger ledger;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(testing::kRecipients - 1);
  ledger.journal.reset();
  Table smaller(testing::kRecipients - 1);
  const auto recovered = Recover(ledger.disk, kFolder, kHash, smaller.table);
  EXPECT_TRUE(absl::IsDataLoss(recovered.status())) << recovered.status();
}

TEST(Recovery, MakesDurableWhatItRead) {
  SmallLedger ledger;
  ledger.segment_bytes = 2u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  ledger.Deliver(1);
  ledger.disk.FailAfter(1);  // The write, and then no sync: the program dies, the machine does not.
  EXPECT_FALSE(ledger.Commit(AttemptOf(2)).ok());
  ledger.journal.reset();
  ledger.disk.FailAfter(std::nullopt);
  ASSERT_EQ(ledger.Recover()->last_seq, 3u);
  base::Prng prng(3);
  ledger.disk.Crash(prng);  // And now the machine does, too.
  EXPECT_EQ(ledger.Recover()->last_seq, 3u);
}

TEST(ConcludeOpenAttempts, PutsThemInDoubtAndNobodyElse) {
  Table all;
  all.table.Apply(AttemptOf(1));
  all.table.Apply(AttemptOf(2));
  all.table.Apply(OutcomeOf(2, OutcomeKind::kDeferred));
  all.table.Apply(OutcomeOf(3, OutcomeKind::kInDoubt));
  RecordBatch batch;
  EXPECT_EQ(ConcludeOpenAttempts(all.table, At(9), /*resend=*/false, batch), 1u);
  ASSERT_EQ(batch.count(), 1u);
  const Outcome& outcome = std::get<Outcome>(batch.records()[0]);
  EXPECT_EQ(outcome.recipient, 1u);
  EXPECT_EQ(outcome.kind, OutcomeKind::kInDoubt);
  EXPECT_EQ(outcome.number, 1);
  EXPECT_EQ(outcome.time, At(9));
}

TEST(ConcludeOpenAttempts, ResendsAlsoThoseThatWereInDoubtBefore) {
  Table all;
  all.table.Apply(AttemptOf(1));
  all.table.Apply(OutcomeOf(3, OutcomeKind::kInDoubt));
  RecordBatch batch;
  EXPECT_EQ(ConcludeOpenAttempts(all.table, At(9), /*resend=*/true, batch), 1u);
  std::vector<std::pair<RecipientId, OutcomeKind>> written;
  for (const Record& record : batch.records()) {
    const Outcome& outcome = std::get<Outcome>(record);
    written.emplace_back(outcome.recipient, outcome.kind);
    all.table.Apply(outcome);
  }
  EXPECT_EQ(written, (std::vector<std::pair<RecipientId, OutcomeKind>>{
                         {1, OutcomeKind::kInDoubt}, {1, OutcomeKind::kResend}, {3, OutcomeKind::kResend}}));
  EXPECT_EQ(all.table[1].state, State::kDeferred);
  EXPECT_EQ(all.table[3].state, State::kDeferred);
  EXPECT_EQ(all.table[1].due_s, At(9).seconds());
}

TEST(MakeTableFile, IsAllZeroAndTakesItsRoomAtOnce) {
  SmallLedger ledger;
  ledger.Write("/state.table", "something from an earlier run");
  const auto mapping = MakeTableFile(ledger.disk, "/state.table", 3'000'000);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ((*mapping)->view(), std::string(48'000'000, '\0'));
  ledger.disk.SetCapacity(10'000'000);
  EXPECT_TRUE(absl::IsResourceExhausted(MakeTableFile(ledger.disk, "/other.table", 3'000'000).status()));
}

}  // namespace
}  // namespace ledger
