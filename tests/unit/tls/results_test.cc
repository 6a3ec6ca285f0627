#include "tls/results.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tls {
namespace {

constexpr std::int64_t kDay = 20'785;  // 2026-11-28

// RFC 8460 section 4.1: a report is of one day, from 00:00 UTC.
TEST(TlsResults, R01_ADayBeginsAtMidnight) {
  const std::int64_t midnight = kDay * 86'400;
  EXPECT_EQ(ResultCounts::DayOf(base::WallTime::FromSeconds(midnight)), kDay);
  EXPECT_EQ(ResultCounts::DayOf(base::WallTime::FromSeconds(midnight - 1)), kDay - 1);
  EXPECT_EQ(ResultCounts::DateOf(kDay), "2026-11-28");
  ResultCounts counts;
  counts.Add({kDay, "one.example", PolicyType::kSts, Result::kSuccess});
  counts.Add({kDay + 1, "one.example", PolicyType::kSts, Result::kSuccess}, 2);
  ResultCounts again;
  again.Read(counts.Write());
  EXPECT_EQ(again.counts(), counts.counts());
  EXPECT_EQ(again.counts().size(), 2u);
}

TEST(TlsResults, R01_AreCountedByDomainPolicyAndType) {
  ResultCounts counts;
  counts.Add({kDay, "one.example", PolicyType::kSts, Result::kSuccess});
  counts.Add({kDay, "one.example", PolicyType::kSts, Result::kSuccess});
  counts.Add({kDay, "one.example", PolicyType::kTlsa, Result::kDnssecInvalid});
  EXPECT_EQ(counts.counts().at({kDay, "one.example", PolicyType::kSts, Result::kSuccess}), 2u);
  EXPECT_EQ(
      counts.Write(),
      "sluice tls-results 2\n2026-11-28 one.example sts success 2\n2026-11-28 one.example tlsa dnssec-invalid 1\n");
  EXPECT_TRUE(counts.TakeChanged());
  EXPECT_FALSE(counts.TakeChanged());
}

TEST(TlsResults, AFileAddsToWhatIsCounted) {
  ResultCounts counts;
  counts.Add({kDay, "one.example", PolicyType::kSts, Result::kSuccess});
  const std::string file = counts.Write();
  counts.Read(file + "x\nx y z 1\n2026-11-28 b.example sts success -1\n2026-11-31 b.example sts success 1\n");
  EXPECT_EQ(counts.counts().size(), 1u);
  EXPECT_EQ(counts.counts().begin()->second, 2u);
  counts.Read("another\n2026-11-28 one.example sts success 5\n");
  EXPECT_EQ(counts.counts().begin()->second, 2u);
}

TEST(TlsResults, R03_AreExactUnderManyThreads) {
  ResultCounts counts;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counts] {
      for (int n = 0; n < 5000; ++n) counts.Add({kDay, "one.example", PolicyType::kNone, Result::kSuccess});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.counts().begin()->second, 20'000u);
}

// So many domains of a day.
void Fill(ResultCounts& counts, std::int64_t day, std::size_t domains) {
  for (std::size_t i = 0; i < domains; ++i)
    counts.Add({day, absl::StrCat("d", i), PolicyType::kNone, Result::kSuccess});
}
std::uint64_t CountOf(const std::map<ResultCounts::Key, std::uint64_t>& counts, std::int64_t day,
                      const std::string& domain) {
  const auto found = counts.find({day, domain, PolicyType::kNone, Result::kSuccess});
  return found == counts.end() ? 0 : found->second;
}

TEST(TlsResults, VeryManyDomainsAreBounded) {
  ResultCounts counts;
  Fill(counts, kDay, ResultCounts::kKeysOfDayMax + 10);
  EXPECT_EQ(counts.counts().size(), ResultCounts::kKeysOfDayMax + 1);
  EXPECT_EQ(CountOf(counts.counts(), kDay, "other"), 10u);
}

TEST(TlsResults, ADayTakesNoRoomFromTheNextNorTheNextFromIt) {
  ResultCounts counts;
  for (const std::int64_t day : {kDay, kDay + 1}) Fill(counts, day, ResultCounts::kKeysOfDayMax);
  counts.Add({kDay, "late", PolicyType::kNone, Result::kSuccess});
  const auto all = counts.counts();
  const std::string last = absl::StrCat("d", ResultCounts::kKeysOfDayMax - 1);
  for (const std::int64_t day : {kDay, kDay + 1}) EXPECT_EQ(CountOf(all, day, last), 1u) << day;
  EXPECT_EQ(CountOf(all, kDay, "other"), 1u);
  EXPECT_EQ(CountOf(all, kDay + 1, "other"), 0u);
}

TEST(TlsResults, VeryManyDaysAreBoundedAndTheOldestGoFirst) {
  ResultCounts counts;
  constexpr std::int64_t kDays = 5;
  constexpr std::size_t kDomains = ResultCounts::kKeysOfDayMax - kDays;  // With room for what is "other".
  for (std::int64_t day = kDay; day < kDay + kDays; ++day) Fill(counts, day, kDomains);
  const auto all = counts.counts();
  EXPECT_LE(all.size(), ResultCounts::kKeysMax);
  for (std::int64_t day = kDay; day < kDay + kDays; ++day) {
    const bool is_old = day < kDay + kDays - 3;
    EXPECT_EQ(CountOf(all, day, "other"), is_old ? kDomains : 0u) << day;
    EXPECT_EQ(CountOf(all, day, "d7"), is_old ? 0u : 1u) << day;
  }
}

}  // namespace
}  // namespace tls
