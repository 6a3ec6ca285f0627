#include "tls/results.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tls {
namespace {

TEST(TlsResults, R01_AreCountedByDomainPolicyAndType) {
  ResultCounts counts;
  counts.Add("one.example", PolicyType::kSts, Result::kSuccess);
  counts.Add("one.example", PolicyType::kSts, Result::kSuccess);
  counts.Add("one.example", PolicyType::kTlsa, Result::kDnssecInvalid);
  EXPECT_EQ(counts.counts().at({"one.example", PolicyType::kSts, Result::kSuccess}), 2u);
  EXPECT_EQ(counts.Write(), "sluice tls-results 1\none.example sts success 2\none.example tlsa dnssec-invalid 1\n");
  EXPECT_TRUE(counts.TakeChanged());
  EXPECT_FALSE(counts.TakeChanged());
}

TEST(TlsResults, AFileAddsToWhatIsCounted) {
  ResultCounts counts;
  counts.Add("one.example", PolicyType::kSts, Result::kSuccess);
  const std::string file = counts.Write();
  counts.Read(file + "x\nx y z 1\nb.example sts success -1\n");
  EXPECT_EQ(counts.counts().size(), 1u);
  EXPECT_EQ(counts.counts().begin()->second, 2u);
  counts.Read("another\none.example sts success 5\n");
  EXPECT_EQ(counts.counts().begin()->second, 2u);
}

TEST(TlsResults, R03_AreExactUnderManyThreads) {
  ResultCounts counts;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counts] {
      for (int n = 0; n < 5000; ++n) counts.Add("one.example", PolicyType::kNone, Result::kSuccess);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.counts().begin()->second, 20'000u);
}

TEST(TlsResults, VeryManyDomainsAreBounded) {
  ResultCounts counts;
  for (std::size_t i = 0; i < ResultCounts::kKeysMax + 10; ++i)
    counts.Add(absl::StrCat("d", i), PolicyType::kNone, Result::kSuccess);
  EXPECT_LE(counts.counts().size(), ResultCounts::kKeysMax + 1);
  EXPECT_EQ(counts.counts().at({"other", PolicyType::kNone, Result::kSuccess}), 10u);
}

}  // namespace
}  // namespace tls
