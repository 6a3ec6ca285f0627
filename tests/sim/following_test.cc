// Messages one behind the other to receivers without CHUNKING, through the whole shard: one round trip each, and every
// recipient exactly what became of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/agreement.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::Ge;
using testing::SizeIs;
using testing::StartsWith;
using Then = Answer::Then;

constexpr int kMany = 20;

class FollowingMessages : public testing::Test {
 protected:
  Receiver& Start(Scenario& scenario) {
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = {"PIPELINING", "SIZE 100000"};
    return receiver;
  }
};

TEST_F(FollowingMessages, TheEnvelopeComesWithTheContentBefore) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
  Receiver& receiver = Start(scenario);
  int behind = 0;
  // A MAIL with more behind it, and no new connection: it came in a group.
  receiver.At(Point::kMail, [&behind](const Question& question) {
    behind += question.message > 1 && question.grouped ? 1 : 0;
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.connections(), SizeIs(1));
  EXPECT_GE(behind, kMany - 2);
  for (const std::string& address : Many(kMany))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 ."));
  CheckEverybody(scenario, receiver, kMany);
}

TEST_F(FollowingMessages, RefusedRecipientsAndContentsAmongOthersAreTheirOwn) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kRcpt, For("a03@one.example", {"550 5.1.1 No such user"}));
  receiver.At(Point::kRcpt, For("a04@one.example", {"550 5.1.1 No such user"}));
  receiver.At(Point::kContent, For("a08@one.example", {"550 5.2.1 Disabled"}));
  bool asked = false;
  receiver.At(Point::kRcpt, [&asked](const Question& question) {
    if (question.recipient != "a10@one.example" || std::exchange(asked, true)) return std::optional<Answer>();
    return std::optional(Answer{"450 4.2.1 Later"});
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Last("a03@one.example"), StartsWith("bounced InvalidRecipient 550 5.1.1 RCPT"));
  EXPECT_THAT(scenario.Last("a04@one.example"), StartsWith("bounced InvalidRecipient 550 5.1.1 RCPT"));
  EXPECT_THAT(scenario.Last("a08@one.example"), StartsWith("bounced InactiveMailbox 550 5.2.1 ."));
  EXPECT_EQ(scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany - 3));
  EXPECT_EQ(scenario.Story("a10@one.example").size(), 4u);  // Two attempts: both count.
  CheckEverybody(scenario, receiver, kMany);
}

TEST_F(FollowingMessages, WhoIsCutOffBeforeAWordOfItsOwnHasLostNothing) {
  for (const Then then : {Then::kFin, Then::kReset}) {
    Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
    Receiver& receiver = Start(scenario);
    receiver.At(Point::kContent, Always({"250 ok", then}));  // One message for each connection.
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany));
    for (const std::string& address : Many(kMany))
      EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 ."));
    CheckEverybody(scenario, receiver, kMany);
  }
}

TEST_F(FollowingMessages, OnlyTheContentThatHasLeftIsInDoubt) {
  for (const Answer& answer : {Answer{"", Then::kFin}, Answer{"", Then::kReset}, Answer{"", Then::kSilence}}) {
    Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
    Receiver& receiver = Start(scenario);
    receiver.At(Point::kContent, For("a05@one.example", answer));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(scenario.CountLast("in doubt"), 1u);
    EXPECT_EQ(scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany - 1));
    CheckEverybody(scenario, receiver, kMany);
  }
}

TEST_F(FollowingMessages, LimitsOfTheConnectionAndTheRateHold) {
  Scenario scenario(
      {.addresses = Many(kMany),
       .shaping = std::string(kOneSession) + "max_deliveries_per_connection = 3\nmax_message_rate = \"2/s\"\n"});
  Receiver& receiver = Start(scenario);
  std::uint32_t most = 0;
  receiver.At(Point::kMail, [&most](const Question& question) {
    most = std::max(most, question.message);
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(most, 3u);
  EXPECT_THAT(receiver.accepted(), SizeIs(kMany));
  std::int64_t last = 0;
  for (const std::string& address : Many(kMany)) last = std::max(last, scenario.Times(address).back());
  EXPECT_THAT(last, Ge(kMany / 2 - 2));
}

TEST_F(FollowingMessages, AProgramThatDiesLeavesNoMoreThanOneInDoubtForEachConnection) {
  for (int milliseconds = 100; milliseconds < 3000; milliseconds += 97) {
    Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
    Receiver& receiver = Start(scenario);
    scenario.RunFor(Duration::Milliseconds(milliseconds));
    scenario.Restart();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_LE(scenario.CountLast("in doubt"), 1u) << milliseconds;
    EXPECT_EQ(scenario.CountLast("in doubt") + scenario.CountLast("delivered"), static_cast<std::uint64_t>(kMany));
    CheckEverybody(scenario, receiver, kMany);
  }
}

// It throws away what it has read beyond the end of a message.
TEST_F(FollowingMessages, AReceiverThatLosesThemGetsTheNextOnesOneByOne) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kMail, [](const Question& question) {
    return question.message > 1 && question.grouped ? std::optional(Answer{"", Then::kSilence}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_THAT(receiver.accepted(), SizeIs(kMany));
  for (const std::string& address : Many(kMany))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 ."));
}

TEST_F(FollowingMessages, APauseBeginsNoOtherAttempt) {
  Scenario scenario({.addresses = Many(kMany), .shaping = kOneSession});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(1)}));
  scenario.RunFor(Duration::Milliseconds(3500));
  scenario.process().Pause({.by = "operator", .reason = "wait", .sample = "", .scope = {}});
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_TRUE(scenario.process().IsStopped());
  EXPECT_EQ(scenario.CountLast("delivered"), receiver.accepted().size());
  EXPECT_EQ(scenario.CountLast("delivered"), 4u);
  int touched = 0;
  for (const std::string& address : Many(kMany)) touched += scenario.Story(address).empty() ? 0 : 1;
  EXPECT_EQ(touched, 4) << "whose envelope had left only has lost nothing";
}

TEST_F(FollowingMessages, AReceiverThatIsLimitedMeanwhileHasFewerConnectionsAtOnce) {
  Scenario scenario({.addresses = Many(3000)});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Milliseconds(200)}));
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_GT(receiver.open(), 5u);
  std::vector<std::string> warnings;
  const config::Shaping::File file = {"shaping", "[\"default\"]\nconnection_limit = 1\n"};
  scenario.process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse(absl::MakeConstSpan(&file, 1), warnings)));
  scenario.RunFor(Duration::Seconds(2));
  EXPECT_LE(receiver.open(), 1u);
}

// A rate that begins while messages wait behind others holds for them, too.
TEST_F(FollowingMessages, ContentsKeepToARateThatHasBegunMeanwhile) {
  Scenario scenario({.addresses = Many(3000), .shaping = "[\"default\"]\nadaptive = false\nconnection_limit = 10\n"});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(1)}));
  scenario.RunFor(Duration::Milliseconds(10'300));
  EXPECT_EQ(receiver.open(), 10u);
  const std::size_t before = receiver.accepted().size();
  std::vector<std::string> warnings;
  const config::Shaping::File file = {
      "shaping", "[\"default\"]\nadaptive = false\nconnection_limit = 10\nmax_message_rate = \"1/min,max_burst=1\"\n"};
  scenario.process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse(absl::MakeConstSpan(&file, 1), warnings)));
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_LE(receiver.accepted().size() - before, 2u);
  const std::uint64_t recipients = receiver.CountOf("RCPT");
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_LE(receiver.accepted().size() - before, 12u);
  EXPECT_GE(receiver.accepted().size() - before, 10u);
  EXPECT_LE(receiver.CountOf("RCPT"), recipients + 3) << "nobody waits behind them: where to may be another by then";
}

// One waits for the second of two tokens when another, whose envelope had left, is refused: the first is still its own.
TEST_F(FollowingMessages, WhoIsRefusedBeforeItsContentTakesNoTokenFromAnother) {
  constexpr char kBefore[] = "[\"default\"]\nadaptive = false\nconnection_limit = 3\n";
  Scenario scenario({.addresses = Many(300), .shaping = kBefore});
  Receiver& receiver = Start(scenario);
  const base::Instant start = scenario.world().now();
  base::Duration waited_until;  // When the content came that waits for its tokens.
  receiver.At(Point::kContent, [&](const Question& question) -> std::optional<Answer> {
    if (question.connection == 1 && question.message == 3) waited_until = scenario.world().now() - start;
    if (question.connection > 3 || question.message > 1) return std::nullopt;
    const int wanted_at[] = {20, 70, 72};
    return Answer{.reply = "250 ok", .wait = Duration::Seconds(wanted_at[question.connection - 1])};
  });
  receiver.At(Point::kRcpt, [](const Question& question) {
    const bool is_third = question.connection == 3 && question.message == 2;
    return is_third ? std::optional(Answer{"550 5.1.1 No such user"}) : std::nullopt;
  });
  scenario.RunFor(Duration::Seconds(10));
  ASSERT_EQ(receiver.connections().size(), 3u);
  std::vector<std::string> warnings;
  const config::Shaping::File file = {
      "shaping", std::string(kBefore) +
                     "max_message_rate = \"1/min,max_burst=1\"\n[provider.\"p\"]\nmatch = [{MXSuffix = "
                     "\".one.example\"}]\nprovider_max_message_rate = \"2/min,max_burst=1\"\n"};
  scenario.process().ChangeShaping(
      std::make_shared<const config::Shaping>(*config::Shaping::Parse(absl::MakeConstSpan(&file, 1), warnings)));
  scenario.RunFor(Duration::Minutes(2));
  EXPECT_EQ(scenario.CountLast("bounced"), 1u);
  EXPECT_GE(waited_until, Duration::Seconds(79)) << "a minute after the one before";
  EXPECT_LE(waited_until, Duration::Seconds(82)) << "it has the provider's since 70 s; the next would come at 100";
}

TEST_F(FollowingMessages, WhoIsTooLateWhenTheServerWantsTheContentGetsNone) {
  Scenario scenario({.addresses = Many(3), .shaping = kOneSession});
  Receiver& receiver = Start(scenario);
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(60)}));
  scenario.job().finish_by = scenario.world().wall_now() + Duration::Seconds(90);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 2u);
  EXPECT_EQ(scenario.CountLast("expired"), 1u);
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
  EXPECT_EQ(receiver.CountOf("RCPT"), 3u);
}

}  // namespace
}  // namespace sim
