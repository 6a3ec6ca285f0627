#include "engine/delivery/host_plan.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;
using base::IpAddress;
using Step = HostPlan::Step;

constexpr Instant kNow = Instant::FromNanoseconds(1'000'000'000);
constexpr Instant kLater = Instant::FromNanoseconds(3'600'000'000'000);
const IpAddress kOne = *IpAddress::Parse("198.51.99.1");
const IpAddress kTwo = *IpAddress::Parse("198.51.99.2");
const IpAddress kThree = *IpAddress::Parse("198.51.99.3");

// Resolves the host that Choose asks for.
void Resolve(HostPlan& plan, std::vector<IpAddress> addresses) {
  const HostPlan::Next next = plan.Choose(kNow);
  ASSERT_EQ(next.step, Step::kResolve);
  plan.SetAddresses(next.host, addresses, kLater);
}

TEST(HostPlan, S5_1_TakesTheLowestPreferenceFirstAndTheNextAfterItFailed) {
  HostPlan plan({{"backup", 20}, {"primary", 10}}, {});
  Resolve(plan, {kOne});
  HostPlan::Next next = plan.Choose(kNow);
  ASSERT_EQ(next.step, Step::kConnect);
  EXPECT_EQ(plan.HostName(next.host), "primary");
  plan.OnAddressFailed(next.host, next.address, kLater);
  Resolve(plan, {kTwo});
  next = plan.Choose(kNow);
  ASSERT_EQ(next.step, Step::kConnect);
  EXPECT_EQ(plan.HostName(next.host), "backup");
  plan.OnAddressFailed(next.host, next.address, kLater);
  EXPECT_EQ(plan.Choose(kNow).step, Step::kExhausted);
  plan.ForgetFailures();
  EXPECT_EQ(plan.HostName(plan.Choose(kNow).host), "primary");
}

TEST(HostPlan, S5_1_TriesEveryAddressOfAHost) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {kOne, kTwo, kThree});
  std::set<IpAddress> tried;
  for (int i = 0; i < 3; ++i) {
    const HostPlan::Next next = plan.Choose(kNow);
    ASSERT_EQ(next.step, Step::kConnect);
    tried.insert(next.address);
    plan.OnAddressFailed(next.host, next.address, kLater);
  }
  EXPECT_EQ(tried.size(), 3u);
  EXPECT_EQ(plan.Choose(kNow).step, Step::kExhausted);
}

TEST(HostPlan, S20_AddressesOfAHostAreTriedInTheOrderOfTheDns) {
  const std::vector<IpAddress> order = {kThree, kOne, kTwo};
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, order);
  for (const IpAddress& address : order) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(plan.Choose(kNow).address, address);
    plan.OnAddressFailed(0, address, kLater);
  }
  EXPECT_EQ(plan.Choose(kNow).step, Step::kExhausted);
}

TEST(HostPlan, S20_AllAddressesOfAllHostsAreTriedUpToTheLimits) {
  HostPlan::Options options;
  options.addresses_per_host_max = 3;
  options.addresses_max = 5;
  HostPlan plan({{"first", 10}, {"second", 20}, {"third", 30}}, options);
  std::vector<std::string> tried;
  for (int n = 1;; ++n) {
    const HostPlan::Next next = plan.Choose(kNow);
    if (next.step == Step::kResolve) {
      std::vector<IpAddress> addresses;
      for (std::uint32_t i = 1; i <= 4; ++i)
        addresses.push_back(IpAddress::V4(0xC6336300 + static_cast<std::uint32_t>(next.host) * 10 + i));
      plan.SetAddresses(next.host, addresses, kLater);
      continue;
    }
    if (next.step != Step::kConnect) {
      EXPECT_EQ(next.step, Step::kExhausted);
      break;
    }
    tried.push_back(next.address.ToString());
    plan.OnAddressFailed(next.host, next.address, kLater);
  }
  EXPECT_EQ(tried,
            (std::vector<std::string>{"198.51.99.1", "198.51.99.2", "198.51.99.3", "198.51.99.11", "198.51.99.12"}));
}

TEST(HostPlan, M06_TheAddressesOfHostsThatAreLeftOutDoNotCount) {
  HostPlan::Options options;
  options.addresses_max = 1;
  HostPlan plan({{"backup", 20}, {"primary", 10}}, options);
  ASSERT_EQ(plan.HostName(plan.Choose(kNow).host), "primary");
  plan.SetAddresses(1, {{kOne}}, kLater);
  ASSERT_EQ(plan.Choose(kNow).address, kOne);
  constexpr std::uint32_t kPrimary = 2;  // The bit of the second by name.
  ASSERT_EQ(plan.Choose(kNow, {.refused = kPrimary}).step, Step::kResolve);
  plan.SetAddresses(0, {{kTwo}}, kLater);
  EXPECT_EQ(plan.Choose(kNow, {.refused = kPrimary}).address, kTwo);
}

TEST(HostPlan, M06_HostsThatAPolicyDoesNotNameAreLeftOut) {
  HostPlan plan({{"backup", 20}, {"primary", 10}}, {});
  constexpr std::uint32_t kPrimary = 2;  // The bit of the second by name.
  const HostPlan::Next next = plan.Choose(kNow, {.refused = kPrimary});
  ASSERT_EQ(next.step, Step::kResolve);
  EXPECT_EQ(plan.HostName(next.host), "backup");
  plan.SetAddresses(next.host, {{kTwo}}, kLater);
  EXPECT_EQ(plan.Choose(kNow, {.refused = kPrimary}).address, kTwo);
  EXPECT_TRUE(plan.Choose(kNow, {.refused = kPrimary}).passed_refused);
  EXPECT_EQ(plan.HostName(plan.Choose(kNow).host), "primary");
}

TEST(HostPlan, AddressesStayInUseWhileTheyAreAskedForAgain) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {kOne});
  EXPECT_EQ(plan.Choose(kLater).step, Step::kResolve);
  EXPECT_EQ(plan.Choose(kLater).step, Step::kConnect);
  EXPECT_EQ(plan.Choose(kLater + Duration::Minutes(11)).step, Step::kWait);
}

TEST(HostPlan, AvoidsAddressesForOneChoiceOnly) {
  HostPlan plan({{"backup", 20}, {"primary", 10}}, {});
  Resolve(plan, {kOne});
  EXPECT_EQ(plan.Choose(kNow, {.avoided = {{kTwo}}}).address, kOne);
  HostPlan::Next next = plan.Choose(kNow, {.avoided = {{kOne}}});
  ASSERT_EQ(next.step, Step::kResolve);  // The next host.
  plan.SetAddresses(next.host, {{kTwo}}, kLater);
  EXPECT_EQ(plan.Choose(kNow, {.avoided = {{kOne}}}).address, kTwo);
  EXPECT_EQ(plan.Choose(kNow, {.avoided = {{kOne, kTwo}}}).step, Step::kExhausted);
  EXPECT_EQ(plan.Choose(kNow).address, kOne);
}

// How often each of three equal hosts comes first, of `picks`.
std::array<int, 3> Picks(int picks, std::uint64_t seed, std::string* sequence = nullptr) {
  HostPlan::Options options;
  options.seed = seed;
  HostPlan plan({{"a", 10}, {"b", 10}, {"c", 10}, {"backup", 20}}, options);
  for (const IpAddress& address : {kOne, kTwo, kThree}) {
    HostPlan::Next next = plan.Choose(kNow);
    while (next.step != Step::kResolve) next = plan.Choose(kNow);
    plan.SetAddresses(next.host, {{address}}, kLater);
  }
  std::array<int, 3> counts{};
  for (int i = 0; i < picks; ++i) {
    HostPlan::Next next = plan.Choose(kNow);
    const std::string name = plan.HostName(next.host);
    ++counts[name == "a" ? 0u : name == "b" ? 1u : 2u];
    if (sequence != nullptr) *sequence += name;
  }
  return counts;
}

// RFC 5321 section 5.1. The statistic of two degrees of freedom is over 13.8 once in a thousand times; rotation would
// make it zero.
TEST(HostPlan, S15_EqualPreferencesAreRandomForEachPick) {
  constexpr int kPicks = 1000;
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    double chi_square = 0;
    for (const int count : Picks(kPicks, seed)) {
      const double off = count - kPicks / 3.0;
      chi_square += off * off / (kPicks / 3.0);
    }
    EXPECT_LT(chi_square, 13.8) << seed;
    sum += chi_square;
  }
  EXPECT_GT(sum, 10);  // About 40.
}

TEST(HostPlan, S15_TheSeedDecides) {
  std::string first, again, other;
  Picks(50, 1, &first);
  Picks(50, 1, &again);
  Picks(50, 2, &other);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(HostPlan, S15_DomainsHavePreferencesOfTheirOwn) {
  HostPlan plan({{"one", 10}, {"two", 20}}, {});
  const std::uint32_t same = plan.OrderOf({{"two", 7}, {"one", 3}});
  const std::uint32_t swapped = plan.OrderOf({{"two", 10}, {"one", 20}});
  const std::uint32_t equal = plan.OrderOf({{"two", 10}, {"one", 10}});
  EXPECT_EQ(same, 0u);
  EXPECT_EQ(plan.OrderOf({{"one", 9}, {"two", 1}}), swapped);
  EXPECT_EQ((std::set<std::uint32_t>{same, swapped, equal}.size()), 3u);
  plan.SetAddresses(0, {{kOne}}, kLater);
  plan.SetAddresses(1, {{kTwo}}, kLater);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(plan.Choose(kNow, {.order = same}).address, kOne);
    EXPECT_EQ(plan.Choose(kNow, {.order = swapped}).address, kTwo);
  }
  plan.OnAddressFailed(1, kTwo, kLater);
  EXPECT_EQ(plan.Choose(kNow, {.order = swapped}).address, kOne);
}

TEST(HostPlan, OrdersThatNobodyUsesAreForgotten) {
  std::vector<PlannedHost> hosts;
  for (int i = 0; i < 32; ++i) hosts.push_back({"mx" + std::to_string(i), 10});
  HostPlan plan(hosts, {});
  for (int i = 0; i < 31; ++i) {
    hosts[static_cast<std::size_t>(i)].preference = 5;
    const std::uint32_t order = plan.OrderOf(hosts);
    plan.KeepOrders({order});
    EXPECT_EQ(plan.OrderOf(hosts), order);
  }
  EXPECT_LE(plan.orders(), 3u);
}

TEST(HostPlan, PrivateAddressesAreRefusedUnlessAllowed) {
  const IpAddress loopback = *IpAddress::Parse("127.0.0.1");
  HostPlan strict({{"mx", 10}}, {});
  Resolve(strict, {loopback});
  EXPECT_EQ(strict.Choose(kNow).step, Step::kPrivate);
  HostPlan::Options options;
  options.allow_private = true;
  ASSERT_TRUE(options.prohibited.Add("127.0.0.0/8")) << "the built-in prohibition gives way";
  HostPlan lenient({{"mx", 10}}, options);
  Resolve(lenient, {loopback});
  EXPECT_EQ(lenient.Choose(kNow).step, Step::kConnect);
}

TEST(HostPlan, APrivateAddressBesideAPublicOneIsLeftOut) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {*IpAddress::Parse("10.1.2.3"), kOne});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(plan.Choose(kNow).address, kOne);
}

TEST(HostPlan, AHostWithAProhibitedAddressIsNeverConnectedTo) {
  HostPlan::Options options;
  ASSERT_TRUE(options.prohibited.Add("198.51.99.2"));
  HostPlan plan({{"mx", 10}}, options);
  Resolve(plan, {kOne, kTwo});
  EXPECT_EQ(plan.Choose(kNow).step, Step::kPrivate);
}

TEST(HostPlan, SkippedAddressesAreLeftOut) {
  HostPlan::Options options;
  ASSERT_TRUE(options.skipped.Add("198.51.99.2"));
  HostPlan plan({{"mx", 10}}, options);
  Resolve(plan, {kOne, kTwo});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(plan.Choose(kNow).address, kOne);
}

TEST(HostPlan, TellsNoAddressFromNoAnswer) {
  HostPlan none({{"mx", 10}}, {});
  Resolve(none, {});
  EXPECT_EQ(none.Choose(kNow).step, Step::kNoAddress);
  HostPlan silent({{"mx", 10}}, {});
  const HostPlan::Next next = silent.Choose(kNow);
  EXPECT_EQ(silent.Choose(kNow).step, Step::kWait);
  silent.SetFailed(next.host, kNow, "SERVFAIL");
  EXPECT_EQ(silent.Choose(kNow).step, Step::kDnsFailure);
  EXPECT_EQ(silent.Unanswered(), "mx (SERVFAIL)");
  EXPECT_EQ(silent.Choose(silent.NextResolveAt()).step, Step::kResolve);
}

TEST(HostPlan, AHostWhoseDnsIsSilentIsAskedForLessAndLessOften) {
  HostPlan plan({{"mx", 10}}, {});
  base::Instant now = kNow;
  for (const int wait_s : {30, 60, 120, 240, 480, 900, 900}) {
    const HostPlan::Next next = plan.Choose(now);
    ASSERT_EQ(next.step, Step::kResolve);
    EXPECT_EQ(plan.SetFailed(next.host, now, "SERVFAIL"), wait_s == 30) << "the first time";
    EXPECT_EQ(plan.NextResolveAt(), now + Duration::Seconds(wait_s));
    now = plan.NextResolveAt();
  }
  ASSERT_EQ(plan.Choose(now).step, Step::kResolve);
  plan.SetAddresses(0, {kOne}, now + Duration::Minutes(1));
  EXPECT_EQ(plan.Unanswered(), "");
  now = now + Duration::Hours(48);
  ASSERT_EQ(plan.Choose(now).step, Step::kResolve);
  plan.SetFailed(0, now, "SERVFAIL");
  EXPECT_EQ(plan.NextResolveAt(), now + Duration::Seconds(30)) << "an answer begins it anew";
}

TEST(HostPlan, HostsWithoutAnAddressAreAskedForAgainWhenThatIsWanted) {
  HostPlan plan({{"a", 10}, {"b", 20}, {"c", 30}}, {});
  for (int i = 0; i < 3; ++i) {
    const HostPlan::Next next = plan.Choose(kNow);
    ASSERT_EQ(next.step, Step::kResolve);
    plan.SetAddresses(next.host, {}, kLater);
  }
  const base::Instant later = kNow + Duration::Milliseconds(1);
  EXPECT_EQ(plan.Choose(later).step, Step::kNoAddress);
  EXPECT_TRUE(plan.WereAskedSince(kNow, 0));
  EXPECT_FALSE(plan.WereAskedSince(later, 0));
  plan.AskAgain(/*refused=*/1);
  EXPECT_EQ(plan.Choose(later, {.refused = 1}).host, 1u);
  plan.SetAddresses(1, {}, kLater);
  EXPECT_EQ(plan.Choose(later, {.refused = 1}).host, 2u);
  plan.SetAddresses(2, {}, kLater);
  EXPECT_EQ(plan.Choose(later, {.refused = 1}).step, Step::kNoAddress);
  EXPECT_TRUE(plan.WereAskedSince(later, 1));
  EXPECT_FALSE(plan.WereAskedSince(later, 0));
}

TEST(HostPlan, KnownAddressesStayInUseWhileTheDnsIsSilent) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {kOne});
  const HostPlan::Next next = plan.Choose(kLater);  // The TTL is over.
  ASSERT_EQ(next.step, Step::kResolve);
  plan.SetFailed(next.host, kLater, "SERVFAIL");
  EXPECT_EQ(plan.Choose(kLater).step, Step::kConnect);
}

TEST(HostPlan, AfterADayOfSilenceKnownAddressesAreForgotten) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {kOne});
  base::Instant now = kLater;
  for (int hour = 0; hour <= 25; ++hour, now = now + Duration::Hours(1)) {
    const HostPlan::Next next = plan.Choose(now);
    ASSERT_EQ(next.step, Step::kResolve);
    plan.SetFailed(next.host, now, "SERVFAIL");
    EXPECT_EQ(plan.Choose(now).step, hour < 24 ? Step::kConnect : Step::kDnsFailure) << hour;
  }
}

TEST(HostPlan, WhatIsAllowedMayChange) {
  HostPlan plan({{"mx", 10}}, {});
  Resolve(plan, {kOne, kTwo, kThree});
  EXPECT_EQ(plan.Choose(kNow).address, kOne);
  HostPlan::Options options;
  ASSERT_TRUE(options.skipped.Add("198.51.99.1"));
  options.addresses_per_host_max = 2;
  plan.SetOptions(options);
  EXPECT_FALSE(plan.MayUse(kOne));
  EXPECT_TRUE(plan.MayUse(kTwo));
  Resolve(plan, {kOne, kTwo, kThree});
  EXPECT_EQ(plan.Choose(kNow).address, kTwo);
  plan.OnAddressFailed(0, kTwo, kLater);
  EXPECT_EQ(plan.Choose(kNow).address, kThree);
  options.addresses_max = 1;
  plan.SetOptions(options);
  Resolve(plan, {kOne, kTwo, kThree});
  EXPECT_EQ(plan.Choose(kNow).address, kTwo);
  plan.OnAddressFailed(0, kTwo, kLater);
  EXPECT_EQ(plan.Choose(kNow).step, Step::kExhausted);
  HostPlan asking({{"mx", 10}}, {});
  ASSERT_EQ(asking.Choose(kNow).step, Step::kResolve);
  asking.SetOptions(options);
  EXPECT_EQ(asking.Choose(kNow).step, Step::kWait) << "not asked twice";
}

TEST(HostPlan, TellsAddressesOfAnotherFamilyFromNone) {
  HostPlan plan({{"mx", 10}}, {});
  EXPECT_EQ(plan.Choose(kNow).step, Step::kResolve);
  plan.SetAddresses(0, {}, kLater, /*other_family=*/true);
  EXPECT_EQ(plan.Choose(kNow).step, Step::kOtherFamily);
  EXPECT_EQ(plan.Choose(kLater).step, Step::kResolve);
  plan.SetAddresses(0, {}, kLater + Duration::Hours(1));
  EXPECT_EQ(plan.Choose(kLater).step, Step::kNoAddress);
}

}  // namespace
}  // namespace delivery
