#include "engine/base/prng.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/base/stable_hash.h"

namespace base {
namespace {

TEST(Prng, GivesTheSameNumbersForTheSameSeed) {
  Prng a(42), b(42), c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t next = a.Next();
    EXPECT_EQ(next, b.Next());
    differs |= next != c.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(Prng, StaysTheSameOverVersionsOfTheProgram) {  // A seed in a report must mean the same campaign years later.
  Prng prng(1);
  EXPECT_EQ(prng.Next(), 0x04DC8D2531BA3221ull);
  EXPECT_EQ(prng.Next(), 0xE8991319F560FE66ull);
}

TEST(Prng, IsUniformBelowABound) {
  Prng prng(7);
  std::vector<int> counts(10);
  for (int i = 0; i < 100'000; ++i) ++counts[prng.Below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(prng.Below(1), 0u);
}

TEST(Prng, UnitIsInItsRangeAndChanceKeepsToIt) {
  Prng prng(7);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double unit = prng.Unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    hits += prng.Chance(0.25) ? 1 : 0;
  }
  EXPECT_NEAR(hits, 25'000, 700);
  EXPECT_FALSE(prng.Chance(0));
  EXPECT_TRUE(prng.Chance(1));
}

TEST(StableHash, StaysTheSameOverVersionsOfTheProgram) {  // Files, samples and sharding are made with it.
  EXPECT_EQ(StableHash(""), 0x48218226FF3CD4BFull);
  EXPECT_EQ(StableHash("example.com"), 0x98B9246BAB14EB6Eull);
  EXPECT_EQ(StableHash("a text longer than eight bytes", 9), 0xAC2D39B69272DE98ull);
  EXPECT_EQ(StableHashCombine(1, 2), 0x20E83764BDAEE03Cull);
}

TEST(StableHash, TellsTextsSeedsAndOrdersApart) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(StableHash(std::to_string(i)));
  for (std::size_t size = 0; size < 100; ++size) seen.insert(StableHash(std::string(size, '\0')));
  EXPECT_EQ(seen.size(), 10'100u);
  EXPECT_NE(StableHash("a", 1), StableHash("a", 2));
  EXPECT_NE(StableHashCombine(1, 2), StableHashCombine(2, 1));
}

TEST(StableHash, SpreadsEvenlyOverShards) {
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[StableHash("d" + std::to_string(i) + ".example") % 7];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace
}  // namespace base
