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

TEST(TlsResults, VeryManyDomainsAreBounded) {
  ResultCounts counts;
  for (std::size_t i = 0; i < ResultCounts::kKeysMax + 10; ++i)
    counts.Add({kDay, absl::StrCat("d", i), PolicyType::kNone, Result::kSuccess});
  EXPECT_LE(counts.counts().size(), ResultCounts::kKeysMax + 1);
  EXPECT_EQ(counts.counts().at({kDay, "other", PolicyType::kNone, Result::kSuccess}), 10u);
}

TEST(TlsResults, ANewDayHasRoomForItsDomains) {
  constexpr std::size_t kDomains = ResultCounts::kKeysMax / 2 - 1;
  ResultCounts counts;
  for (std::int64_t day = kDay; day < kDay + 3; ++day) {
    for (std::size_t i = 0; i < kDomains; ++i)
      counts.Add({day, absl::StrCat("d", i), PolicyType::kNone, Result::kSuccess});
  }
  const auto all = counts.counts();
  EXPECT_LE(all.size(), ResultCounts::kKeysMax + 1);
  EXPECT_EQ(all.at({kDay, "other", PolicyType::kNone, Result::kSuccess}), kDomains);
  EXPECT_EQ(all.count({kDay, "d0", PolicyType::kNone, Result::kSuccess}), 0u);
  for (std::int64_t day = kDay + 1; day < kDay + 3; ++day)
    EXPECT_EQ(all.count({day, "d7", PolicyType::kNone, Result::kSuccess}), 1u) << day;
  EXPECT_EQ(all.count({kDay + 2, absl::StrCat("d", kDomains - 1), PolicyType::kNone, Result::kSuccess}), 1u);
}

}  // namespace
}  // namespace tls
