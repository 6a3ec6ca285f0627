// Where the limits of the host hold more strictly than what they know would make them.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/delivery/host_limits.h"

#include "tests/unit/delivery/kept_limits.h"

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using base::WallTime;

// The program may be killed at any time: what it has sent by then is written down, but for one message.
TEST(StrictHostLimits, OfABurstThatIsNotWrittenDownYetOneMessageIsSent) {
  Nobody nobody;
  HostLimits limits(/*outlives=*/true);
  const SiteStanding::Options burst{.limits = {.message_rate = base::Rate{100, Duration::Hours(24), 100}}};
  const auto room = [&nobody](LimitGroup& group, const std::shared_ptr<void>& owner) {
    GroupMember member(std::shared_ptr<LimitGroup>(owner, &group), GroupMember::Identity{nobody, 1, 0, 1});
    return group.RoomToBegin(member, kNow, {}).count;
  };
  const auto site = limits.Site("one", "mx.example", 0, burst, kNow);
  const auto group = limits.Group({HostLimits::Kind::kProvider, "one", "big"}, burst.limits, kNow);
  EXPECT_EQ(room(site->group(), site), 1u);
  EXPECT_EQ(room(*group, group), 1u);
  const std::string text = limits.Save("one", kNow, kWall, Duration::Seconds(2));
  EXPECT_EQ(room(site->group(), site), 1u) << "it is not durable";
  const auto later = limits.Site("one", "later.example", 0, burst, kNow);
  limits.OnSaved("one");
  EXPECT_EQ(room(site->group(), site), 100u);
  EXPECT_EQ(room(*group, group), 100u);
  EXPECT_EQ(room(later->group(), later), 1u) << "it was not there";
  HostLimits after;
  ASSERT_TRUE(after.Load(text, "one", kNow, kWall).ok());
  const auto again = after.Site("one", "mx.example", 0, burst, kNow);
  EXPECT_EQ(room(again->group(), again), 0u);
  // A rate that changes is new.
  SiteStanding::Options more = burst;
  more.limits.message_rate->burst_max = 200;
  site->SetOptions(0, more, kNow);
  EXPECT_EQ(room(site->group(), site), 1u);
  EXPECT_TRUE(limits.TakeNews());
}

// Its trouble may have been that of the host that is gone.
TEST(StrictHostLimits, WhoLeavesAHostBehindBringsNoTroubleToASiteThatIsKnown) {
  HostLimits limits;
  const auto old = limits.Site("one", "(evil|b)", 0, kSlow, kNow);
  const auto known = limits.Site("one", "(b|d)", 0, kSlow, kNow);
  Send(known, kNow);
  (void)old->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  limits.Inherit("one", "(evil|b)", "(b|d)", /*all_hosts=*/false, kNow);
  EXPECT_FALSE(known->suspension(kEvery).IsActive(kNow));
}

TEST(StrictHostLimits, OfASiteThatIsKnownWhatIsStricterHoldsForWhoMovesThere) {
  HostLimits limits;
  const auto old = limits.Site("one", "(a|b)", 0, kSlow, kNow);
  const auto known = limits.Site("one", "(b|d)", 0, kSlow, kNow);
  Send(old, kNow + Duration::Seconds(1));
  Send(known, kNow);  // It owes less.
  old->OnTrouble(kNow, kNow);
  (void)old->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  limits.Inherit("one", "(a|b)", "(b|d)", /*all_hosts=*/true, kNow);
  EXPECT_EQ(known->suspension(kEvery).until() - kNow, Duration::Hours(1));
  EXPECT_EQ(known->group().TokenAt(), old->group().TokenAt());
  EXPECT_EQ(known->group().connections_max(), 1u);
  // What is stricter there stays.
  (void)known->SuspendUntil(kEverybody, kNow + Duration::Hours(5), kNow, "r", "s");
  limits.Inherit("one", "(a|b)", "(b|d)", /*all_hosts=*/true, kNow);
  EXPECT_EQ(known->suspension(kEvery).until() - kNow, Duration::Hours(5));
  const auto healthy = limits.Site("one", "(e|f)", 0, kSlow, kNow);
  limits.Inherit("one", "(e|f)", "(b|d)", /*all_hosts=*/true, kNow);
  EXPECT_EQ(known->suspension(kEvery).until() - kNow, Duration::Hours(5));
  EXPECT_EQ(known->group().connections_max(), 1u);
}

// Each of its domains goes that way: what was learned there is not said again to whoever has learned since.
TEST(StrictHostLimits, WhatWasLearnedGoesWithTheFirstWhoMoves) {
  HostLimits limits;
  const SiteStanding::Options wide{.limits = {.connections = 20}};
  const auto old = limits.Site("one", "(a|b)", 0, wide, kNow);
  const auto known = limits.Site("one", "(b|d)", 0, wide, kNow);
  for (const auto& site : {old, known}) {
    for (int i = 0; i < 100; ++i) site->OnAccepted(kNow, Duration::Milliseconds(1));
  }
  const std::uint32_t before = known->group().connections_max();
  for (int i = 0; i < 3; ++i) old->OnTrouble(kNow + Duration::Seconds(i), kNow + Duration::Seconds(i));
  limits.Inherit("one", "(a|b)", "(b|d)", /*all_hosts=*/true, kNow);
  EXPECT_LT(known->group().connections_max(), before);
  for (int i = 0; i < 100; ++i) known->OnAccepted(kNow + Duration::Seconds(9), Duration::Milliseconds(1));
  const std::uint32_t learned = known->group().connections_max();
  limits.Inherit("one", "(a|b)", "(b|d)", /*all_hosts=*/true, kNow + Duration::Seconds(10));
  EXPECT_EQ(known->group().connections_max(), learned);
  // But a suspension is of the hosts, whoever comes when.
  (void)old->Suspend(kNow + Duration::Seconds(11), {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  limits.Inherit("one", "(a|b)", "(b|d)", /*all_hosts=*/true, kNow + Duration::Seconds(12));
  EXPECT_TRUE(known->suspension(kEvery).IsActive(kNow + Duration::Seconds(12)));
}

// Domains with limits of their own come and go, and nobody asks for them again.
TEST(StrictHostLimits, WhatRulesHaveSetIsForgottenWhenItIsOver) {
  HostLimits limits(/*outlives=*/true);
  for (int hour = 0; hour < 10; ++hour) {
    const Instant now = kNow + Duration::Hours(hour);
    for (int i = 0; i < 100; ++i) {
      limits.RememberSetting("one", "d" + std::to_string(hour * 100 + i) + ".example@mx",
                             {"rule", "max_message_rate", true, now + Duration::Minutes(30), "450 slow"}, now);
    }
    EXPECT_LE(limits.size(), 200u);
  }
}

}  // namespace
}  // namespace delivery
