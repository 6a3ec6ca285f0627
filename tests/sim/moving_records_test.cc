// A receiver whose mail exchangers change is the same receiver: what it is owed stays.
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

// The receiver is the same with one host more.
TEST(MovingRecords, AnotherMailExchangerDoesNotForgetWhatIsOwed) {
  Scenario scenario({.addresses = Many(5), .shaping = "[\"default\"]\nmax_message_rate = \"6/h\"\n"});
  Receiver& first = scenario.Serve("one.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.RunFor(Duration::Minutes(5));
  scenario.names().SetMx("one.example", {"mx.one.example", "mx2.example"});
  scenario.RunFor(Duration::Minutes(21));
  EXPECT_EQ(first.accepted().size() + second.accepted().size(), 3u);
  EXPECT_TRUE(scenario.Finish());
}

// Whichever source sends.
TEST(MovingRecords, AnotherMailExchangerDoesNotForgetWhatAllSourcesOwe) {
  Scenario scenario({.addresses = Many(40), .shaping = "[\"default\"]\ntotal_message_rate = \"6/h,max_burst=6\"\n"});
  scenario.UseTwoSources();
  Receiver& first = scenario.Serve("one.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.RunFor(Duration::Minutes(5));
  EXPECT_EQ(first.accepted().size(), 6u);
  scenario.names().SetMx("one.example", {"mx.one.example", "mx2.example"});
  scenario.RunFor(Duration::Minutes(56));
  EXPECT_GE(first.accepted().size() + second.accepted().size(), 11u);
  EXPECT_LE(first.accepted().size() + second.accepted().size(), 12u);
}

}  // namespace
}  // namespace sim
