// What is asked of the DNS and of policy hosts before a domain is placed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kA[] = "a@one.example";
constexpr char kEnforce[] = "version: STSv1\nmode: enforce\nmx: *.one.example\nmax_age: 864000\n";

// ---- providers by address ----

constexpr char kByAddress[] =
    "[provider.\"slow\"]\nmatch = [{MXAddress = \"11.0.0.0/24\"}]\nprovider_connection_limit = 1\n";

TEST(Routing, ProvidersAreKnownByTheAddressesOfTheirExchangers) {
  std::vector<std::string> addresses;
  for (int domain = 0; domain < 8; ++domain) {
    for (int user = 0; user < 20; ++user) addresses.push_back(absl::StrFormat("u%d@d%d.example", user, domain));
  }
  Scenario scenario({.addresses = addresses, .shaping = kByAddress});
  std::uint32_t open = 0, most = 0;
  for (int domain = 0; domain < 8; ++domain) {
    Receiver& receiver = scenario.Serve(absl::StrFormat("d%d.example", domain));
    receiver.At(Point::kMail, [&](const Question&) {
      most = std::max(most, ++open);
      return std::nullopt;
    });
    receiver.At(Point::kContent, [&](const Question&) {
      --open;
      return Answer{.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)};
    });
  }
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(most, 1u);
}

TEST(Routing, WhereNoAddressIsKnownItWaitsToKnowWhoseTheExchangersAre) {
  Scenario scenario({.addresses = {kA}, .shaping = kByAddress});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.names().SetAnswer("mx.one.example", dns::AnswerKind::kServerFail);
  scenario.RunFor(Duration::Minutes(2));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  scenario.names().SetAnswer("mx.one.example", dns::AnswerKind::kFound);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
}

// ---- several domains at a site ----

// Some messages each: what lies near each other is sent one after the other, and nobody waits for a large domain.
TEST(Routing, DomainsOfASiteTakeTurns) {
  std::vector<std::string> addresses = Many(50, "large.example");
  for (const std::string& address : Many(20, "small.example")) addresses.push_back(address);
  Scenario scenario({.addresses = addresses, .shaping = kOneSession});
  Receiver& receiver = scenario.AddReceiver("mx.host.example");
  for (const char* const domain : {"large.example", "small.example"})
    scenario.names().SetMx(domain, {"mx.host.example"});
  ASSERT_TRUE(scenario.Finish());
  std::vector<std::size_t> turns;
  std::string last;
  std::size_t of_small = 0, before_the_last_of_small = 0;
  for (const std::string& address : receiver.accepted()) {
    const std::string domain = address.substr(address.find('@'));
    if (domain != last) turns.push_back(0);
    last = domain;
    ++turns.back();
    if (domain == "@small.example") ++of_small;
    if (of_small < 20) ++before_the_last_of_small;
  }
  EXPECT_LE(turns.size(), 10u);
  turns.pop_back();  // Then only the large one is left.
  EXPECT_LE(*std::max_element(turns.begin(), turns.end()), 9u);
  EXPECT_LT(before_the_last_of_small, 50u);
}

// The domain that a site is made for says nothing of others there of which the files speak.
TEST(Routing, DomainsOfASiteHaveTheirOwnTlsPolicy) {
  for (const char* const block :
       {"[\"b.example\"]\nmx_rollup = true\n", "[provider.\"p\"]\nmatch = [{DomainSuffix = \"b.example\"}]\n"}) {
    for (const int first : {1, 9}) {  // The larger one is placed first.
      std::vector<std::string> addresses = Many(first, "b.example");
      for (const std::string& address : Many(5, "a.example")) addresses.push_back(address);
      Scenario scenario({.addresses = addresses, .shaping = std::string(block) + "enable_tls = \"Required\"\n"});
      scenario.AddReceiver("mx.host.example");  // It does not offer STARTTLS.
      for (const char* const domain : {"a.example", "b.example"}) scenario.names().SetMx(domain, {"mx.host.example"});
      scenario.RunFor(Duration::Minutes(1));
      EXPECT_THAT(scenario.Story("a00@b.example"), ElementsAre("deferred TlsRequired STARTTLS")) << block << first;
      EXPECT_THAT(scenario.Last("a00@a.example"), testing::StartsWith("delivered")) << block << first;
    }
  }
}

// ---- MTA-STS ----

TEST(Routing, APolicyCountsWhereOnlyTheProviderOfTheExchangersWantsIt) {
  Scenario scenario({.addresses = {kA, "a@two.example"},
                     .shaping = "[\"default\"]\nenable_mta_sts = false\n[provider.\"p\"]\nmatch = [{MXSuffix = "
                                "\".one.example\"}]\nenable_mta_sts = true\n"});
  Receiver& one = scenario.Serve("one.example");
  Receiver& two = scenario.Serve("two.example");
  scenario.SetStsPolicy("one.example", "1", kEnforce);  // Neither offers STARTTLS.
  scenario.SetStsPolicy("two.example", "1", kEnforce);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS"));
  EXPECT_THAT(one.accepted(), IsEmpty());
  EXPECT_THAT(two.accepted(), SizeIs(1));
}

// In clear, where there is no TLS; and a policy of mode none is the end of one that was known.
TEST(Routing, M07_TestingDeliversAndNoneEndsAPolicy) {
  Scenario scenario({.addresses = {kA, "a@two.example"}});
  Receiver& one = scenario.Serve("one.example");
  Receiver& two = scenario.Serve("two.example");
  scenario.SetStsPolicy("one.example", "1", "version: STSv1\nmode: testing\nmx: no.example\nmax_age: 864000\n");
  scenario.SetStsPolicy("two.example", "1", kEnforce);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(one.accepted(), ElementsAre(kA));
  EXPECT_THAT(two.accepted(), IsEmpty());
  scenario.SetStsPolicy("two.example", "2", "version: STSv1\nmode: none\nmax_age: 86400\n");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(two.accepted(), SizeIs(1));
}

// The exchanger that the policy names has IPv6 only, and so has the second source.
TEST(Routing, M06_ANamedHostOfTheOtherFamilyIsReachedFromTheSourceThatCan) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 8; ++i) addresses.push_back(absl::StrFormat("a%d@one.example", i));
  Scenario scenario({.addresses = addresses});
  scenario.UseTwoSources();
  scenario.job().sources[1].address = base::IpAddress::Parse("2a01::1");
  Receiver& first = scenario.AddReceiver("mx1.example");
  const base::IpAddress v6 = *base::IpAddress::Parse("2a01::2");
  Receiver second(scenario.world(), scenario.network(), "mx2.one.example", {v6, scenario.job().port});
  scenario.names().SetAddresses("mx2.one.example", {v6});
  scenario.names().SetMx("one.example", {"mx1.example", "mx2.one.example"});
  scenario.SetStsPolicy("one.example", "1", kEnforce);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(first.connections(), IsEmpty());
  for (const std::string& address : addresses)
    EXPECT_THAT(scenario.Story(address), ElementsAre("deferred TlsRequired STARTTLS")) << address;
}

TEST(Routing, M02_SlowPolicyHostsHoldUpNobodyElse) {
  constexpr std::size_t kWithout = 100;
  const std::size_t with = delivery::StsPolicies::kWaitingMax + 600;
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < with + kWithout; ++i) addresses.push_back(absl::StrFormat("a@d%05d.example", i));
  Scenario scenario({.addresses = addresses});
  Receiver& receiver = scenario.AddReceiver("mx.one.example");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string domain = addresses[i].substr(2);
    scenario.names().SetMx(domain, {"mx.one.example"});
    if (i < with) scenario.SetStsPolicy(domain, "1", absl::ResourceExhaustedError("no room"));
  }
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_EQ(scenario.CountLast("delivered"), kWithout) << "those come last, and no room is no word about a policy";
  for (std::size_t i = 0; i < with; ++i)
    scenario.SetStsPolicy(addresses[i].substr(2), "1", "version: STSv1\nmode: none\nmax_age: 86400\n");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.accepted().size(), addresses.size());
}

TEST(Routing, M02_MailWaitsWhereThereIsNoRoomToFetchItsPolicy) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.SetStsPolicy("one.example", "1", absl::ResourceExhaustedError("no room"));
  scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  scenario.SetStsPolicy("one.example", "1", kEnforce);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS"));
  EXPECT_THAT(receiver.accepted(), IsEmpty());
}

}  // namespace
}  // namespace sim
