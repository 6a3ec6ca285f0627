// What the DNS says of a domain or of its mail exchangers leads nowhere: nobody bounces by one answer, and nobody at
// all where that is so for most.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

const base::IpAddress kPrivate = base::IpAddress::V4(0x0A000001);

// The retry plan's first interval is 60 s, spread by up to an eighth; and the hosts are asked for once more.
auto IsFirstInterval() { return AllOf(Ge(60), Le(150)); }

std::string DomainOf(int i) { return absl::StrFormat("d%d.example", i); }

std::vector<std::string> OneInEach(int domains) {
  std::vector<std::string> addresses;
  for (int i = 0; i < domains; ++i) addresses.push_back("a@" + DomainOf(i));
  return addresses;
}

TEST(NoWay, MxHostsWithoutAnAddressAreDeferredOnceThenBounce) {
  Scenario scenario({.addresses = {kA}});
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred BadDomain dns", "bounced BadDomain dns"));
  EXPECT_THAT(scenario.Times(kA)[1], IsFirstInterval());
}

class Refused : public testing::TestWithParam<const char*> {};

TEST_P(Refused, WhereEveryAddressIsPrivateOrProhibitedItIsDeferredOnceThenBounces) {
  Scenario scenario({.addresses = {kA}, .shaping = "[\"default\"]\nprohibited_hosts = [\"11.9.0.0/16\"]\n"});
  scenario.names().SetMx("one.example", {"mx.one.example"});
  scenario.names().SetAddresses("mx.one.example", {*base::IpAddress::Parse(GetParam())});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred RoutingErrors 4.4.4 dns", "bounced RoutingErrors 5.4.4 dns"));
  EXPECT_THAT(scenario.Times(kA)[1], IsFirstInterval());
}

INSTANTIATE_TEST_SUITE_P(NoWay, Refused, testing::Values("127.0.0.1", "10.1.2.3", "11.9.1.1"), [](const auto& param) {
  const std::string address = param.param;
  return "Net" + address.substr(0, address.find('.')) + "_" + address.substr(address.size() - 1);
});

// What a resolver may make of every domain.
enum class Lie { kAddresses, kExchangers, kOneExchanger, kNoAddresses };

class LyingResolver : public testing::TestWithParam<Lie> {
 protected:
  static void Tell(ScriptedNames& names, const std::string& domain) {
    const std::string host = GetParam() == Lie::kOneExchanger ? "mx.portal.example" : "mx." + domain;
    if (GetParam() != Lie::kAddresses) names.SetMx(domain, {host});
    if (GetParam() != Lie::kNoAddresses) names.SetAddresses(GetParam() == Lie::kAddresses ? domain : host, {kPrivate});
  }
};

TEST_P(LyingResolver, IsSuspectAndNobodyBounces) {
  for (const std::uint32_t shards : {1U, 3U}) {
    Scenario scenario({.addresses = OneInEach(200), .shards = shards});
    for (int i = 0; i < 200; ++i) Tell(scenario.names(), DomainOf(i));
    EXPECT_FALSE(scenario.Finish());
    EXPECT_THAT(scenario.Pauses(), ElementsAre(HasSubstr("resolver suspect: 11 of the first ")));
    scenario.RunFor(Duration::Hours(1));
    EXPECT_EQ(scenario.CountLast("bounced"), 0u);
  }
}

// Each is deferred once, whoever else is at its site.
TEST_P(LyingResolver, AFewAreNoReasonToSuspectIt) {
  std::vector<std::string> addresses = OneInEach(10);
  for (const std::string& address : Many(50, "well.example")) addresses.push_back(address);
  Scenario scenario({.addresses = addresses});
  scenario.Serve("well.example");
  for (int i = 0; i < 10; ++i) Tell(scenario.names(), DomainOf(i));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced"), 10u);
  EXPECT_EQ(scenario.CountLast("delivered"), 50u);
  for (int i = 0; i < 10; ++i) EXPECT_THAT(scenario.Story("a@" + DomainOf(i)), SizeIs(2));
}

INSTANTIATE_TEST_SUITE_P(NoWay, LyingResolver,
                         testing::Values(Lie::kAddresses, Lie::kExchangers, Lie::kOneExchanger, Lie::kNoAddresses),
                         [](const auto& param) {
                           return std::string(param.param == Lie::kAddresses      ? "Addresses"
                                              : param.param == Lie::kExchangers   ? "Exchangers"
                                              : param.param == Lie::kOneExchanger ? "OneExchanger"
                                                                                  : "NoAddresses");
                         });

TEST(NoWay, ASiteThatWorkedLosesNobodyByOneAnswer) {
  Scenario scenario({.addresses = Many(60),
                     .shaping = "[\"default\"]\nmax_message_rate = \"6/min\"\nmax_deliveries_per_connection = 1\n"});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_GT(receiver.accepted().size(), 0u);
  scenario.names().SetAddresses("mx.one.example", {kPrivate});
  for (int i = 0; i < 60 && scenario.CountLast("deferred") == 0; ++i) scenario.RunFor(Duration::Seconds(10));
  EXPECT_GT(scenario.CountLast("deferred"), 0u);
  scenario.names().SetAddresses("mx.one.example", {receiver.address()});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 60u);
}

// ---- the second question ----

TEST(NoWay, HostsWithoutAnAddressAreAskedForAnew) {
  Scenario scenario({.addresses = {kA}, .dns_cache = true});
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Seconds(5)});
  scenario.names().SetMx("one.example", {"mx.one.example"});
  scenario.RunFor(Duration::Seconds(2));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred BadDomain dns"));
  EXPECT_THAT(scenario.names().AddressesAskedAt("mx.one.example"), SizeIs(1));
  Receiver& receiver = scenario.AddReceiver("mx.one.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
}

TEST(NoWay, TheDomainIsAskedForAnewWhateverTheIntervalOfTheClass) {
  Scenario scenario({.addresses = {kA, kOther}, .dns_cache = true});
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Minutes(20)}, {{"BadDomain", {Duration::Seconds(3)}}});
  scenario.names().SetAnswer("other.example", dns::AnswerKind::kNoData);
  scenario.RunFor(Duration::Seconds(2));
  for (const char* address : {kA, kOther}) EXPECT_THAT(scenario.Story(address), ElementsAre("deferred BadDomain dns"));
  Receiver& receiver = scenario.Serve("one.example");
  scenario.names().SetAnswer("other.example", dns::AnswerKind::kFound);
  Receiver& itself = scenario.AddReceiver("other.example");  // It has no MX.
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
  EXPECT_THAT(itself.accepted(), ElementsAre(kOther));
}

// What an earlier run was told says nothing new of the resolver: whoever is left was a small part then.
TEST(NoWay, WhoIsLeftAfterARestartDoesNotMakeTheResolverSuspect) {
  constexpr int kLeft = 60, kWell = 1'940;
  std::vector<std::string> addresses = OneInEach(kLeft);
  for (int i = 0; i < kWell; ++i) addresses.push_back(absl::StrFormat("a@well%d.example", i));
  Scenario scenario({.addresses = addresses});
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Minutes(20)});
  for (int i = 0; i < kLeft; ++i) {
    scenario.names().SetMx(DomainOf(i), {"mx." + DomainOf(i)});
    scenario.names().SetAddresses("mx." + DomainOf(i), {kPrivate});
  }
  scenario.AddReceiver("mx.well.example");
  for (int i = 0; i < kWell; ++i) scenario.names().SetMx(absl::StrFormat("well%d.example", i), {"mx.well.example"});
  scenario.RunFor(Duration::Minutes(15));
  EXPECT_EQ(scenario.CountLast("deferred"), std::uint64_t{kLeft});
  EXPECT_EQ(scenario.CountLast("delivered"), std::uint64_t{kWell});
  scenario.Restart();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced RoutingErrors"), std::uint64_t{kLeft});
}

}  // namespace
}  // namespace sim
