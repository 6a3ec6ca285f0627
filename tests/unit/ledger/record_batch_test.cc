#include "engine/ledger/record_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace ledger {
namespace {

TEST(RecordBatch, KeepsItsOwnCopyOfEveryText) {
  std::string text(100, 'a'), large(100'000, 'b');
  RecordBatch batch;
  Outcome outcome;
  outcome.reply_text = large;
  outcome.throttled_by = text;
  batch.Add(outcome);
  batch.Add(CampaignState{
      .kind = CampaignStateKind::kPaused, .time = {}, .scope = text, .by = text, .reason = text, .sample = large});
  batch.Add(SiteState{.time = {}, .site = text, .source = text, .until = {}, .reason = text, .sample = text});
  text.assign(100, 'x');
  large.assign(100'000, 'x');
  ASSERT_EQ(batch.count(), 3u);
  const std::string a(100, 'a'), b(100'000, 'b');
  EXPECT_EQ(std::get<Outcome>(batch.records()[0]).reply_text, b);
  EXPECT_EQ(std::get<Outcome>(batch.records()[0]).throttled_by, a);
  EXPECT_EQ(std::get<CampaignState>(batch.records()[1]).sample, b);
  EXPECT_EQ(std::get<SiteState>(batch.records()[2]).reason, a);
}

TEST(RecordBatch, KeepsTextsApartOverManyBlocks) {
  RecordBatch batch;
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = "reply " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 90), '.');
    Outcome outcome;
    outcome.reply_text = text;
    batch.Add(outcome);
  }
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = "reply " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 90), '.');
    ASSERT_EQ(std::get<Outcome>(batch.records()[static_cast<std::size_t>(i)]).reply_text, text);
  }
}

TEST(RecordBatch, IsEmptyAndUsableAfterClear) {
  RecordBatch batch;
  EXPECT_TRUE(batch.empty());
  for (int round = 0; round < 3; ++round) {
    Outcome outcome;
    const std::string text(10'000, static_cast<char>('a' + round));
    outcome.reply_text = text;
    outcome.site = "mx.example";
    batch.Add(Attempt{});
    batch.Add(outcome);
    EXPECT_FALSE(batch.empty());
    EXPECT_EQ(std::get<Outcome>(batch.records()[1]).reply_text, text);
    EXPECT_EQ(std::get<Outcome>(batch.records()[1]).site, "mx.example");
    batch.Clear();
    EXPECT_TRUE(batch.empty());
  }
}

}  // namespace
}  // namespace ledger
