#include "tls/fetch_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace tls {
namespace {

using ::testing::ElementsAre;

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }
const std::vector<base::IpAddress> kSlow = {Ip("192.0.2.1")}, kQuick = {Ip("192.0.2.2")};

std::vector<std::string> Begin(FetchTurns& turns) {
  std::vector<std::string> begun;
  while (const auto fetch = turns.Next()) begun.push_back(fetch->domain);
  return begun;
}

TEST(FetchTurns, OneServerHoldsUpNobodyElse) {
  FetchTurns turns;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(turns.Add({absl::StrCat("slow", i), kSlow, {}}));
  ASSERT_TRUE(turns.Add({"quick", kQuick, {}}));
  const std::vector<std::string> begun = Begin(turns);
  ASSERT_EQ(begun.size(), FetchTurns::kAtOnceThere + 1);
  EXPECT_EQ(begun[0], "slow0");
  EXPECT_EQ(begun[1], "quick");
  EXPECT_TRUE(turns.OnEnded(kSlow[0], false).empty());
  EXPECT_THAT(Begin(turns), ElementsAre(absl::StrCat("slow", FetchTurns::kAtOnceThere)));
}

TEST(FetchTurns, NeighboursInIpv6AreOneServer) {
  FetchTurns turns;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(turns.Add({"a", {Ip(absl::StrCat("2001:db8::", i))}, {}}));
  ASSERT_TRUE(turns.Add({"b", {Ip("2001:db8:0:1::1"), kQuick[0]}, {}}));
  EXPECT_EQ(Begin(turns).size(), FetchTurns::kAtOnceThere + 1);
}

TEST(FetchTurns, SoManyAtOnceAndNoMore) {
  FetchTurns turns;
  for (std::uint32_t i = 0; i < 2 * FetchTurns::kAtOnce; ++i)
    ASSERT_TRUE(turns.Add({"a", {base::IpAddress::V4(0x0B000000 + i)}, {}}));
  EXPECT_EQ(Begin(turns).size(), FetchTurns::kAtOnce);
}

TEST(FetchTurns, WhoWaitsForOneServerLeavesRoomForOthers) {
  FetchTurns turns;
  for (std::size_t i = 0; i < FetchTurns::kWaitingThereMax; ++i) ASSERT_TRUE(turns.Add({"slow", kSlow, {}}));
  EXPECT_FALSE(turns.Add({"slow", kSlow, {}}));
  EXPECT_TRUE(turns.Add({"quick", kQuick, {}}));
  EXPECT_EQ(turns.waiting(), FetchTurns::kWaitingThereMax + 1);
}

TEST(FetchTurns, WhoWaitsForAServerThatIsSlowAgainAndAgainIsGivenUp) {
  FetchTurns turns;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(turns.Add({"slow", kSlow, {}}));
  ASSERT_EQ(Begin(turns).size(), FetchTurns::kAtOnceThere);
  for (int i = 1; i < FetchTurns::kSlowInARow; ++i) {
    EXPECT_TRUE(turns.OnEnded(kSlow[0], true).empty());
    ASSERT_TRUE(turns.Next().has_value());
  }
  ASSERT_TRUE(turns.Add({"quick", kQuick, {}}));
  EXPECT_EQ(turns.OnEnded(kSlow[0], true).size(), 100 - FetchTurns::kAtOnceThere - FetchTurns::kSlowInARow + 1);
  EXPECT_THAT(Begin(turns), ElementsAre("quick"));
}

// Whoever publishes another's address beside his own takes nobody's turns there, and brings nobody into disrepute.
TEST(FetchTurns, TheAddressesBehindTheFirstAreNotBlamed) {
  FetchTurns turns;
  for (int i = 0; i < FetchTurns::kSlowInARow; ++i) ASSERT_TRUE(turns.Add({"evil", {kSlow[0], kQuick[0]}, {}}));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(turns.Add({"good", kQuick, {}}));
  EXPECT_EQ(Begin(turns).size(), 2 * FetchTurns::kAtOnceThere);
  for (int i = 0; i < FetchTurns::kSlowInARow; ++i) EXPECT_TRUE(turns.OnEnded(kSlow[0], true).empty());
  EXPECT_EQ(turns.waiting(), 20 - FetchTurns::kAtOnceThere);
  EXPECT_TRUE(turns.OnEnded(kQuick[0], false).empty());
  EXPECT_THAT(Begin(turns), ElementsAre("good"));
}

TEST(FetchTurns, OneThatIsQuickBetweenForgives) {
  FetchTurns turns;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(turns.Add({"slow", kSlow, {}}));
  for (int i = 0; i < 3 * FetchTurns::kSlowInARow; ++i) {
    ASSERT_TRUE(turns.Next().has_value());
    EXPECT_TRUE(turns.OnEnded(kSlow[0], i % FetchTurns::kSlowInARow != 0).empty());
  }
}

}  // namespace
}  // namespace tls
