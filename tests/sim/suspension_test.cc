// A site that was suspended comes back with one message on one connection, and with more only when the receiver has
// taken that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kBlocked[] = "554 5.7.1 Blocked, see spamhaus.example";

struct Case {
  const char* name;
  const char* shaping;
  std::vector<std::string> extensions;
  std::uint32_t shards;
  bool restarts;  // While it is suspended.
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class AfterASuspension : public testing::TestWithParam<Case> {
 protected:
  AfterASuspension()
      : scenario_({.addresses = Many(600), .shaping = GetParam().shaping, .shards = GetParam().shards}),
        receiver_(scenario_.Serve("one.example")) {
    receiver_.extensions = GetParam().extensions;
    receiver_.At(Point::kContent, [this](const Question&) -> std::optional<Answer> {
      return Answer{.reply = "250 2.0.0 Taken", .wait = takes_};
    });
    receiver_.At(Point::kRcpt, [this](const Question&) -> std::optional<Answer> {
      ++asked_;
      return blocks_ ? std::optional(Answer{kBlocked}) : std::nullopt;
    });
  }
  // How many recipients it is asked about from now on in this time.
  int Asked(Duration time) {
    const int before = asked_;
    scenario_.RunFor(time);
    return asked_ - before;
  }
  void MaybeRestart() {
    if (GetParam().restarts) scenario_.Restart();
  }

  Scenario scenario_;
  Receiver& receiver_;
  Duration takes_ = Duration::Milliseconds(200);
  bool blocks_ = false;
  int asked_ = 0;
};

TEST_P(AfterASuspension, OneMessageIsTriedUntilOneIsTaken) {
  scenario_.RunFor(Duration::Seconds(2));
  EXPECT_GE(receiver_.open(), 5u);
  blocks_ = true;
  EXPECT_GT(Asked(Duration::Minutes(30)), 0);
  ASSERT_THAT(scenario_.Suspensions(), SizeIs(1));
  MaybeRestart();
  EXPECT_EQ(Asked(Duration::Minutes(29)), 0);
  // Suspended again, for two hours; a restart forgets the first one's length.
  EXPECT_EQ(Asked(Duration::Minutes(100)), GetParam().restarts ? 2 : 1);
  EXPECT_THAT(scenario_.Suspensions(), SizeIs(GetParam().restarts ? 3 : 2));
  blocks_ = false;
  takes_ = Duration::Seconds(50);
  MaybeRestart();
  const int before = asked_;
  while (receiver_.open() == 0) scenario_.RunFor(Duration::Seconds(1));
  scenario_.RunFor(Duration::Seconds(45));
  EXPECT_EQ(asked_ - before, 1);
  EXPECT_EQ(receiver_.open(), 1u);
  takes_ = Duration::Milliseconds(200);
  EXPECT_TRUE(scenario_.Finish());
  EXPECT_EQ(scenario_.CountLast("delivered"), 600u);
  EXPECT_THAT(scenario_.Pauses(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, AfterASuspension,
    testing::Values(Case{"Chunking", "", {"PIPELINING", "CHUNKING"}, 1, false},
                    Case{"OneBehindTheOther", "", {"PIPELINING"}, 1, false},
                    Case{"Fixed", "[\"default\"]\nadaptive = false\n", {"PIPELINING", "CHUNKING"}, 1, false},
                    Case{"Shards", "", {"PIPELINING", "CHUNKING"}, 3, false},
                    Case{"Restarts", "", {"PIPELINING", "CHUNKING"}, 1, true}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(AfterARefusedGreeting, OneConnectionIsTried) {
  Scenario scenario({.addresses = Many(100)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kGreeting, "554 5.3.2 No service");
  scenario.RunFor(Duration::Minutes(30));
  const std::size_t before = receiver.connections().size();
  scenario.RunFor(Duration::Minutes(60));
  EXPECT_EQ(receiver.connections().size(), before + 1);
}

// A reply about the recipient is an answer; a connection that ends without one is not.
TEST(AfterARefusal, ARefusedRecipientEndsTheDoubtAndALostConnectionDoesNot) {
  Scenario scenario({.addresses = Many(100)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
  receiver.At(Point::kRcpt, [](const Question& question) -> std::optional<Answer> {
    return question.time == 1 ? std::optional(Answer{kBlocked}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(30));
  const std::size_t taken = receiver.accepted().size();
  ASSERT_LT(taken, 20u);
  int asked = 0;
  receiver.At(Point::kMail, [&asked](const Question&) -> std::optional<Answer> {
    if (++asked == 1) return Answer{.reply = "", .then = Answer::Then::kFin};
    return std::nullopt;
  });
  receiver.At(Point::kRcpt, [&asked](const Question&) -> std::optional<Answer> {
    if (asked == 2) return Answer{.reply = "550 5.1.1 No such user", .wait = Duration::Seconds(20)};
    return std::nullopt;
  });
  while (asked < 2) scenario.RunFor(Duration::Seconds(1));
  scenario.RunFor(Duration::Seconds(15));
  EXPECT_EQ(asked, 2) << "one after the other";
  EXPECT_EQ(receiver.open(), 1u);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced"), 1u);
  EXPECT_EQ(scenario.CountLast("delivered"), 99u);
}

// Only the tried message counts: one from before the suspension, which takes long, keeps nobody from the next try.
TEST(AfterATryThatIsLost, TheNextIsTriedWhileAnOldMessageIsStillUnderWay) {
  Scenario scenario({.addresses = Many(40),
                     .shaping = "[\"default\"]\nadaptive = false\nconnection_limit = 3\n"
                                "[[\"default\".automation]]\nregex = \"TS01\"\naction = \"SuspendCampaign\"\n"
                                "duration = \"1m\"\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, [](const Question& question) -> std::optional<Answer> {
    const bool is_old = question.connection == 1 && question.message == 1;
    return Answer{.reply = "250 2.0.0 Taken", .wait = is_old ? Duration::Minutes(9) : Duration::Milliseconds(500)};
  });
  receiver.At(Point::kRcpt, [](const Question& question) -> std::optional<Answer> {
    return question.time == 10 ? std::optional(Answer{"450 4.2.0 [TS01] not now"}) : std::nullopt;
  });
  scenario.RunFor(Duration::Seconds(30));
  ASSERT_THAT(scenario.Suspensions(), SizeIs(1));
  const std::size_t before = receiver.accepted().size();
  ASSERT_LT(before, 20u);
  int asked = 0;
  receiver.At(Point::kMail, [&asked](const Question&) -> std::optional<Answer> {
    return ++asked == 1 ? std::optional(Answer{.reply = "", .then = Answer::Then::kFin}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(6));
  EXPECT_GE(receiver.accepted().size(), 38u);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 40u);
}

// Three that were in flight when the first of them was refused are answered one by one, long after the suspension. They
// were written before it, and say nothing of the time after: meanwhile only one message is tried.
TEST(AfterAStatedTime, AnswersToWhatWasInFlightBeforeDoNotEndTheDoubt) {
  Scenario scenario(
      {.addresses = Many(40), .shaping = "[\"default\"]\nconnection_limit = 1\nmax_in_flight = 4\nadaptive = false\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, [](const Question& question) -> std::optional<Answer> {
    if (question.time != 1) return std::nullopt;
    return Answer{.reply = "451 4.7.1 Our rate limit: try again in 5 seconds", .wait = Duration::Seconds(1)};
  });
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(20)}));
  scenario.RunFor(Duration::Seconds(75));
  ASSERT_THAT(scenario.Suspensions(), SizeIs(1));
  EXPECT_EQ(receiver.accepted().size(), 3u);  // They.
  std::size_t begun = 0;
  for (const std::string& address : Many(40)) begun += scenario.Story(address).empty() ? 0 : 1;
  EXPECT_EQ(begun, 5u);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 40u);
}

}  // namespace
}  // namespace sim
