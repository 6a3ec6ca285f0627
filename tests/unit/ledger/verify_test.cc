#include "engine/ledger/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::AttemptOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kFolder;
using testing::kHash;
using testing::OutcomeOf;
using testing::SmallLedger;
using testing::Table;

Verification VerifyIt(SmallLedger& ledger) {
  Table table;
  const auto result = Verify(ledger.disk, kFolder, kHash, table.table, /*live=*/false);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : Verification();
}

template <typename... Records>
std::vector<std::string> FindingsOf(const Records&... records) {
  RecordBatch batch;
  (batch.Add(records), ...);
  // Past the journal, which would stop at some of it.
  std::string payload, segment = EncodeSegmentHeader({.campaign_hash = kHash, .number = 1, .first_seq = 1});
  RecordEncoder encoder;
  for (const Record& record : batch.records()) encoder.Append(record, payload);
  AppendFrame({.first_seq = 1, .records = batch.count(), .durable_seq = 0, .payload = payload}, segment);
  SmallLedger ledger;
  ledger.Write(SmallLedger::SegmentPath(1), segment);
  return VerifyIt(ledger).findings;
}

TEST(Verify, CountsAndFindsNothingInAGoodLedger) {
  SmallLedger ledger;
  ASSERT_TRUE(ledger.Open().ok());
  for (RecipientId id = 0; id < 10; ++id) ledger.Deliver(id);
  ASSERT_TRUE(ledger.Commit(AttemptOf(50)).ok());
  ASSERT_TRUE(ledger.Commit(CampaignState{}).ok());
  ASSERT_TRUE(ledger.Commit(SiteState{}).ok());
  ASSERT_TRUE(ledger.journal->Close().ok());
  const Verification result = VerifyIt(ledger);
  EXPECT_THAT(result.findings, IsEmpty());
  EXPECT_EQ(result.records, 23u);
  EXPECT_EQ(result.attempts, 11u);
  EXPECT_EQ(result.outcomes, 10u);
  EXPECT_EQ(result.open_attempts, 1u);
}

TEST(Verify, FindsNothingWrongWithRetriesHoldsAndResends) {
  EXPECT_THAT(
      FindingsOf(AttemptOf(1, 1), OutcomeOf(1, OutcomeKind::kHeld, 1), AttemptOf(1, 1),
                 OutcomeOf(1, OutcomeKind::kDeferred, 1), AttemptOf(1, 2), OutcomeOf(1, OutcomeKind::kInDoubt, 2),
                 OutcomeOf(1, OutcomeKind::kResend, 2), AttemptOf(1, 3), OutcomeOf(1, OutcomeKind::kDelivered, 3)),
      IsEmpty());
}

TEST(Verify, FindsARecipientThatWasTriedAfterItsEnd) {
  EXPECT_THAT(FindingsOf(AttemptOf(1), OutcomeOf(1, OutcomeKind::kDelivered), AttemptOf(1, 2)),
              ElementsAre(HasSubstr("record 3, recipient 1: an attempt after its final state")));
  EXPECT_THAT(FindingsOf(OutcomeOf(1, OutcomeKind::kBounced), OutcomeOf(1, OutcomeKind::kExpired)),
              ElementsAre(HasSubstr("an outcome after its final state")));
}

TEST(Verify, FindsAttemptsThatOverlapOrAreOutOfOrder) {
  EXPECT_THAT(FindingsOf(AttemptOf(1, 1), AttemptOf(1, 2)), ElementsAre(HasSubstr("while another one is open")));
  EXPECT_THAT(FindingsOf(AttemptOf(1, 2)), ElementsAre(HasSubstr("out of order")));
}

TEST(Verify, FindsOutcomesThatNeedAnAttemptAndHaveNone) {
  EXPECT_THAT(FindingsOf(OutcomeOf(1, OutcomeKind::kDelivered)),
              ElementsAre(HasSubstr("delivered without an attempt")));
  EXPECT_THAT(FindingsOf(OutcomeOf(1, OutcomeKind::kInDoubt)), ElementsAre(HasSubstr("in doubt without an attempt")));
  EXPECT_THAT(FindingsOf(OutcomeOf(1, OutcomeKind::kResend)), ElementsAre(HasSubstr("resent without")));
}

TEST(Verify, FindsRecipientsThatThereAreNot) {
  EXPECT_THAT(FindingsOf(AttemptOf(1'000'000)), ElementsAre(HasSubstr("no such recipient")));
}

TEST(Verify, NamesThePlaceOfDamage) {
  SmallLedger ledger;
  ledger.segment_bytes = 2u << 20;
  ASSERT_TRUE(ledger.Open().ok());
  for (RecipientId id = 0; id < 4; ++id) ledger.Deliver(id);
  ASSERT_TRUE(ledger.journal->Close().ok());
  ledger.Flip(SmallLedger::SegmentPath(1), 64 + 44);
  EXPECT_THAT(VerifyIt(ledger).findings, ElementsAre(HasSubstr("/ledger/00000001.seg:64")));
}

}  // namespace
}  // namespace ledger
