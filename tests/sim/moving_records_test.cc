// A receiver whose mail exchangers change is the same receiver: what it is owed stays.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
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

// A host that is in both sets sees as many connections as before, not those of two sites.
TEST(MovingRecords, AnotherMailExchangerDoesNotDoubleTheConnections) {
  Scenario scenario({.addresses = Many(1200), .shaping = "[\"default\"]\nconnection_limit = 4\n"});
  Receiver& first = scenario.Serve("one.example");
  Receiver& second = scenario.AddReceiver("mx2.example");
  scenario.names().ttl = Duration::Minutes(1);
  std::uint32_t most = 0;
  for (Receiver* receiver : {&first, &second}) {
    receiver->At(Point::kGreeting, [&](const Question&) -> std::optional<Answer> {
      most = std::max(most, first.open() + second.open());
      return std::nullopt;
    });
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
  }
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(first.open(), 4u);
  scenario.names().SetMx("one.example", {"mx.one.example", "mx2.example"}, /*equal=*/true);
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_GT(second.accepted().size(), 20u);
  EXPECT_EQ(most, 4u);
}

}  // namespace
}  // namespace sim
