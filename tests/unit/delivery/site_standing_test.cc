#include "engine/delivery/site_standing.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kNow = Instant::FromNanoseconds(5'000'000'000);
constexpr Suspension::Span kHour = {Duration::Hours(1), Duration::Hours(1)};
const std::vector<std::string> kScopes = ScopesOf("weekly", "");

struct Nobody final : GroupMember::Caller {
  void CallSite(std::uint64_t, GroupMember::Call) override {}
};

// So many connections, which nobody opens or ends.
class Connections {
 public:
  Connections(SiteStanding& standing, int count)
      : member_(std::shared_ptr<LimitGroup>(&standing.group(), [](LimitGroup*) {}),
                GroupMember::Identity{nobody_, 1, 0, 1}) {
    for (int i = 0; i < count; ++i) standing.group().AdoptConnection(member_);
  }

 private:
  Nobody nobody_;
  GroupMember member_;
};

class SiteStandingTest : public testing::Test {
 protected:
  void Accept(int count, Duration took) {
    for (int i = 0; i < count; ++i) standing_.OnAccepted(now_, took);
  }
  std::uint32_t connections() const { return standing_.group().connections_max(); }

  Instant now_ = kNow;
  SiteStanding standing_{0, {.limits = {.connections = 20}}, kNow};
  Connections all_{standing_, 20};
};

TEST_F(SiteStandingTest, WhatIsTakenWithFewConnectionsSaysNothingAboutMany) {
  SiteStanding standing(0, {.limits = {.connections = 20}}, kNow);
  {
    const Connections few(standing, 3);
    for (int i = 0; i < 500; ++i) standing.OnAccepted(kNow, Duration::Milliseconds(100));
    EXPECT_EQ(standing.group().connections_max(), 5u);
  }
  const Connections more(standing, 4);
  for (int i = 0; i < 500; ++i) standing.OnAccepted(kNow, Duration::Milliseconds(100));
  EXPECT_EQ(standing.group().connections_max(), 6u) << "one more is tried";
}

TEST_F(SiteStandingTest, WhereNoMoreAreTakenTheWindowIsAsManyAsThereAre) {
  SiteStanding standing(0, {.limits = {.connections = 20}}, kNow);
  const Connections three(standing, 3);
  standing.OnNoMore(kNow);
  EXPECT_EQ(standing.group().connections_max(), 3u);
  const Connections twenty(standing, 17);
  standing.OnNoMore(kNow);
  EXPECT_EQ(standing.group().connections_max(), 3u) << "it does not grow by that";
}

TEST_F(SiteStandingTest, AReceiverThatTakesEverLongerGetsFewerConnections) {
  Accept(500, Duration::Milliseconds(100));
  ASSERT_EQ(connections(), 20u);
  Accept(9, Duration::Seconds(3));
  EXPECT_EQ(connections(), 20u) << "it may be one slow moment";
  Accept(1, Duration::Seconds(3));
  EXPECT_EQ(connections(), 10u);
  Accept(10, Duration::Seconds(3));
  EXPECT_EQ(connections(), 5u);
  Accept(10, Duration::Milliseconds(200));
  EXPECT_GT(connections(), 5u);
}

TEST_F(SiteStandingTest, AReceiverThatHasBecomeSlowForGoodGetsMoreThanOneConnectionAgain) {
  Accept(500, Duration::Milliseconds(100));
  Accept(50, Duration::Seconds(3));
  ASSERT_EQ(connections(), 1u);
  Accept(500, Duration::Seconds(3));
  EXPECT_EQ(connections(), 20u) << "it takes 3 s with one connection, too";
  Accept(10, Duration::Seconds(25));
  EXPECT_EQ(connections(), 10u);
}

TEST_F(SiteStandingTest, ASlowReplyNowAndThenAndAReceiverThatIsAlwaysSlowAreNoTrouble) {
  Accept(500, Duration::Milliseconds(100));
  for (int i = 0; i < 20; ++i) {
    Accept(9, Duration::Seconds(3));
    Accept(1, Duration::Milliseconds(100));
  }
  EXPECT_EQ(connections(), 20u);
  Accept(500, Duration::Milliseconds(1900));  // Slower than before, and still quick.
  EXPECT_EQ(connections(), 20u);
  SiteStanding slow(0, {.limits = {.connections = 20}}, kNow);
  const Connections all(slow, 20);
  for (int i = 0; i < 500; ++i) slow.OnAccepted(kNow, Duration::Seconds(10));
  EXPECT_EQ(slow.group().connections_max(), 20u);
}

TEST_F(SiteStandingTest, AfterASuspensionThereIsOneConnectionAndThenSlowlyMore) {
  Accept(500, Duration::Milliseconds(100));
  ASSERT_TRUE(standing_.Suspend(now_, kHour, "SpamBlock", "554").has_value());
  EXPECT_EQ(connections(), 1u);
  Accept(100, Duration::Milliseconds(100));  // These were under way.
  EXPECT_EQ(connections(), 1u);
  now_ = kNow + Duration::Hours(1);
  EXPECT_EQ(standing_.RoomToTry(kScopes), 1u);
  const std::optional<Suspensions::TryNumber> number = standing_.Try(kScopes);
  ASSERT_TRUE(number.has_value());
  EXPECT_EQ(standing_.RoomToTry(kScopes), 0u);
  standing_.OnAnswered(kScopes, now_, now_);
  standing_.EndTry(kScopes, *number);
  EXPECT_EQ(standing_.RoomToTry(kScopes), UINT64_MAX);
  EXPECT_EQ(connections(), 1u);
  Accept(1, Duration::Milliseconds(100));
  EXPECT_EQ(connections(), 2u);
  Accept(20, Duration::Milliseconds(100));
  EXPECT_LE(connections(), 6u);
}

TEST_F(SiteStandingTest, WhereNothingIsLearnedTheLimitHoldsAgainAfterTheOneMessage) {
  SiteStanding fixed(0, {.limits = {.connections = 20}, .adaptive = false}, kNow);
  ASSERT_TRUE(fixed.SuspendUntil(kEverybody, kNow + Duration::Hours(1), kNow, "rule", "450"));
  EXPECT_EQ(fixed.group().connections_max(), 1u);
  const Instant later = kNow + Duration::Hours(1);
  EXPECT_EQ(fixed.RoomToTry(kScopes), 1u);
  fixed.OnAnswered(kScopes, later, later);
  EXPECT_EQ(fixed.group().connections_max(), 20u);
}

// A try that outlives its doubt leaves nothing behind that would hold everybody in the next one.
TEST_F(SiteStandingTest, ATryWhoseDoubtIsOverHoldsNobodyInTheNext) {
  EXPECT_EQ(standing_.Try(kScopes), Suspensions::kNoTry) << "nothing to end";
  ASSERT_TRUE(standing_.Suspend(now_, kHour, "SpamBlock", "554").has_value());
  now_ = kNow + Duration::Hours(1);
  const std::optional<Suspensions::TryNumber> old = standing_.Try(kScopes);
  ASSERT_TRUE(old.has_value());
  EXPECT_NE(*old, Suspensions::kNoTry);
  standing_.OnAnswered(kScopes, now_, now_);  // Another's message.
  ASSERT_TRUE(standing_.Suspend(now_, kHour, "SpamBlock", "554").has_value());
  now_ = now_ + Duration::Hours(3);
  EXPECT_EQ(standing_.RoomToTry(kScopes), 1u);
  const std::optional<Suspensions::TryNumber> next = standing_.Try(kScopes);
  ASSERT_TRUE(next.has_value());
  standing_.EndTry(kScopes, *old);
  EXPECT_EQ(standing_.RoomToTry(kScopes), 0u) << "the next one is under way";
  standing_.EndTry(kScopes, *next);
  EXPECT_EQ(standing_.RoomToTry(kScopes), 1u);
}

// A tenant's suspension says nothing about the others' connections.
TEST_F(SiteStandingTest, ATenantsSuspensionLeavesTheOthersAlone) {
  Accept(500, Duration::Milliseconds(100));
  ASSERT_TRUE(standing_.SuspendUntil(TenantScope("acme"), now_ + Duration::Hours(1), now_, "rule", "450"));
  EXPECT_EQ(connections(), 20u);
  EXPECT_EQ(standing_.RoomToTry(kScopes), UINT64_MAX);
  EXPECT_FALSE(standing_.suspension(kScopes).IsActive(now_));
  EXPECT_TRUE(standing_.suspension(ScopesOf("other", "acme")).IsActive(now_));
}

}  // namespace
}  // namespace delivery
