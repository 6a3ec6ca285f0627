// In which order mail exchangers are tried (S15, RFC 5321 section 5.1): each domain's own, as its latest answer says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Ge;
using testing::Le;
using testing::SizeIs;

// RFC 5321 section 5.1: the preferences are each domain's own, also where two have the same hosts.
TEST(MxPreferences, S15_OppositePreferencesOfTheSameHostsAreKeptTo) {
  std::vector<std::string> addresses = Many(20, "one.example");
  for (const std::string& address : Many(20, "other.example")) addresses.push_back(address);
  Scenario scenario({.addresses = addresses, .shaping = kOneSession});
  Receiver& first = scenario.AddReceiver("mx1.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.names().SetMx("one.example", {"mx1.example", "mx2.example"});
  scenario.names().SetMx("other.example", {"mx2.example", "mx1.example"});
  std::uint32_t most = 0;  // Connections at once: the limit is that of the hosts, whoever wants them in which order.
  const auto count = [&](const Question&) -> std::optional<Answer> {
    most = std::max(most, first.open() + second.open());
    return std::nullopt;
  };
  for (Receiver* receiver : {&first, &second}) receiver->At(Point::kMail, count);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(first.accepted(), SizeIs(20u));
  EXPECT_THAT(first.accepted(), Each(EndsWith("@one.example")));
  EXPECT_THAT(second.accepted(), Each(EndsWith("@other.example")));
  EXPECT_EQ(most, 1u);
}

TEST(MxPreferences, S15_PreferencesThatChangeAreFollowed) {
  Scenario scenario({.addresses = {"a@one.example"}});
  Receiver& first = scenario.AddReceiver("mx1.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  first.At(Point::kRcpt, "450 4.2.1 later");
  scenario.names().SetMx("one.example", {"mx1.example", "mx2.example"});
  scenario.RunFor(Duration::Minutes(1));
  scenario.names().SetMx("one.example", {"mx2.example", "mx1.example"});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(second.accepted(), ElementsAre("a@one.example"));
}

TEST(MxPreferences, S15_ADomainWithASiteOfItsOwnFollowsItsMailExchangers) {
  Scenario scenario({.addresses = {"a@one.example"}, .shaping = "[\"one.example\"]\nmx_rollup = false\n"});
  scenario.AddReceiver("mx1.example").At(Point::kRcpt, "450 4.2.1 later");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.names().SetMx("one.example", {"mx1.example"});
  scenario.RunFor(Duration::Minutes(1));
  scenario.names().SetMx("one.example", {"mx2.example"});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(second.accepted(), ElementsAre("a@one.example"));
}

TEST(MxPreferences, S15_EqualPreferencesShareTheMail) {
  Scenario scenario(
      {.addresses = Many(300, "one.example"), .shaping = "[\"default\"]\nmax_deliveries_per_connection = 1\n"});
  Receiver& first = scenario.AddReceiver("mx1.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.names().SetMx("one.example", {"mx1.example", "mx2.example"}, /*equal=*/true);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(first.accepted(), SizeIs(AllOf(Ge(100u), Le(200u))));
  EXPECT_EQ(first.accepted().size() + second.accepted().size(), 300u);
}

}  // namespace
}  // namespace sim
