#include "tls/sts_cache.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace tls {
namespace {

using base::Duration;
using base::WallTime;

constexpr WallTime kNow = WallTime::FromSeconds(1'800'000'000);

StsPolicy Policy(std::string id, Duration age = Duration::Hours(1)) {
  return {.id = std::move(id), .mode = StsPolicy::Mode::kEnforce, .max_age = age, .mx = {"mx.example"}};
}

TEST(StsCache, APolicyHoldsForItsTime) {
  StsCache cache;
  cache.Put("one.example", Policy("a"), kNow);
  ASSERT_NE(cache.Find("one.example", kNow + Duration::Minutes(59)).policy, nullptr);
  EXPECT_EQ(cache.Find("one.example", kNow).policy->id, "a");
  EXPECT_EQ(cache.Find("one.example", kNow + Duration::Hours(1)).policy, nullptr);
  EXPECT_EQ(cache.Find("two.example", kNow).policy, nullptr);
  EXPECT_TRUE(cache.TakeChanged());
  EXPECT_FALSE(cache.TakeChanged());
}

TEST(StsCache, M08_WhatIsWrittenIsReadBackWhereItIsNewer) {
  StsCache old;
  old.Put("one.example", Policy("a"), kNow);
  old.Put("two.example", Policy("b"), kNow);
  old.Put("over.example", Policy("c", Duration::Seconds(1)), kNow);
  const std::string file = old.Write(kNow + Duration::Minutes(1));
  StsCache cache;
  cache.Put("two.example", Policy("newer"), kNow + Duration::Minutes(2));
  cache.TakeChanged();
  cache.Read(file, kNow + Duration::Minutes(3));
  EXPECT_EQ(cache.Find("one.example", kNow + Duration::Minutes(3)).policy->id, "a");
  EXPECT_EQ(cache.Find("two.example", kNow + Duration::Minutes(3)).policy->id, "newer");
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_FALSE(cache.TakeChanged());
}

TEST(StsCache, DamagedLinesAreSkipped) {
  StsCache cache;
  cache.Read(
      "sluice mta-sts 1\nno\n one 1 a none 5 -\nx.example y a none 5 -\nfuture.example 1900000000 a none 5000 -\n"
      "good.example 1799999999 a none 5000 -\ncut.example 1799999999 a none",
      kNow);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_NE(cache.Find("good.example", kNow).policy, nullptr);
  cache.Read("another format\nbad.example 1799999999 a none 5000 -\n", kNow);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(StsCache, IsBoundedAndTheOldestGoFirst) {
  StsCache cache(100 * 400);
  for (int i = 0; i < 1000; ++i) cache.Put(absl::StrCat("d", i, ".example"), Policy("a"), kNow + Duration::Seconds(i));
  EXPECT_LE(cache.size(), 200u);
  EXPECT_GE(cache.size(), 50u);
  EXPECT_NE(cache.Find("d999.example", kNow).policy, nullptr);
  EXPECT_EQ(cache.Find("d0.example", kNow).policy, nullptr);
}

}  // namespace
}  // namespace tls
