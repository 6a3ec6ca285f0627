#include "engine/ledger/checkpoint.h"

#include <gtest/gtest.h>

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

CampaignFacts SomeFacts() {
  CampaignFacts facts;
  facts.Apply(CampaignState{
      .kind = CampaignStateKind::kRunning, .time = At(1), .scope = {}, .by = {}, .reason = {}, .sample = {}});
  facts.Apply(CampaignState{.kind = CampaignStateKind::kPaused,
                            .time = At(9),
                            .scope = "campaign",
                            .by = "auth",
                            .reason = "SPF fails",
                            .sample = "550 5.7.26"});
  facts.Apply(
      SiteState{.time = At(2), .site = "a", .source = "s", .until = At(3602), .reason = "SpamBlock", .sample = "550"});
  return facts;
}

absl::Status Write(SmallLedger& ledger, std::uint64_t seq, const Table& table) {
  return WriteCheckpoint(ledger.disk, kFolder, {.campaign_hash = kHash, .seq = seq, .next_segment = seq + 1},
                         SomeFacts(), table.table);
}

std::string PathOf(std::uint64_t seq) { return std::string(kFolder) + "/checkpoint-" + std::to_string(seq); }

TEST(Checkpoint, GivesBackThatTheResolverIsTrusted) {
  SmallLedger ledger;
  Table table;
  for (const bool trusted : {false, true}) {
    CampaignFacts written = SomeFacts(), read;
    written.resolver_trusted = trusted;
    ASSERT_TRUE(WriteCheckpoint(ledger.disk, kFolder, {.campaign_hash = kHash, .seq = 12, .next_segment = 13}, written,
                                table.table)
                    .ok());
    ASSERT_TRUE(ReadCheckpoint(ledger.disk, kFolder, kHash, read, table.table).ok());
    EXPECT_EQ(read.resolver_trusted, trusted);
    EXPECT_EQ(read.kind, written.kind);
    EXPECT_EQ(read.pauses.at("campaign").by, "auth");
  }
}

TEST(Checkpoint, GivesBackTableAndFacts) {
  SmallLedger ledger;
  Table out;
  out.table.Apply(AttemptOf(3));
  out.table.Apply(OutcomeOf(99, OutcomeKind::kBounced));
  ASSERT_TRUE(Write(ledger, 12, out).ok());
  Table in;
  CampaignFacts facts;
  const auto header = ReadCheckpoint(ledger.disk, kFolder, kHash, facts, in.table);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->seq, 12u);
  EXPECT_EQ(header->next_segment, 13u);
  EXPECT_EQ(in.bytes(), out.bytes());
  EXPECT_EQ(facts.kind, CampaignStateKind::kPaused);
  EXPECT_EQ(facts.since, At(9));
  EXPECT_EQ(facts.pauses.at("campaign").by, "auth");
  EXPECT_EQ(facts.pauses.at("campaign").sample, "550 5.7.26");
  EXPECT_EQ(facts.started_at, At(1));
  EXPECT_EQ(facts.runs, 1u);
  ASSERT_EQ(facts.suspensions.size(), 1u);
  EXPECT_EQ((facts.suspensions.at({"a", "s"}).until), At(3602));
  EXPECT_EQ((facts.suspensions.at({"a", "s"}).reason), "SpamBlock");
}

TEST(Checkpoint, TheNewestTwoAreKept) {
  SmallLedger ledger;
  const Table table;
  for (const std::uint64_t seq : {5u, 80u, 9u, 100u}) ASSERT_TRUE(Write(ledger, seq, table).ok());
  EXPECT_EQ(ledger.Files(), (std::vector<std::string>{"checkpoint-100", "checkpoint-80"}));
}

TEST(Checkpoint, OneThatIsDamagedAnywhereIsPassedOverForTheOneBefore) {
  SmallLedger ledger;
  const Table table;
  ASSERT_TRUE(Write(ledger, 5, table).ok());
  ASSERT_TRUE(Write(ledger, 9, table).ok());
  const std::string good = ledger.Read(PathOf(9));
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    ledger.Write(PathOf(9), bad);
    Table in;
    CampaignFacts facts;
    const auto header = ReadCheckpoint(ledger.disk, kFolder, kHash, facts, in.table);
    ASSERT_TRUE(header.ok()) << at;
    ASSERT_EQ(header->seq, 5u) << at;
  }
  ledger.Write(PathOf(9), std::string_view(good).substr(0, good.size() / 2));
  Table in;
  CampaignFacts facts;
  EXPECT_EQ(ReadCheckpoint(ledger.disk, kFolder, kHash, facts, in.table)->seq, 5u);
}

TEST(Checkpoint, OfAnotherCampaignOrSizeIsNone) {
  SmallLedger ledger;
  const Table table;
  ASSERT_TRUE(Write(ledger, 5, table).ok());
  CampaignFacts facts;
  Table in, larger(testing::kRecipients + 1);
  EXPECT_TRUE(absl::IsNotFound(ReadCheckpoint(ledger.disk, kFolder, kHash + 1, facts, in.table).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadCheckpoint(ledger.disk, kFolder, kHash, facts, larger.table).status()));
  EXPECT_EQ(in.bytes().find_first_not_of('\0'), std::string_view::npos) << "the table was touched";
}

TEST(Checkpoint, IsTheOldOneOrTheNewOneWhereverTheDiskFails) {
  for (std::uint64_t fail_after = 0; fail_after < 12; ++fail_after) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      SmallLedger ledger;
      Table old_table, new_table;
      new_table.table.Apply(AttemptOf(1));
      ASSERT_TRUE(Write(ledger, 5, old_table).ok());
      ledger.disk.FailAfter(fail_after);
      const bool promised = Write(ledger, 9, new_table).ok();
      ledger.disk.FailAfter(std::nullopt);
      base::Prng prng(seed);
      ledger.disk.Crash(prng);
      Table in;
      CampaignFacts facts;
      const auto header = ReadCheckpoint(ledger.disk, kFolder, kHash, facts, in.table);
      ASSERT_TRUE(header.ok());
      if (promised) {
        ASSERT_EQ(header->seq, 9u);
      }
      ASSERT_EQ(in.bytes(), header->seq == 9 ? new_table.bytes() : old_table.bytes());
    }
  }
}

}  // namespace
}  // namespace ledger
