// Domains with mx_rollup = false: each is a site of its own, and follows what the DNS says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kOwn[] =
    "[\"default\"]\nadaptive = false\n[\"one.example\"]\nmx_rollup = false\nmax_message_rate = \"1/s,max_burst=1\"\n";

TEST(OwnSite, FollowsItsMailExchangersAndKeepsItsLimits) {
  Scenario scenario({.addresses = Many(2000), .shaping = kOwn, .shards = 2});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example"});
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_THAT(second.accepted(), IsEmpty());
  scenario.names().SetMx("one.example", {"mx2.one.example"});
  scenario.RunFor(Duration::Minutes(4));  // The answer holds for five minutes.
  const std::size_t before = first.accepted().size();
  EXPECT_GT(second.accepted().size(), 90u);
  EXPECT_LE(before + second.accepted().size(), 8 * 60 + 2u);  // One rate, of both.
  EXPECT_GE(before + second.accepted().size(), 8 * 60 - 10u);
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(first.accepted().size(), before);
  EXPECT_EQ(first.open(), 0u);
  EXPECT_TRUE(scenario.Finish());
}

TEST(OwnSite, FollowsTheirOrder) {
  Scenario scenario({.addresses = Many(1500), .shaping = kOwn});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_THAT(second.accepted(), IsEmpty());
  scenario.names().SetMx("one.example", {"mx2.one.example", "mx1.one.example"});
  scenario.RunFor(Duration::Minutes(2));
  const std::size_t before = first.accepted().size();
  scenario.RunFor(Duration::Minutes(5));
  EXPECT_EQ(first.accepted().size(), before);
  EXPECT_GT(second.accepted().size(), 290u);
}

// What a rule has set is the domain's, wherever its mail exchangers are.
TEST(OwnSite, KeepsWhatARuleHasSet) {
  Scenario scenario({.addresses = Many(3000),
                     .shaping = std::string(kOwn) +
                                "[[\"one.example\".automation]]\nregex = \"TS01\"\nduration = \"20m\"\n"
                                "action = {SetConfig={name=\"max_message_rate\", value=\"6/min,max_burst=1\"}}\n"});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example"});
  first.At(Point::kRcpt, First(1, {"450 4.2.0 [TS01] slow down"}));
  scenario.RunFor(Duration::Minutes(3));
  scenario.names().SetMx("one.example", {"mx2.one.example"});
  scenario.RunFor(Duration::Minutes(3));
  const std::size_t before = second.accepted().size();
  EXPECT_GT(before, 0u);
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_LE(second.accepted().size() - before, 61u);
  EXPECT_GE(second.accepted().size() - before, 55u);
  scenario.RunFor(Duration::Minutes(6));  // Its time is over.
  EXPECT_GT(second.accepted().size() - before, 120u);
}

// DNSSEC vouches for the domain from now on, and its host's TLSA records count.
TEST(OwnSite, TakesUpThatDnssecVouchesForIt) {
  Scenario scenario({.addresses = Many(2000), .shaping = kOwn});
  Receiver& receiver = scenario.Serve("one.example");  // It offers no STARTTLS.
  scenario.names().SetTlsa("mx.one.example", std::string("\3\1\1", 3) + std::string(32, 'd'));
  for (const char* const name : {"mx.one.example", "_25._tcp.mx.one.example"})
    scenario.names().SetAuthenticated(name, true);
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_GE(receiver.accepted().size(), 200u);
  scenario.names().SetAuthenticated("one.example", true);
  scenario.RunFor(Duration::Minutes(3));
  const std::size_t before = receiver.accepted().size();
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(receiver.accepted().size(), before);
  EXPECT_GT(scenario.CountLast("deferred TlsRequired"), 0u);
}

}  // namespace
}  // namespace sim
