#include "dns/query_gate.h"

#include "gtest/gtest.h"

namespace dns {
namespace {

using base::Duration;
using base::Instant;

int PassedAt(QueryGate& gate, Instant now) {
  int passed = 0;
  while (gate.TryPass(now)) ++passed;
  return passed;
}

TEST(QueryGate, PassesATenthOfASecondsWorthAndThenTheEvenRate) {
  const Instant start = Instant::FromNanoseconds(5'000'000'000);
  QueryGate gate(500, start);
  EXPECT_EQ(PassedAt(gate, start), 51);
  int passed = 0;
  for (int ms = 1; ms <= 2000; ++ms) passed += PassedAt(gate, start + Duration::Milliseconds(ms));
  EXPECT_EQ(passed, 1000);
}

TEST(QueryGate, SaysWhenItOpens) {
  const Instant start = Instant::FromNanoseconds(5'000'000'000);
  QueryGate gate(10, start);
  PassedAt(gate, start);
  EXPECT_GT(gate.OpensAt(), start);
  EXPECT_FALSE(gate.TryPass(gate.OpensAt() - Duration::Nanoseconds(1)));
  EXPECT_TRUE(gate.TryPass(gate.OpensAt()));
}

TEST(QueryGate, ARestIsNotSavedUp) {
  const Instant start = Instant::FromNanoseconds(5'000'000'000);
  QueryGate gate(100, start);
  PassedAt(gate, start);
  EXPECT_EQ(PassedAt(gate, start + Duration::Hours(1)), 11);
}

}  // namespace
}  // namespace dns
