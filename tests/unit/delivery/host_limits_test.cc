#include "engine/delivery/host_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/unit/delivery/kept_limits.h"

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using base::WallTime;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(HostLimits, AreTheSameForEverybodyWhoAsks) {
  HostLimits limits;
  const auto a = limits.Site("one", "mx.example", 0, kSlow, kNow);
  EXPECT_EQ(limits.Site("one", "mx.example", 0, kSlow, kNow), a);
  EXPECT_NE(limits.Site("two", "mx.example", 0, kSlow, kNow), a);
  const HostLimits::GroupName name{HostLimits::Kind::kProvider, "one", "big"};
  const auto group = limits.Group(name, {.connections = 5}, kNow);
  EXPECT_EQ(limits.Group(name, {.connections = 3}, kNow), group);
}

TEST(HostLimits, WhatIsLiftedStaysSo) {
  HostLimits before;
  for (const char* const site : {"known.example", "old.example"})
    (void)before.Site("one", site, 0, kSlow, kNow)->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "why", "");
  HostLimits after;
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "one", kNow, kWall).ok());
  const auto known = after.Site("one", "known.example", 0, kSlow, kNow);
  EXPECT_TRUE(known->suspension(kEvery).IsActive(kNow));
  after.Lift("one", "known.example", kEvery, kNow);
  after.Lift("one", "old.example", kEvery, kNow);
  EXPECT_FALSE(known->suspension(kEvery).IsActive(kNow));
  EXPECT_FALSE(after.Site("one", "old.example", 0, kSlow, kNow)->suspension(kEvery).IsActive(kNow));
  EXPECT_TRUE(after.WasLifted("one", "old.example"));
  EXPECT_FALSE(after.WasLifted("two", "old.example"));
}

TEST(HostLimits, ADebtIsAsManyMessagesAtAFasterRate) {
  const auto with = [](std::uint64_t count, Duration period) {
    return SiteStanding::Options{.limits = {.connections = 20, .message_rate = base::Rate{count, period, 1}}};
  };
  HostLimits before;
  Send(before.Site("one", "mx.example", 0, with(100, Duration::Hours(24)), kNow), kNow);
  const std::string saved = before.Save("one", kNow, kWall, {});
  const auto opens_with = [&saved](const SiteStanding::Options& options) {
    HostLimits after;
    EXPECT_TRUE(after.Load(saved, "one", kNow, kWall).ok());
    return after.Site("one", "mx.example", 0, options, kNow)->group().TokenAt() - kNow;
  };
  EXPECT_EQ(opens_with(with(100, Duration::Hours(24))), Duration::Seconds(864));
  EXPECT_EQ(opens_with(with(1000, Duration::Hours(1))), Duration::Milliseconds(3600));
  EXPECT_EQ(opens_with(with(1, Duration::Hours(24))), Duration::Seconds(864)) << "no longer than it was";
}

TEST(HostLimits, OfTwoDebtsOfACampaignTheLongerOneHolds) {
  const HostLimits::GroupName name{HostLimits::Kind::kCampaign, "", "weekly"};
  const LimitOptions slow{.message_rate = base::Rate{1, Duration::Minutes(10), 1}};
  const auto saved = [&](int messages) {
    HostLimits before;
    Nobody nobody;
    const auto group = before.Group(name, slow, kNow);
    for (int i = 0; i < messages; ++i) {
      GroupMember member(group, GroupMember::Identity{nobody, 1, 0, 1});
      group->Begin(member);
      EXPECT_TRUE(group->TakeToken(member, kNow + Duration::Minutes(10 * i)));
      group->OnWritten(member);
    }
    return before.Save("one", kNow, kWall, {});
  };
  const std::string longer = saved(2), shorter = saved(1);
  for (const auto& [first, second] : {std::pair(longer, shorter), std::pair(shorter, longer)}) {
    HostLimits after;
    ASSERT_TRUE(after.Load(first, "one", kNow, kWall).ok());
    ASSERT_TRUE(after.Load(second, "two", kNow, kWall).ok());
    EXPECT_EQ(after.Group(name, slow, kNow)->TokenAt(), kNow + Duration::Minutes(20));
  }
}

TEST(HostLimits, WhatHoldsOverAllSourcesIsKeptApart) {
  HostLimits before;
  Nobody nobody;
  const HostLimits::GroupName name{HostLimits::Kind::kProviderTotal, "", "big"};
  const LimitOptions slow{.message_rate = base::Rate{1, Duration::Minutes(10), 1}};
  {
    const auto group = before.Group(name, slow, kNow);
    GroupMember member(group, GroupMember::Identity{nobody, 1, 0, 1});
    group->Begin(member);
    ASSERT_TRUE(group->TakeToken(member, kNow));
    group->OnWritten(member);
  }
  EXPECT_THAT(before.Save("one", kNow, kWall, {}), Not(HasSubstr("provider-total")));
  HostLimits after;
  ASSERT_TRUE(after.Load(before.Save("", kNow, kWall, {}), "", kNow, kWall).ok());
  EXPECT_EQ(after.Group(name, slow, kNow)->TokenAt() - kNow, Duration::Minutes(10));
}

TEST(HostLimits, TheStrictestOfWhatItsSitesAllowHoldsForAGroup) {
  HostLimits limits;
  Nobody nobody;
  const auto group = limits.Group({HostLimits::Kind::kProvider, "one", "big"}, {.connections = 5}, kNow);
  GroupMember a(group, GroupMember::Identity{nobody, 1, 0, 1});
  auto b = std::make_unique<GroupMember>(group, GroupMember::Identity{nobody, 2, 0, 1});
  group->SetOptionsOf(a, LimitOptions{.connections = 5}, kNow);
  group->SetOptionsOf(*b, LimitOptions{.connections = 2}, kNow);
  EXPECT_EQ(group->connections_max(), 2u);
  group->SetOptionsOf(a, LimitOptions{.connections = 7}, kNow);
  EXPECT_EQ(group->connections_max(), 2u) << "another site's changes nothing";
  group->SetOptionsOf(*b, LimitOptions{.connections = 9, .message_rate = base::Rate{1, Duration::Seconds(1), 1}}, kNow);
  EXPECT_EQ(group->connections_max(), 7u);
  EXPECT_TRUE(group->HasMessageRate());
  group->SetOptionsOf(*b, std::nullopt, kNow);
  EXPECT_FALSE(group->HasMessageRate());
  b.reset();
  group->SetOptionsOf(a, std::nullopt, kNow);
  EXPECT_EQ(group->connections_max(), 7u) << "the last one's stays";
}

// One's is what an automation rule of its own has set for a while.
TEST(HostLimits, TheStrictestOfSeveralCampaignsHolds) {
  HostLimits limits;
  const auto with = [](std::uint32_t connections, std::uint64_t per_second) {
    return SiteStanding::Options{
        .limits = {.connections = connections, .message_rate = base::Rate{per_second, Duration::Seconds(1), 1}},
        .adaptive = false};
  };
  const auto site = limits.Site("one", "mx.example", 0, with(20, 100), kNow);
  EXPECT_EQ(limits.Site("one", "mx.example", 1, with(30, 2), kNow), site);
  EXPECT_EQ(site->group().connections_max(), 20u);
  Send(site, kNow);
  EXPECT_EQ(site->group().TokenAt() - kNow, Duration::Milliseconds(500));
  site->Forget(1, kNow);
  EXPECT_EQ(site->group().TokenAt() - kNow, Duration::Milliseconds(10));
}

TEST(HostLimits, OutliveTheProgram) {
  HostLimits before;
  const auto site = before.Site("one", "mx.example", 0, kSlow, kNow);
  Send(site, kNow);
  site->OnTrouble(kNow, kNow);
  (void)site->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "SpamBlock", "550 5.7.1\ttoo\nmuch");
  const std::string text = before.Save("one", kNow, kWall, {});

  HostLimits after;
  const Instant later = Instant::FromNanoseconds(77);  // Another clock, and a minute has passed.
  ASSERT_TRUE(after.Load(text, "one", later, kWall + Duration::Minutes(1)).ok());
  const auto again = after.Site("one", "mx.example", 0, kSlow, later);
  EXPECT_EQ(again->group().TokenAt() - later, Duration::Minutes(9));
  EXPECT_EQ(again->group().connections_max(), site->group().connections_max());
  EXPECT_EQ(again->suspension(kEvery).until() - later, Duration::Minutes(59));
  EXPECT_EQ(later - again->suspension(kEvery).since(), Duration::Minutes(1));
  EXPECT_EQ(again->suspension(kEvery).reason(), "SpamBlock");
  EXPECT_EQ(again->suspension(kEvery).sample(), "550 5.7.1\ttoo\nmuch");
}

TEST(HostLimits, P18_WhatIsKnownOfBrokenTlsOutlivesTheProgram) {
  const TlsPeer a{"mx.example", base::IpAddress::V4(0x0A000001), true};
  const TlsPeer b{"mx.example", base::IpAddress::V4(0x0A000002)};
  HostLimits before, after;
  before.broken_tls().compatible.Remember(a, kNow + Duration::Hours(2));
  before.broken_tls().clear.Remember(b, kNow + Duration::Hours(1));
  before.broken_tls().refused.Remember(b, kNow + Duration::Hours(1));
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "one", kNow, kWall + Duration::Minutes(30)).ok());
  for (const auto& [minutes, compatible, clear] : {std::tuple(29, true, true), {89, true, false}, {91, false, false}}) {
    const base::Instant now = kNow + Duration::Minutes(minutes);
    EXPECT_EQ(after.broken_tls().compatible.Contains(a, now), compatible);
    EXPECT_EQ(after.broken_tls().clear.Contains(b, now), clear);
    EXPECT_EQ(after.broken_tls().refused.Contains(b, now), clear);
    EXPECT_FALSE(after.broken_tls().compatible.Contains(b, now) || after.broken_tls().clear.Contains(a, now));
  }
}

// For whom it was found broken is not known: it is found out again.
TEST(HostLimits, WhatOlderProgramsWroteOfBrokenTlsIsDropped) {
  HostLimits limits;
  const std::string text = "sluice-limits 1 1000000\nbroken-tls\t\t10.0.0.1\t0\t0\t3600000000\t0\t0\t\t\t0\n";
  ASSERT_TRUE(limits.Load(text, "one", kNow, base::WallTime::FromSeconds(1)).ok());
  EXPECT_EQ(limits.broken_tls().clear.size(), 0u);
}

TEST(HostLimits, WhatNobodyAskedForIsKeptForTheNextProgram) {
  HostLimits first, second, third;
  (void)first.Site("one", "mx.example", 0, kSlow, kNow)
      ->Suspend(kNow, {Duration::Hours(2), Duration::Hours(2)}, "r", "s");
  ASSERT_TRUE(second.Load(first.Save("one", kNow, kWall, {}), "one", kNow, kWall + Duration::Minutes(30)).ok());
  ASSERT_TRUE(
      third.Load(second.Save("one", kNow, kWall + Duration::Minutes(30), {}), "one", kNow, kWall + Duration::Hours(1))
          .ok());
  EXPECT_EQ(third.Site("one", "mx.example", 0, kSlow, kNow)->suspension(kEvery).until() - kNow, Duration::Hours(1));
}

// The next program tries one message, too, and holds the tenant's mail alone.
TEST(HostLimits, WhoIsHeldAndWhatIsInDoubtOutliveTheProgram) {
  HostLimits before, after, late;
  const auto site = before.Site("one", "mx.example", 0, kSlow, kNow);
  ASSERT_TRUE(site->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "SpamBlock", "554").has_value());
  ASSERT_TRUE(site->SuspendUntil("tenant:a b", kNow + Duration::Hours(3), kNow, "rule", "450"));
  const std::string text = before.Save("one", kNow, kWall, {});
  ASSERT_TRUE(after.Load(text, "one", kNow, kWall + Duration::Hours(2)).ok());
  const auto again = after.Site("one", "mx.example", 0, kSlow, kNow);
  EXPECT_FALSE(again->suspension(kEvery).IsActive(kNow));
  EXPECT_EQ(again->suspension(ScopesOf("", "a b")).until() - kNow, Duration::Hours(1));
  EXPECT_EQ(again->RoomToTry(kEvery), 1u);
  EXPECT_EQ(again->group().connections_max(), 1u);
  ASSERT_TRUE(late.Load(text, "one", kNow, kWall + Duration::Hours(48)).ok());
  EXPECT_EQ(late.Site("one", "mx.example", 0, kSlow, kNow)->RoomToTry(kEvery), UINT64_MAX);
}

TEST(HostLimits, TheNextSuspensionIsTwiceAsLongInTheNextProgramToo) {
  const Suspension::Span hours = {Duration::Hours(1), Duration::Hours(12)};
  for (const Duration later : {Duration::Minutes(110), Duration::Hours(3)}) {  // It holds, or is over and in doubt.
    HostLimits before, after;
    const auto site = before.Site("one", "mx.example", 0, kSlow, kNow);
    (void)site->Suspend(kNow, hours, "SpamBlock", "554");
    const Instant second = kNow + Duration::Hours(1);
    (void)site->Suspend(second, hours, "SpamBlock", "554");
    const std::string text = before.Save("one", second + Duration::Minutes(1), kWall, {});
    ASSERT_TRUE(after.Load(text, "one", kNow, kWall + later).ok());
    const auto again = after.Site("one", "mx.example", 0, kSlow, kNow);
    const Instant third = std::max(kNow, again->suspension(kEvery).until());
    EXPECT_EQ(again->Suspend(third, hours, "SpamBlock", "554"), third + Duration::Hours(4));
  }
}

// The state is that of an address, whatever its source is called.
TEST(HostLimits, ASourceMayBeRenamed) {
  HostLimits before, after;
  (void)before.Site("one", "mx", 0, kSlow, kNow)->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "other", kNow, kWall).ok());
  EXPECT_EQ(after.Site("other", "mx", 0, kSlow, kNow)->suspension(kEvery).until() - kNow, Duration::Hours(1));
}

TEST(HostLimits, ASiteThatGetsAnotherHostIsTheSameReceiver) {
  HostLimits limits;
  const auto old = limits.Site("one", "(a|b)", 0, kSlow, kNow);
  Send(old, kNow);
  old->OnTrouble(kNow, kNow);
  (void)old->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  const auto made = limits.Site("one", "(a|b|c)", 0, kSlow, kNow);
  limits.Inherit("one", "(a|b)", "(a|b|c)", /*all_hosts=*/true, kNow);
  EXPECT_EQ(made->suspension(kEvery).until() - kNow, Duration::Hours(1));
  EXPECT_EQ(made->group().TokenAt(), old->group().TokenAt());
  EXPECT_EQ(made->group().connections_max(), old->group().connections_max());
}

// One at a time.
std::size_t LiftAll(HostLimits& limits, const std::string& source) {
  std::size_t lifted = 0;
  for (std::optional<std::string> from = ""; from.has_value();) {
    int left = 1;
    lifted += limits.LiftSuspensions(source, kEvery, kNow, from, left);
  }
  return lifted;
}

TEST(HostLimits, WhatTheOperatorResumesIsNotTakenUpAgain) {
  HostLimits before, after;
  const auto suspend = [](HostLimits& limits, const std::string& source) {
    (void)limits.Site(source, "mx", 0, kSlow, kNow)->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  };
  suspend(before, "one");
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "one", kNow, kWall).ok());
  EXPECT_EQ(LiftAll(after, "two"), 0u);
  EXPECT_EQ(LiftAll(after, "one"), 1u);
  const auto used = after.Site("one", "mx", 0, kSlow, kNow);
  EXPECT_FALSE(used->suspension(kEvery).IsActive(kNow));
  suspend(after, "one");
  EXPECT_EQ(LiftAll(after, "one"), 0u) << "somebody uses it, and lifts it himself";
}

RuleSetting Setting(const std::string& key, Duration rest, bool of_domain = false) {
  return {"regex\ntrigger", key, of_domain, kNow + rest, "450 4.2.0\tslow"};
}

TEST(HostLimits, WhatRulesHaveSetOutlivesTheProgramForItsTime) {
  HostLimits before, after, later;
  const auto site = before.Site("one", "mx.example", 0, kSlow, kNow);
  site->RememberSetting(Setting("max_message_rate", Duration::Hours(1)), kNow);
  site->RememberSetting(Setting("connection_limit", Duration::Minutes(10)), kNow);
  site->RememberSetting(Setting("max_message_rate", Duration::Hours(2)), kNow);  // The same again.
  before.RememberSetting("one", "a.example@mx.example", Setting("connection_limit", Duration::Hours(3), true), kNow);
  const std::string text = before.Save("one", kNow, kWall, {});
  EXPECT_THAT(before.Save("two", kNow, kWall, {}), Not(HasSubstr("max_message_rate")));
  EXPECT_FALSE(after.HasDomainSettings());
  ASSERT_TRUE(after.Load(text, "one", kNow, kWall + Duration::Minutes(30)).ok());
  EXPECT_TRUE(after.HasDomainSettings());
  for (const bool is_asked_for : {false, true}) {
    if (is_asked_for) (void)after.Site("one", "mx.example", 3, kSlow, kNow);
    const RuleSettings kept = after.SettingsOf("one", "mx.example", kNow);
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0].key, "max_message_rate");
    EXPECT_EQ(kept[0].rule, "regex\ntrigger");
    EXPECT_EQ(kept[0].sample, "450 4.2.0\tslow");
    EXPECT_EQ(kept[0].until, kNow + Duration::Minutes(90));
  }
  ASSERT_EQ(after.SettingsOf("one", "a.example@mx.example", kNow).size(), 1u);
  EXPECT_TRUE(after.SettingsOf("one", "a.example@mx.example", kNow)[0].of_domain);
  EXPECT_TRUE(after.SettingsOf("two", "mx.example", kNow).empty());
  const std::string again = after.Save("one", kNow, kWall + Duration::Minutes(30), {});
  ASSERT_TRUE(later.Load(again, "one", kNow, kWall + Duration::Hours(2)).ok());
  EXPECT_TRUE(later.SettingsOf("one", "mx.example", kNow).empty());
  EXPECT_EQ(later.SettingsOf("one", "a.example@mx.example", kNow).size(), 1u);
  EXPECT_THAT(later.Save("one", kNow, kWall + Duration::Hours(2), {}), Not(HasSubstr("max_message_rate")));
}

TEST(HostLimits, WhatRulesHaveSetEndsWithResume) {
  HostLimits limits;
  for (const char* const site : {"used", "unused", "known"})
    limits.Site("one", site, 0, kSlow, kNow)->RememberSetting(Setting("connection_limit", Duration::Hours(1)), kNow);
  limits.RememberSetting("one", "nobody@mx", Setting("connection_limit", Duration::Hours(1), true), kNow);
  const auto used = limits.Site("one", "used", 0, kSlow, kNow);
  EXPECT_EQ(LiftAll(limits, "two"), 0u);
  EXPECT_EQ(LiftAll(limits, "one"), 3u);
  EXPECT_EQ(limits.SettingsOf("one", "used", kNow).size(), 1u) << "somebody uses it, and lifts it himself";
  limits.Lift("one", "used", kEvery, kNow);
  for (const char* const site : {"used", "unused", "known", "nobody@mx"})
    EXPECT_TRUE(limits.SettingsOf("one", site, kNow).empty()) << site;
}

TEST(HostLimits, AProvidersNameMayHaveSpaces) {
  HostLimits before, after;
  const HostLimits::GroupName name{HostLimits::Kind::kProvider, "one", "big mail"};
  Nobody nobody;
  {
    const auto group = before.Group(name, kSlow.limits, kNow);
    GroupMember member(group, GroupMember::Identity{nobody, 1, 0, 1});
    group->Begin(member);
    ASSERT_TRUE(group->TakeToken(member, kNow));
    group->OnWritten(member);
  }
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "one", kNow, kWall).ok());
  EXPECT_EQ(after.Group(name, kSlow.limits, kNow)->TokenAt() - kNow, Duration::Minutes(10));
}

TEST(HostLimits, AClockThatStepsBackHoldsNothingLonger) {
  HostLimits before, after;
  (void)before.Site("one", "mx", 0, kSlow, kNow)->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "one", kNow, kWall + Duration::Hours(-5)).ok());
  EXPECT_EQ(after.Site("one", "mx", 0, kSlow, kNow)->suspension(kEvery).until() - kNow, Duration::Hours(1));
}

TEST(HostLimits, DamageIsFoundAndNothingIsTakenUp) {
  HostLimits before;
  Send(before.Site("one", "mx.example", 0, kSlow, kNow), kNow);
  const std::string text = before.Save("one", kNow, kWall, {});
  HostLimits after;
  for (const std::string& damaged : {std::string(), text.substr(1), text.substr(0, text.size() - 3), text + "x\n",
                                     text + "\tx\n", text + "Site\tx\n", text + "site\tone\n"})
    EXPECT_TRUE(absl::IsDataLoss(after.Load(damaged, "one", kNow, kWall).status())) << damaged;
  EXPECT_EQ(after.size(), 0u);
}

TEST(HostLimits, WhatALaterProgramWroteBesideIsLeftOut) {
  HostLimits before, after;
  Send(before.Site("one", "mx.example", 0, kSlow, kNow), kNow);
  std::string text = before.Save("one", kNow, kWall, {});
  text.insert(text.size() - 1, "\tmore");  // At the end of the site's line.
  text += "later-kind\tone\tx\n" + text.substr(text.find('\n') + 1).replace(0, 4, "location");
  const absl::StatusOr<std::uint64_t> left_out = after.Load(text, "one", kNow, kWall);
  ASSERT_TRUE(left_out.ok()) << left_out.status();
  EXPECT_EQ(*left_out, 2u);
  EXPECT_EQ(after.Save("one", kNow, kWall, {}), before.Save("one", kNow, kWall, {}));
}

TEST(HostLimits, WhatIsAsNewIsForgotten) {
  HostLimits limits;
  for (int i = 0; i < 1000; ++i) (void)limits.Site("one", "mx" + std::to_string(i), 0, kSlow, kNow);
  EXPECT_LT(limits.size(), 5u);
  const auto used = limits.Site("one", "used", 0, kSlow, kNow);
  Send(limits.Site("one", "indebted", 0, kSlow, kNow), kNow);
  for (int i = 0; i < 1000; ++i) (void)limits.Site("one", "mx" + std::to_string(i), 0, kSlow, kNow);
  EXPECT_THAT(limits.Save("one", kNow, kWall, {}), HasSubstr("indebted"));
  EXPECT_EQ(limits.Site("one", "used", 0, kSlow, kNow), used);
  const Instant later = kNow + Duration::Hours(1);
  for (int i = 0; i < 1000; ++i) (void)limits.Site("one", "mx" + std::to_string(i), 0, kSlow, later);
  EXPECT_THAT(limits.Save("one", later, kWall, {}), Not(HasSubstr("indebted")));
}

}  // namespace
}  // namespace delivery
