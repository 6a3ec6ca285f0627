// What the whole shard makes of connections that end, stay silent or go out of step, by what was read of the
// transaction: the verdicts' third section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

using Then = Answer::Then;

// Where it ends, and what is to become of the recipient where the connection ends, stays silent, or garbage comes.
struct Case {
  const char* name;
  std::vector<std::string> extensions;
  Point point;
  const char* command;
  const char* ended;    // FIN or RST in place of the reply.
  const char* silent;   // Nothing within the time-out.
  const char* garbage;  // What is no reply.
};

const std::vector<std::string> kGroup = {"PIPELINING", "CHUNKING"}, kData = {"PIPELINING"}, kAlone = {},
                               kBdatAlone = {"CHUNKING"};
constexpr char kDeferred[] = "deferred", kInDoubt[] = "in doubt";

void PrintTo(const Case& where, std::ostream* out) { *out << where.name; }

class Ending : public testing::TestWithParam<Case> {
 protected:
  // The one recipient's fate where the receiver does this in place of the reply.
  static std::vector<std::string> StoryWith(const Answer& answer) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = GetParam().extensions;
    receiver.At(GetParam().point, First(1, answer));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
    const std::vector<std::string> story = scenario.Story(kA);
    // In doubt is final; who is deferred gets its message with the next attempt.
    EXPECT_THAT(receiver.accepted(), SizeIs(story.size() == 2 ? 0 : 1));
    return story;
  }
  static void Check(const Answer& answer, const std::string& outcome, const std::string& classification) {
    const std::string line = absl::StrFormat("%s %s %s", outcome, classification, GetParam().command);
    if (outcome == kInDoubt) {
      EXPECT_THAT(StoryWith(answer), ElementsAre("attempt 1", line));
    } else {
      EXPECT_THAT(StoryWith(answer), ElementsAre("attempt 1", line, "attempt 2", StartsWith("delivered 250")));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(
    Verdicts, Ending,
    testing::Values(Case{"MailWithContent", kGroup, Point::kMail, "MAIL", kDeferred, kInDoubt, kDeferred},
                    Case{"RcptWithContent", kGroup, Point::kRcpt, "RCPT", kInDoubt, kInDoubt, kInDoubt},
                    Case{"BdatWithContent", kGroup, Point::kContent, "BDAT", kInDoubt, kInDoubt, kInDoubt},
                    Case{"MailOfAGroup", kData, Point::kMail, "MAIL", kDeferred, kDeferred, kDeferred},
                    Case{"RcptOfAGroup", kData, Point::kRcpt, "RCPT", kDeferred, kDeferred, kDeferred},
                    Case{"DataOfAGroup", kData, Point::kData, "DATA", kDeferred, kDeferred, kDeferred},
                    Case{"Dot", kData, Point::kContent, ".", kInDoubt, kInDoubt, kInDoubt},
                    Case{"MailAlone", kAlone, Point::kMail, "MAIL", kDeferred, kDeferred, kDeferred},
                    Case{"RcptAlone", kAlone, Point::kRcpt, "RCPT", kDeferred, kDeferred, kDeferred},
                    Case{"DataAlone", kAlone, Point::kData, "DATA", kDeferred, kDeferred, kDeferred},
                    Case{"DotAlone", kAlone, Point::kContent, ".", kInDoubt, kInDoubt, kInDoubt},
                    Case{"RcptBeforeBdat", kBdatAlone, Point::kRcpt, "RCPT", kDeferred, kDeferred, kDeferred},
                    Case{"BdatAlone", kBdatAlone, Point::kContent, "BDAT", kInDoubt, kInDoubt, kInDoubt}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_P(Ending, ByFin) { Check({"", Then::kFin}, GetParam().ended, "BadConnection"); }
TEST_P(Ending, ByReset) { Check({"", Then::kReset}, GetParam().ended, "BadConnection"); }
TEST_P(Ending, BySilence) { Check({"", Then::kSilence}, GetParam().silent, "NoAnswerFromHost"); }
TEST_P(Ending, ByGarbage) { Check({"Whatever this is"}, GetParam().garbage, "ProtocolErrors"); }

// ---- as the reply says, although the connection ended before the others ----

struct Refused {
  const char* name;
  Point point;
  const char* reply;
  const char* line;
};

void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }

class RefusedThenEnded : public testing::TestWithParam<Refused> {};

INSTANTIATE_TEST_SUITE_P(
    Verdicts, RefusedThenEnded,
    testing::Values(
        Refused{"MailForNow", Point::kMail, "451 4.3.0 Trouble", "deferred TransientFailure 451 4.3.0 MAIL"},
        Refused{"MailForGood", Point::kMail, "554 5.7.1 Not from you", "held PolicyRelated 554 5.7.1 MAIL"},
        Refused{"RcptForNow", Point::kRcpt, "450 4.2.1 Later", "deferred TransientFailure 450 4.2.1 RCPT"},
        Refused{"RcptForGood", Point::kRcpt, "550 5.1.1 No such user", "bounced InvalidRecipient 550 5.1.1 RCPT"},
        Refused{"BdatForNow", Point::kContent, "451 4.3.0 Trouble", "deferred TransientFailure 451 4.3.0 BDAT"},
        Refused{"BdatForGood", Point::kContent, "550 5.2.1 Disabled", "bounced InactiveMailbox 550 5.2.1 BDAT"},
        Refused{"MailGoodbye", Point::kMail, "421 4.3.2 Bye", "deferred TransientFailure 421 4.3.2 MAIL"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_P(RefusedThenEnded, CountsAsTheReplySays) {
  for (const Then then : {Then::kFin, Then::kReset, Then::kSilence}) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(GetParam().point, First(1, {GetParam().reply, then}));
    scenario.RunFor(Duration::Minutes(20));
    const std::vector<std::string> story = scenario.Story(kA);
    ASSERT_GE(story.size(), 2u);
    EXPECT_EQ(story[1], GetParam().line);
  }
}

// ---- bytes that complete the message and have not left ----

TEST(EndingOfUnsent, BeforeTheCompletingBytesAreHandedOverDefers) {
  for (const Then then : {Then::kFin, Then::kReset}) {
    for (const auto& extensions : {kGroup, kData, kAlone}) {
      Scenario scenario({.addresses = {kA}, .body_bytes = 60'000, .network = {.send_chunk_max = 100}});
      Receiver& receiver = scenario.Serve("one.example");
      receiver.extensions = extensions;
      const bool bdat = extensions.size() == 2;
      const Answer answer = bdat ? Answer{"250 ok", then} : Answer{"354 go on", then};
      receiver.At(bdat ? Point::kRcpt : Point::kData, First(1, answer));
      EXPECT_TRUE(scenario.Finish());
      EXPECT_THAT(scenario.Story(kA),
                  ElementsAre("attempt 1", absl::StrFormat("deferred BadConnection %s", bdat ? "BDAT" : "."),
                              "attempt 2", StartsWith("delivered")));
      EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
    }
  }
}

TEST(EndingOfUnsent, WhereTheReceiverStopsReadingDefers) {
  Scenario scenario({.addresses = {kA}, .body_bytes = 3u << 20});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"250 ok", Then::kDeaf}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA),
              ElementsAre("attempt 1", "deferred NoAnswerFromHost BDAT", "attempt 2", "delivered 250 BDAT"));
}

// ---- in doubt ----

TEST(InDoubt, TimesOutAfterTenMinutes) {
  Scenario scenario({.addresses = {kA}});
  scenario.Serve("one.example").At(Point::kContent, Always({"", Then::kSilence}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Times(kA), ElementsAre(0, 600));
}

TEST(InDoubt, HeldItIsFinalAlsoAfterARestart) {
  Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, For(kA, {"", Then::kFin}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.Last(kA), "in doubt BadConnection BDAT");
  scenario.Restart();
  EXPECT_TRUE(scenario.Finish());
  scenario.RunFor(Duration::Hours(1));
  EXPECT_EQ(scenario.Last(kA), "in doubt BadConnection BDAT");
  EXPECT_THAT(receiver.accepted(), ElementsAre(kB));
}

std::string MessageIdOf(const std::string& content) {
  const std::size_t begin = content.find("Message-ID:");
  return content.substr(begin, content.find("\r\n", begin) - begin);
}

TEST(InDoubt, ResentItGoesAgainAtOnceWithTheSameMessageId) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().resend_in_doubt = true;
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, First(1, {"", Then::kFin}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "in doubt BadConnection BDAT", StartsWith("resent"),
                                              "attempt 2", "delivered 250 BDAT"));
  EXPECT_LE(scenario.Times(kA).back(), 5);
  ASSERT_THAT(receiver.contents(), SizeIs(2));
  EXPECT_THAT(MessageIdOf(receiver.contents()[0]), StartsWith("Message-ID: <"));
  EXPECT_EQ(MessageIdOf(receiver.contents()[0]), MessageIdOf(receiver.contents()[1]));
}

TEST(InDoubt, WhatWasInFlightWhenTheProgramDiedIsInDoubt) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(20)}));
  scenario.RunFor(Duration::Seconds(10));
  scenario.Restart();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", StartsWith("in doubt")));
}

}  // namespace
}  // namespace sim
