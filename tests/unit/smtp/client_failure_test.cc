// Servers that refuse, hang up, stay silent or talk nonsense, at each step.
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/client.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using End = TransactionResult::End;
using testing::Dialogue;
using testing::kBdatGroup;
using testing::kChunking;
using testing::kGroup;
using testing::kMail;
using testing::kPipelining;
using testing::kPlain;
using testing::kRcpt;
using testing::kStuffed;

constexpr int kReset = 104;  // ECONNRESET

// How far a session without PIPELINING had come: the replies that the server gave.
struct Step {
  Command waiting;
  std::vector<std::string_view> replies;
  bool completing;  // The final dot was sent.
};

std::vector<Step> Steps() {
  return {{Command::kMail, {}, false},
          {Command::kRcpt, {"250 ok\r\n"}, false},
          {Command::kData, {"250 ok\r\n", "250 ok\r\n"}, false},
          {Command::kDot, {"250 ok\r\n", "250 ok\r\n", "354 go\r\n"}, true}};
}

void Reach(const Step& step, Dialogue& dialogue) {
  dialogue.Open(kPlain);
  dialogue.Begin();
  for (const std::string_view reply : step.replies) dialogue.Say(reply);
  EXPECT_EQ(dialogue.client.expecting(), step.waiting);
  EXPECT_EQ(dialogue.Events(), "ready ");
}

void ExpectEnd(Dialogue& dialogue, End end, bool completing) {
  EXPECT_EQ(dialogue.Events(), "done finished ");
  ASSERT_TRUE(dialogue.result.has_value());
  EXPECT_EQ(dialogue.result->end, end);
  EXPECT_EQ(dialogue.result->completing_handed_over, completing);
  EXPECT_TRUE(dialogue.client.IsFinished());
  EXPECT_EQ(dialogue.client.Timeout(), base::Duration());
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), "");
  dialogue.client.OnClosed(0, 0, /*connected=*/true);
  dialogue.client.OnTimeout(0);
  EXPECT_EQ(dialogue.Events(), "");  // Nothing after the last call.
}

// ---- before a message ----

TEST(SmtpClientFailure, ReportsAConnectionThatCouldNotBeMade) {
  Dialogue dialogue;
  dialogue.client.OnClosed(111, 0, /*connected=*/false);
  EXPECT_EQ(dialogue.Events(), "failed finished ");
  EXPECT_EQ(dialogue.fact->at, Command::kConnect);
  EXPECT_EQ(dialogue.fact->ToString(), "connect: Connection refused");
  Dialogue silent;
  silent.client.OnTimeout(0);
  EXPECT_EQ(silent.fact->ToString(), "connect: timed out");
}

TEST(SmtpClientFailure, ReportsAGreetingOrHelloThatSaysNo) {
  struct Case {
    std::vector<std::string_view> said;
    Command at;
    std::string_view text;
  };
  for (const Case& one : {Case{{"554 5.7.1 go away\r\n"}, Command::kGreeting, "554 5.7.1 go away"},
                          Case{{"421 busy\r\n"}, Command::kGreeting, "421 busy"},
                          Case{{"220 hi\r\n", "550 who?\r\n"}, Command::kEhlo, "550 who?"},
                          Case{{"220 hi\r\n", "421 bye\r\n"}, Command::kEhlo, "421 bye"},
                          Case{{"220 hi\r\n", "501 bad name\r\n"}, Command::kEhlo, "501 bad name"},
                          Case{{"220 hi\r\n", "502 no EHLO\r\n", "500 no HELO\r\n"}, Command::kHelo, "500 no HELO"}}) {
    Dialogue dialogue;
    dialogue.client.OnConnected(dialogue.now);
    for (const std::string_view reply : one.said) dialogue.Say(reply);
    EXPECT_EQ(dialogue.Events(), "failed finished ") << one.text;
    EXPECT_EQ(dialogue.fact->at, one.at) << one.text;
    ASSERT_TRUE(dialogue.fact->reply.has_value());
    EXPECT_EQ(dialogue.fact->ToString(), one.text);
    EXPECT_FALSE(dialogue.fact->garbage || dialogue.fact->timed_out);
  }
}

TEST(SmtpClientFailure, ReportsSilenceHangUpsAndGarbageBeforeItIsReady) {
  for (const std::vector<std::string_view>& said : std::vector<std::vector<std::string_view>>{
           {}, {"220-hi\r\n"}, {"220 hi\r\n"}, {"220 hi\r\n", "250-mx\r\n"}, {"220 hi\r\n", "500 what?\r\n"}}) {
    const auto failed_with = [&](const auto& event) {
      Dialogue dialogue;
      dialogue.client.OnConnected(dialogue.now);
      for (const std::string_view reply : said) dialogue.Say(reply);
      const Command at = dialogue.client.expecting();
      event(dialogue);
      EXPECT_EQ(dialogue.Events(), "failed finished ");
      EXPECT_EQ(dialogue.fact->at, at);
      EXPECT_FALSE(dialogue.fact->reply.has_value());
      return *dialogue.fact;
    };
    const ConnectionFact closed = failed_with([](Dialogue& d) { d.client.OnClosed(0, 0, /*connected=*/true); });
    EXPECT_EQ(closed.ToString(), std::string(ToString(closed.at)) + ": the server closed the connection");
    EXPECT_EQ(failed_with([](Dialogue& d) { d.client.OnClosed(kReset, 5, true); }).error, kReset);
    EXPECT_TRUE(failed_with([](Dialogue& d) { d.client.OnTimeout(0); }).timed_out);
    EXPECT_TRUE(failed_with([](Dialogue& d) { d.Say("SSH-2.0-x\r\n"); }).garbage);
  }
}

TEST(SmtpClientFailure, FinishesInSilenceWhenAnIdleSessionEnds) {
  const auto events_after = [](const auto& event) {
    Dialogue dialogue;
    dialogue.Open(kPlain);
    event(dialogue);
    EXPECT_FALSE(dialogue.fact.has_value());
    return dialogue.Events();
  };
  EXPECT_EQ(events_after([](Dialogue& d) { d.Say("421 idle for too long\r\n"); }), "ready finished ");
  EXPECT_EQ(events_after([](Dialogue& d) { d.Say("250 what?\r\n"); }), "ready finished ");
  EXPECT_EQ(events_after([](Dialogue& d) { d.Say("nonsense\r\n"); }), "ready finished ");
  EXPECT_EQ(events_after([](Dialogue& d) { d.client.OnClosed(0, 0, true); }), "ready finished ");
  EXPECT_EQ(events_after([](Dialogue& d) { d.client.OnTimeout(0); }), "ready finished ");
}

// ---- within a message ----

TEST(SmtpClientFailure, HandsOverTheCompletingBytesOnlyWhenTheKernelTookThemAll) {
  for (const Step& step : Steps()) {
    for (const std::uint64_t unsent : {std::uint64_t{0}, std::uint64_t{1}}) {
      Dialogue closed;
      Reach(step, closed);
      closed.client.OnClosed(kReset, unsent, /*connected=*/true);
      ExpectEnd(closed, End::kClosed, step.completing && unsent == 0);
      EXPECT_EQ(closed.result->error, kReset);
      EXPECT_EQ(closed.result->mail.has_value(), !step.replies.empty());
      Dialogue silent;
      Reach(step, silent);
      silent.client.OnTimeout(unsent);
      ExpectEnd(silent, End::kTimedOut, step.completing && unsent == 0);
    }
  }
}

TEST(SmtpClientFailure, HandsOverBdatWithItsGroup) {
  for (const std::uint64_t unsent : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{kBdatGroup.size()}}) {
    for (const std::string_view replies : {"", "250 ok\r\n", "250 ok\r\n250 ok\r\n", "250 ok\r\n550 no\r\n"}) {
      Dialogue dialogue;
      dialogue.Open(kChunking);
      dialogue.Begin();
      dialogue.Say(replies);
      dialogue.Events();
      dialogue.client.OnClosed(0, unsent, /*connected=*/true);
      ExpectEnd(dialogue, End::kClosed, unsent == 0);
    }
  }
}

TEST(SmtpClientFailure, EndsAtGarbageAndAssumesThatTheServerHasWhatWasSent) {
  for (const std::string_view garbage : {"nonsense\r\n", "\r\n", "250-ok\r\n99\r\n"}) {
    for (const Step& step : Steps()) {
      Dialogue dialogue;
      Reach(step, dialogue);
      EXPECT_EQ(dialogue.Say(garbage), "");
      ExpectEnd(dialogue, End::kGarbage, step.completing);
      EXPECT_FALSE(dialogue.result->final_reply.has_value());
    }
  }
}

TEST(SmtpClientFailure, FinishesAtA421WhereverItComes) {
  for (const Step& step : Steps()) {
    Dialogue dialogue;
    Reach(step, dialogue);
    EXPECT_EQ(dialogue.Say("421 4.3.2 shutting down\r\n250 ok\r\n"), "");
    ExpectEnd(dialogue, End::kReplied, step.completing);
    const TransactionResult& result = *dialogue.result;
    const auto& reply = step.waiting == Command::kMail   ? result.mail
                        : step.waiting == Command::kRcpt ? result.rcpt
                        : step.waiting == Command::kData ? result.data
                                                         : result.final_reply;
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->code, 421);
  }
}

TEST(SmtpClientFailure, FinishesAtA421WithinAGroup) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n421 bye\r\n");
  EXPECT_EQ(dialogue.Events(), "ready done finished ");
  EXPECT_EQ(dialogue.result->rcpt->code, 421);
  EXPECT_FALSE(dialogue.result->data.has_value());
}

TEST(SmtpClientFailure, StaysUsableAfterARefusalAtEachStep) {
  for (const std::string_view refusal : {"451 later\r\n", "550 no\r\n"}) {
    for (const Step& step : Steps()) {
      Dialogue dialogue;
      Reach(step, dialogue);
      EXPECT_EQ(dialogue.Say(refusal), "");
      EXPECT_EQ(dialogue.Events(), "done ready ");
      EXPECT_EQ(dialogue.result->end, End::kReplied);
      EXPECT_EQ(dialogue.Begin(), "RSET\r\n");
    }
  }
}

TEST(SmtpClientFailure, ReadsTheWholeGroupBeforeItReportsARefusal) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  dialogue.Begin();
  dialogue.Events();
  dialogue.Say("250 ok\r\n550 5.1.1 no such user\r\n");
  EXPECT_EQ(dialogue.Events(), "");
  dialogue.Say("503 no recipients\r\n");
  EXPECT_EQ(dialogue.Events(), "done ready ");
  EXPECT_EQ(dialogue.result->rcpt->ToString(), "550 5.1.1 no such user");
  EXPECT_EQ(dialogue.result->final_reply->code, 503);
}

// A session whose first recipient was refused, and which waits for the reply to RSET.
void AskForAReset(Dialogue& dialogue, std::string_view extensions) {
  dialogue.Open(extensions);
  dialogue.Begin();
  dialogue.Say("450 no\r\n503 no\r\n503 no\r\n");
  dialogue.Begin();
  dialogue.Events();
}

TEST(SmtpClientFailure, TellsThatTheServerEndedTheSessionInPlaceOfAReset) {
  Dialogue closing;
  AskForAReset(closing, kPipelining);
  closing.Say("421 bye\r\n");
  ExpectEnd(closing, End::kReplied, /*completing=*/false);
  EXPECT_EQ(closing.result->rset->code, 421);
  EXPECT_FALSE(closing.result->mail.has_value());

  Dialogue refusing;
  AskForAReset(refusing, kPipelining);
  EXPECT_EQ(refusing.Say("554 too many nonmail commands\r\n"), "");
  EXPECT_EQ(refusing.Events(), "");  // It may go on: what was sent behind RSET is being read.
  refusing.client.OnClosed(0, 0, /*connected=*/true);
  ExpectEnd(refusing, End::kClosed, /*completing=*/false);
  EXPECT_EQ(refusing.result->rset->code, 554);
  EXPECT_FALSE(refusing.result->mail.has_value());
}

TEST(SmtpClientFailure, GoesOnWhereOnlyTheResetIsRefused) {
  Dialogue dialogue;
  AskForAReset(dialogue, kPipelining);
  dialogue.Say("500 what?\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  dialogue.Say("250 accepted\r\n");
  EXPECT_EQ(dialogue.Events(), "done ready ");
  EXPECT_EQ(dialogue.result->final_reply->code, 250);
}

TEST(SmtpClientFailure, GivesUpASessionWhereAResetIsAnsweredWithAnIntermediateReply) {
  Dialogue dialogue;
  AskForAReset(dialogue, kPipelining);
  EXPECT_EQ(dialogue.Say("354 go\r\n"), "");
  ExpectEnd(dialogue, End::kGarbage, /*completing=*/false);
}

// ---- out of step ----

TEST(SmtpClientFailure, DoesNotTakeRepliesInEachOthersPlace) {
  for (const Step& step : Steps()) {
    Dialogue dialogue;
    Reach(step, dialogue);
    EXPECT_EQ(dialogue.Say(step.waiting == Command::kData ? "250 ok\r\n" : "354 go\r\n"), "");
    ExpectEnd(dialogue, End::kGarbage, step.completing);
    EXPECT_FALSE(dialogue.result->final_reply.has_value());
    EXPECT_FALSE(dialogue.result->data.has_value() && dialogue.result->data->IsPositive());
  }
}

TEST(SmtpClientFailure, DoesNotTakeTheReplyToAnEmptyMessageForAnother) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  dialogue.Begin();
  EXPECT_EQ(dialogue.Say("250 ok\r\n550 no\r\n354 go\r\n"), ".\r\n");
  dialogue.Events();
  dialogue.Say("354 go\r\n");
  ExpectEnd(dialogue, End::kGarbage, /*completing=*/false);
  EXPECT_EQ(dialogue.result->rcpt->code, 550);
}

TEST(SmtpClientFailure, DoesNotBelieveAnAnswerToWhatWasNotSentYet) {
  // The final reply comes with the 354: nobody can have read the message.
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  dialogue.Begin();
  dialogue.Events();
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n"), "");
  ExpectEnd(dialogue, End::kGarbage, /*completing=*/false);
  EXPECT_FALSE(dialogue.result->final_reply.has_value());

  Dialogue stepwise;
  stepwise.Open(kPlain);
  stepwise.Begin();
  stepwise.Events();
  EXPECT_EQ(stepwise.Say("250 ok\r\n250 ok\r\n"), "");
  ExpectEnd(stepwise, End::kGarbage, /*completing=*/false);
  EXPECT_FALSE(stepwise.result->rcpt.has_value());
}

TEST(SmtpClientFailure, SendsNothingOfTheContentAfterTheResult) {
  // Whoever borrowed the content takes it back in OnTransactionDone.
  Dialogue dialogue;
  dialogue.Open(kPlain);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n");
  dialogue.Say("250 ok\r\n");
  EXPECT_EQ(dialogue.Say("354 go\r\n421 bye\r\n"), "");
  EXPECT_EQ(dialogue.Events(), "ready done finished ");
  EXPECT_EQ(dialogue.result->final_reply->code, 421);
  EXPECT_FALSE(dialogue.result->completing_handed_over);
  EXPECT_TRUE(dialogue.client.IsContentTaken());
}

TEST(SmtpClientFailure, WaitsAsLongForResetAsForWhatWasSentBehindIt) {
  Client::Options options{.ehlo_domain = "mta.example.com", .timeouts = {}};
  options.timeouts.rset = base::Duration::Seconds(5);
  options.timeouts.mail = base::Duration::Seconds(300);
  for (const std::string_view extensions : {kPipelining, kPlain}) {
    Dialogue dialogue(options);
    dialogue.Open(extensions);
    dialogue.Begin();
    dialogue.Say(extensions == kPlain ? "450 no\r\n" : "450 no\r\n503 no\r\n503 no\r\n");
    dialogue.Begin();
    EXPECT_EQ(dialogue.client.Timeout(), extensions == kPlain ? options.timeouts.rset : options.timeouts.mail);
  }
}

TEST(SmtpClientFailure, CountsWhatNobodyTookAsNotSent) {
  Dialogue dialogue;
  dialogue.Open(kPlain);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n");
  dialogue.Say("250 ok\r\n");
  dialogue.client.OnReceived("354 go\r\n", dialogue.now);  // The content is queued, and the connection ends.
  dialogue.client.OnClosed(0, 0, /*connected=*/true);
  EXPECT_EQ(dialogue.result->end, End::kClosed);
  EXPECT_FALSE(dialogue.result->completing_handed_over);
}

}  // namespace
}  // namespace smtp
