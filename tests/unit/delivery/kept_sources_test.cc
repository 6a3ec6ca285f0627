#include "engine/delivery/kept_sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/delivery/recipient_queue.h"

namespace delivery {
namespace {

using Pool = std::vector<Source>;

Pool PoolOf(const std::vector<std::pair<std::string, std::uint32_t>>& members) {
  Pool pool;
  for (const auto& [name, weight] : members) {
    pool.emplace_back();
    pool.back().name = name;
    pool.back().weight = weight;
  }
  return pool;
}

// A campaign that is run again and again, and what its ledger says.
struct Campaign {
  static constexpr ledger::RecipientId kRecipients = 2000;

  // Each recipient of every `step` is tried; all have a source. Returns who went by which.
  std::map<ledger::RecipientId, std::string> Run(const Pool& pool, ledger::RecipientId step) {
    KeptSources kept = *KeptSources::Parse(text);
    kept.Use(pool);
    text = kept.Text();
    std::vector<std::uint32_t> weights;
    for (const Source& source : pool) weights.push_back(source.weight);
    std::map<ledger::RecipientId, std::string> by;
    for (ledger::RecipientId id = 0; id < kRecipients; ++id) {
      const std::uint16_t via = kept.InRun(id, ledger[id]);
      EXPECT_TRUE(!kept.IsSame() || via == ledger[id].via);
      by[id] = pool.at(via != 0 ? via - 1u : OwnSource(id, weights)).name;
      if (id % step != 0) continue;
      ledger[id].first_attempt_s = 1;
      ledger[id].via = kept.InLedger(id, via);
      EXPECT_TRUE(!kept.IsSame() || via == ledger[id].via);
    }
    return by;
  }
  std::string text;
  std::vector<ledger::RecipientEntry> ledger = std::vector<ledger::RecipientEntry>(kRecipients);
};

TEST(KeptSources, WhoWasTriedKeepsHisSourceThroughEveryPoolThatHasIt) {
  Campaign campaign;
  const std::vector<Pool> pools = {
      PoolOf({{"a", 1}, {"b", 3}}),           PoolOf({{"b", 3}, {"a", 1}}),
      PoolOf({{"a", 5}, {"b", 1}, {"c", 9}}), PoolOf({{"c", 1}, {"d", 1}, {"b", 1}}),
      PoolOf({{"a", 1}, {"b", 3}}),           PoolOf({{"d", 1}, {"c", 1}, {"b", 1}, {"a", 1}}),
  };
  std::map<ledger::RecipientId, std::string> last;  // Of those who were tried.
  ledger::RecipientId step = 64;                    // From run to run more are.
  for (const Pool& pool : pools) {
    const auto by = campaign.Run(pool, step);
    std::size_t kept = 0;
    for (const auto& tried : last) {
      const bool is_there =
          std::any_of(pool.begin(), pool.end(), [&](const Source& one) { return one.name == tried.second; });
      if (!is_there) continue;
      EXPECT_EQ(by.at(tried.first), tried.second) << tried.first;
      ++kept;
    }
    EXPECT_TRUE(last.empty() || kept > 0);
    for (ledger::RecipientId id = 0; id < Campaign::kRecipients; id += step) last[id] = by.at(id);
    step /= 2;
  }
}

TEST(KeptSources, WhoWasNotTriedIsSharedOutByTheNewWeights) {
  Campaign campaign;
  (void)campaign.Run(PoolOf({{"a", 1}, {"b", 1}}), Campaign::kRecipients);
  const auto by = campaign.Run(PoolOf({{"a", 1}, {"b", 1}, {"c", 8}}), Campaign::kRecipients);
  const auto by_c = std::count_if(by.begin(), by.end(), [](const auto& one) { return one.second == "c"; });
  EXPECT_NEAR(static_cast<double>(by_c), 1600, 100);
}

TEST(KeptSources, OfAPoolThatStaysTheLedgerSaysNothing) {
  Campaign campaign;
  for (int i = 0; i < 3; ++i) (void)campaign.Run(PoolOf({{"a", 1}, {"b", 2}}), 1);
  for (const ledger::RecipientEntry& entry : campaign.ledger) EXPECT_EQ(entry.via, 0);
}

TEST(KeptSources, ReadsWhatItWroteAndNothingElse) {
  KeptSources kept;
  kept.Use(PoolOf({{"a\tb\n", 2}, {"b", 1}}));
  EXPECT_TRUE(kept.IsSame());
  KeptSources again = *KeptSources::Parse(kept.Text());
  again.Use(PoolOf({{"a\tb\n", 2}, {"b", 1}}));
  EXPECT_TRUE(again.IsSame());
  again.Use(PoolOf({{"a\tb\n", 2}, {"b", 1}, {"c", 1}}));
  EXPECT_FALSE(again.IsSame());
  EXPECT_EQ(KeptSources::Parse(again.Text())->Text(), again.Text());
  for (const std::string_view wrong : {"x", "sluice-sources 1\n", "sluice-sources 1\n1\ta", "sluice-sources 1\n0\ta\n",
                                       "sluice-sources 1\n1\ta\n0\tb\n1\tc\n", "sluice-sources 1\n-1\ta\n",
                                       "sluice-sources 1\n1 a\n", "sluice-sources 2\n1\ta\n"})
    EXPECT_TRUE(absl::IsDataLoss(KeptSources::Parse(wrong).status())) << wrong;
}

}  // namespace
}  // namespace delivery
