// Several messages in flight on a connection, for relays of one's own, through the whole shard: every recipient exactly
// what became of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/sim/agreement.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::SizeIs;
using testing::StartsWith;
using Then = Answer::Then;

constexpr int kMany = 24;
constexpr char kFour[] = "[\"default\"]\nconnection_limit = 1\nmax_in_flight = 4\n";

TEST(MessagesInFlight, AreManyInARoundTrip) {
  std::vector<Duration> took;
  for (const char* const shaping : {kOneSession, kFour}) {
    Scenario scenario(
        {.addresses = Many(kMany),
         .shaping = shaping,
         .network = {.latency_least = Duration::Milliseconds(40), .latency_most = Duration::Milliseconds(40)}});
    Receiver& receiver = scenario.Serve("one.example");
    const base::Instant begin = scenario.world().now();
    EXPECT_TRUE(scenario.Finish());
    took.push_back(scenario.world().now() - begin);
    EXPECT_THAT(receiver.connections(), SizeIs(1));
    EXPECT_EQ(receiver.CountOf("RSET") > kMany / 2, shaping == kFour);
    for (const std::string& address : Many(kMany))
      EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
    CheckEverybody(scenario, receiver, kMany);
  }
  EXPECT_LT(took[1] * 3, took[0] * 2);
}

TEST(MessagesInFlight, AreNeverMoreThanTheirNumberAndInDoubtAfterACrash) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({"", Then::kSilence}));
  scenario.RunFor(Duration::Seconds(5));
  receiver.Forget();
  scenario.Restart();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("in doubt"), 4u);
  EXPECT_EQ(scenario.CountLast("delivered"), kMany - 4u);
  CheckEverybody(scenario, receiver, kMany);
}

TEST(MessagesInFlight, AreOneByOneWithoutChunking) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = {"PIPELINING", "SIZE 100000"};
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.CountOf("RSET"), 0u);
  CheckEverybody(scenario, receiver, kMany);
}

TEST(MessagesInFlight, EndWithTheConnectionsTurn) {
  Scenario scenario({.addresses = Many(kMany), .shaping = std::string(kFour) + "max_deliveries_per_connection = 5\n"});
  Receiver& receiver = scenario.Serve("one.example");
  std::uint32_t most = 0;
  receiver.At(Point::kMail, [&most](const Question& question) -> std::optional<Answer> {
    most = std::max(most, question.message);
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(most, 5u);
  EXPECT_THAT(receiver.connections(), SizeIs(5));
  CheckEverybody(scenario, receiver, kMany);
}

TEST(MessagesInFlight, RefusedRecipientsAndContentsAreTheirOwn) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, For("a03@one.example", {"550 5.1.1 No such user"}));
  receiver.At(Point::kRcpt, For("a04@one.example", {"550 5.1.1 No such user"}));
  receiver.At(Point::kContent, For("a08@one.example", {"550 5.2.1 Disabled"}));
  receiver.At(Point::kRcpt, For("a10@one.example", {"450 4.2.1 Later"}));  // Its retry is much later.
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_THAT(scenario.Last("a03@one.example"), StartsWith("bounced InvalidRecipient 550 5.1.1 RCPT"));
  EXPECT_THAT(scenario.Last("a04@one.example"), StartsWith("bounced InvalidRecipient 550 5.1.1 RCPT"));
  EXPECT_THAT(scenario.Last("a08@one.example"), StartsWith("bounced InactiveMailbox 550 5.2.1 BDAT"));
  EXPECT_EQ(scenario.CountLast("delivered"), kMany - 4u);
  CheckEverybody(scenario, receiver, kMany);
}

// A server that says goodbye has read what came before it, and nothing after.
TEST(MessagesInFlight, AGoodbyeCostsNobodyAnAttemptThatWasItsTurn) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kMail, [](const Question& question) -> std::optional<Answer> {
    if (question.message != 7) return std::nullopt;
    return Answer{"421 4.7.0 Too many messages on this connection", Then::kFin};
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany));
  CheckEverybody(scenario, receiver, kMany);
}

TEST(MessagesInFlight, OfAConnectionThatEndsAreInDoubtWhereTheyMayHaveBeenAccepted) {
  for (const Point point : {Point::kRset, Point::kMail, Point::kRcpt, Point::kContent}) {
    for (const Then then : {Then::kFin, Then::kReset}) {
      Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
      Receiver& receiver = scenario.Serve("one.example");
      receiver.At(point, [then](const Question& question) -> std::optional<Answer> {
        if (question.time != 6) return std::nullopt;
        return Answer{"", then};
      });
      EXPECT_TRUE(scenario.Finish());
      EXPECT_LE(scenario.CountLast("in doubt"), 4u);
      EXPECT_GE(scenario.CountLast("in doubt"), 1u);
      CheckEverybody(scenario, receiver, kMany);
    }
  }
}

TEST(MessagesInFlight, SilenceEndsThemAll) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, [](const Question& question) -> std::optional<Answer> {
    if (question.time != 6) return std::nullopt;
    return Answer{"", Then::kSilence};
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_LE(scenario.CountLast("in doubt"), 4u);
  EXPECT_EQ(scenario.CountLast("in doubt") + scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany));
  CheckEverybody(scenario, receiver, kMany);
}

TEST(MessagesInFlight, ArePutBackOrFinishedWhenTheProgramEnds) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kFour});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(100)}));
  scenario.RunFor(Duration::Milliseconds(700));
  scenario.process().Drain();
  scenario.RunFor(Duration::Seconds(5));
  EXPECT_TRUE(scenario.process().IsStopped());
  EXPECT_EQ(scenario.process().reported().finals(), receiver.accepted().size());
  scenario.Restart();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany));
  CheckEverybody(scenario, receiver, kMany);
}

}  // namespace
}  // namespace sim
