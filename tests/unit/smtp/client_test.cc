// Sessions and transactions in which both sides keep to the protocol; client_failure_test.cc has the others.
#include "engine/smtp/client.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using End = TransactionResult::End;
using testing::Dialogue;
using testing::kBdatGroup;
using testing::kChunking;
using testing::kContent;
using testing::kGroup;
using testing::kMail;
using testing::kPipelining;
using testing::kPlain;
using testing::kRcpt;
using testing::kStuffed;

bool IsDelivered(const Dialogue& dialogue) {
  return dialogue.result.has_value() && dialogue.result->end == End::kReplied &&
         dialogue.result->final_reply.has_value() && dialogue.result->final_reply->IsPositive();
}

TEST(SmtpClient, GreetsAfterTheServerAndIsReady) {
  Dialogue dialogue;
  dialogue.client.OnConnected(dialogue.now);
  EXPECT_EQ(dialogue.Sent(), "");
  EXPECT_EQ(dialogue.client.expecting(), Command::kGreeting);
  EXPECT_EQ(dialogue.Say("220-mx.example.com\r\n"), "");
  EXPECT_EQ(dialogue.Say("220 ESMTP\r\n"), "EHLO mta.example.com\r\n");
  EXPECT_EQ(dialogue.Events(), "");
  EXPECT_FALSE(dialogue.client.IsReady());
  EXPECT_EQ(dialogue.Say(kPipelining), "");
  EXPECT_EQ(dialogue.Events(), "ready ");
  EXPECT_TRUE(dialogue.client.IsReady());
  EXPECT_TRUE(dialogue.client.capabilities().pipelining);
}

TEST(SmtpClient, SaysHeloToAServerThatDoesNotKnowEhlo) {
  for (const std::string_view refusal : {"500 what?\r\n", "502 no\r\n"}) {
    Dialogue dialogue;
    dialogue.client.OnConnected(dialogue.now);
    dialogue.Say("220 hi\r\n");
    EXPECT_EQ(dialogue.Say(refusal), "HELO mta.example.com\r\n");
    EXPECT_EQ(dialogue.client.expecting(), Command::kHelo);
    // Words that look like keywords are none after HELO.
    dialogue.Say(testing::kChunking);
    EXPECT_EQ(dialogue.Events(), "ready ");
    EXPECT_EQ(dialogue.Begin(), kMail);
  }
}

TEST(SmtpClient, SendsOneCommandAtATimeWithoutPipelining) {
  Dialogue dialogue;
  dialogue.Open(kPlain);
  EXPECT_EQ(dialogue.Begin(), kMail);
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), kRcpt);
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), "DATA\r\n");
  EXPECT_FALSE(dialogue.client.IsContentTaken());
  EXPECT_EQ(dialogue.Say("354 go\r\n"), kStuffed);
  EXPECT_TRUE(dialogue.client.IsContentTaken());
  EXPECT_EQ(dialogue.client.expecting(), Command::kDot);
  dialogue.Events();
  EXPECT_EQ(dialogue.Say("250 2.0.0 queued as 42\r\n"), "");
  EXPECT_EQ(dialogue.Events(), "done ready ");
  ASSERT_TRUE(IsDelivered(dialogue));
  EXPECT_EQ(dialogue.result->final_reply->text, "queued as 42");
  EXPECT_EQ(dialogue.result->data->code, 354);
  EXPECT_TRUE(dialogue.result->completing_handed_over);
  EXPECT_FALSE(dialogue.result->used_bdat);
}

TEST(SmtpClient, PipelinesUpToDataAndWaitsForItsReply) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  EXPECT_EQ(dialogue.Begin(), kGroup);
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 o"), "");
  EXPECT_EQ(dialogue.Say("k\r\n354 go\r"), "");
  EXPECT_EQ(dialogue.Say("\n"), kStuffed);
  dialogue.Say("250 queued\r\n");
  EXPECT_TRUE(IsDelivered(dialogue));
  EXPECT_EQ(dialogue.result->mail->code, 250);
  EXPECT_EQ(dialogue.result->rcpt->code, 250);
}

TEST(SmtpClient, SendsTheWholeTransactionAtOnceWithChunking) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  EXPECT_EQ(kContent.size(), 20u);
  EXPECT_EQ(dialogue.Begin(), kBdatGroup);
  EXPECT_TRUE(dialogue.client.IsContentTaken());
  dialogue.Events();
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(dialogue.Events(), "");
  dialogue.Say("250 queued\r\n");
  EXPECT_TRUE(IsDelivered(dialogue));
  EXPECT_TRUE(dialogue.result->used_bdat);
  EXPECT_FALSE(dialogue.result->data.has_value());
}

TEST(SmtpClient, SendsBdatAfterTheReplyToRcptWithoutPipelining) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 CHUNKING\r\n");
  EXPECT_EQ(dialogue.Begin(), kMail);
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), kRcpt);
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), "BDAT 20 LAST\r\n" + std::string(kContent));
  dialogue.Say("250 queued\r\n");
  EXPECT_TRUE(IsDelivered(dialogue));
}

TEST(SmtpClient, UsesNoExtensionThatItsOptionsForbid) {
  Dialogue no_chunking({.ehlo_domain = "mta.example.com", .chunking = false, .timeouts = {}});
  no_chunking.Open(kChunking);
  EXPECT_EQ(no_chunking.Begin(), kGroup);
  Dialogue no_pipelining({.ehlo_domain = "mta.example.com", .pipelining = false, .chunking = false, .timeouts = {}});
  no_pipelining.Open(kChunking);
  EXPECT_EQ(no_pipelining.Begin(), kMail);
}

TEST(SmtpClient, StartsTheNextMessageWithoutRsetAfterADelivery) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(dialogue.Begin(), kGroup);
    EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n"), kStuffed);
    dialogue.Say("250 queued\r\n");
    EXPECT_TRUE(IsDelivered(dialogue));
  }
}

TEST(SmtpClient, ResetsBeforeTheNextMessageAfterAFailure) {
  for (const std::string_view replies :
       {"450 later\r\n503 no\r\n503 no\r\n", "250 ok\r\n550 no\r\n554 nobody\r\n", "250 ok\r\n250 ok\r\n451 no\r\n"}) {
    Dialogue dialogue;
    dialogue.Open(kPipelining);
    dialogue.Begin();
    EXPECT_EQ(dialogue.Say(replies), "");
    EXPECT_EQ(dialogue.Events(), "ready done ready ");
    EXPECT_EQ(dialogue.Begin(), "RSET\r\n" + std::string(kGroup));
    EXPECT_EQ(dialogue.client.expecting(), Command::kRset);
    EXPECT_EQ(dialogue.Say("250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n"), kStuffed);
    dialogue.Say("250 queued\r\n");
    EXPECT_TRUE(IsDelivered(dialogue));
    EXPECT_EQ(dialogue.Begin(), kGroup);
  }
}

TEST(SmtpClient, WaitsForTheReplyToRsetWithoutPipelining) {
  Dialogue dialogue;
  dialogue.Open(kPlain);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n");
  EXPECT_EQ(dialogue.Say("550 no such user\r\n"), "");
  EXPECT_EQ(dialogue.Events(), "ready done ready ");
  EXPECT_EQ(dialogue.Begin(), "RSET\r\n");
  EXPECT_EQ(dialogue.Say("250 reset\r\n"), kMail);
  EXPECT_EQ(dialogue.Say("250 ok\r\n"), kRcpt);
}

TEST(SmtpClient, SendsMailAloneAfterAnIdleTime) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  dialogue.now = dialogue.now + base::Duration::Seconds(1);
  EXPECT_EQ(dialogue.Begin(), kBdatGroup);  // Not longer than the probe time.
  dialogue.Say("250 ok\r\n250 ok\r\n250 queued\r\n");
  dialogue.now = dialogue.now + base::Duration::Milliseconds(1001);
  EXPECT_EQ(dialogue.Begin(), kMail);
  EXPECT_EQ(std::string(kMail) + dialogue.Say("250 ok\r\n"), kBdatGroup);
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 queued\r\n"), "");
  EXPECT_TRUE(IsDelivered(dialogue));
}

TEST(SmtpClient, CountsTheIdleTimeFromTheLastReply) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  for (int i = 0; i < 3; ++i) {
    dialogue.now = dialogue.now + base::Duration::Milliseconds(900);
    EXPECT_EQ(dialogue.Begin(), kBdatGroup);
    dialogue.now = dialogue.now + base::Duration::Seconds(30);
    dialogue.Say("250 ok\r\n250 ok\r\n250 queued\r\n");
  }
}

TEST(SmtpClient, SendsNothingMoreWhenTheLonelyMailIsRefused) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  dialogue.now = dialogue.now + base::Duration::Minutes(1);
  EXPECT_EQ(dialogue.Begin(), kMail);
  EXPECT_EQ(dialogue.Say("451 later\r\n"), "");
  EXPECT_EQ(dialogue.Events(), "ready done ready ");
  EXPECT_EQ(dialogue.result->mail->code, 451);
  EXPECT_FALSE(dialogue.result->completing_handed_over);
}

TEST(SmtpClient, EndsDataForNobodyWithADotAlone) {
  for (const std::string_view replies : {"250 ok\r\n550 no\r\n354 go\r\n", "550 no\r\n250 ok\r\n354 go\r\n"}) {
    Dialogue dialogue;
    dialogue.Open(kPipelining);
    dialogue.Begin();
    EXPECT_EQ(dialogue.Say(replies), ".\r\n");
    EXPECT_EQ(dialogue.Events(), "ready ");
    dialogue.Say("250 queued\r\n");
    EXPECT_EQ(dialogue.Events(), "done ready ");
    EXPECT_EQ(dialogue.result->end, End::kReplied);
    EXPECT_FALSE(dialogue.result->completing_handed_over);
    EXPECT_EQ(dialogue.Begin(), "RSET\r\n" + std::string(kGroup));  // An empty message is no delivery.
  }
}

TEST(SmtpClient, NamesTheSizeWhereTheServerAsksForIt) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250-SIZE 20\r\n250 SMTPUTF8\r\n");
  EXPECT_EQ(dialogue.Begin(), "MAIL FROM:<a@example.com> SIZE=20\r\n");
  dialogue.Say("450 no\r\n");
  dialogue.Begin(std::nullopt, /*needs_smtputf8=*/true);
  EXPECT_EQ(dialogue.Say("250 reset\r\n"), "MAIL FROM:<a@example.com> SIZE=20 SMTPUTF8\r\n");
}

TEST(SmtpClient, SendsNothingOfAMessageThatIsTooLarge) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SIZE 20\r\n");
  EXPECT_EQ(dialogue.Begin(21), "");
  EXPECT_EQ(dialogue.Events(), "ready done ready ");
  EXPECT_EQ(dialogue.result->end, End::kTooLarge);
  EXPECT_EQ(dialogue.Begin(20), "MAIL FROM:<a@example.com> SIZE=20\r\n");  // No RSET: nothing was begun.
}

TEST(SmtpClient, TakesZeroForNoLimitOfTheSize) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SIZE 0\r\n");
  EXPECT_EQ(dialogue.Begin(5'000'000'000), "MAIL FROM:<a@example.com> SIZE=5000000000\r\n");
}

TEST(SmtpClient, SendsNothingOfAMessageThatNeedsSmtpUtf8WhereItIsNotOffered) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  EXPECT_EQ(dialogue.Begin(std::nullopt, /*needs_smtputf8=*/true), "");
  EXPECT_EQ(dialogue.Events(), "ready done ready ");
  EXPECT_EQ(dialogue.result->end, End::kNeedsSmtpUtf8);
  EXPECT_EQ(dialogue.Begin(), kGroup);
}

TEST(SmtpClient, KeepsTheNeedOfRsetOverAMessageOfWhichNothingIsSent) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SIZE 20\r\n");
  dialogue.Begin();
  dialogue.Say("450 no\r\n");
  EXPECT_EQ(dialogue.Begin(21), "");
  EXPECT_EQ(dialogue.Begin(), "RSET\r\n");
}

TEST(SmtpClient, QuitsAndFinishesWithAnyReplyOrNone) {
  for (const std::string_view reply : {"221 bye\r\n", "500 what?\r\n", "nonsense\r\n"}) {
    Dialogue dialogue;
    dialogue.Open(kPlain);
    dialogue.client.Quit();
    EXPECT_EQ(dialogue.Sent(), "QUIT\r\n");
    EXPECT_EQ(dialogue.Events(), "ready ");
    dialogue.Say(reply);
    EXPECT_EQ(dialogue.Events(), "finished ") << reply;
    EXPECT_TRUE(dialogue.client.IsFinished());
  }
  Dialogue closed;
  closed.Open(kPlain);
  closed.client.Quit();
  closed.client.OnClosed(104, 0, /*connected=*/true);
  closed.client.OnTimeout(0);
  EXPECT_EQ(closed.Events(), "ready finished ");
}

TEST(SmtpClient, GivesTheSameOutputHoweverTheRepliesAreSplit) {
  Dialogue dialogue;
  std::string sent;
  const auto say = [&](std::string_view bytes) {
    for (const char c : bytes) sent += dialogue.Say({&c, 1});
  };
  dialogue.client.OnConnected(dialogue.now);
  say("220-mx\r\n220 hi\r\n");
  say(kPipelining);
  sent += dialogue.Begin();
  say("250-2.1.0 a\r\n250 2.1.0 b\r\n250 ok\r\n354 go\r\n250 queued\r\n");
  EXPECT_TRUE(IsDelivered(dialogue));
  EXPECT_EQ(sent, "EHLO mta.example.com\r\n" + std::string(kGroup) + std::string(kStuffed));
}

TEST(SmtpClient, WaitsAsLongAsEachStepMayTake) {
  Timeouts timeouts;
  base::Duration* const all[] = {&timeouts.greeting, &timeouts.ehlo,        &timeouts.mail, &timeouts.rcpt,
                                 &timeouts.data,     &timeouts.final_reply, &timeouts.rset, &timeouts.quit};
  for (int i = 0; i < 8; ++i) *all[i] = base::Duration::Seconds(i + 1);
  Dialogue dialogue({.ehlo_domain = "mta.example.com", .timeouts = timeouts});
  Client& client = dialogue.client;
  std::uint32_t last = client.wait_number();
  const auto expect_wait = [&](int seconds) {
    EXPECT_EQ(client.Timeout().seconds(), seconds);
    EXPECT_NE(client.wait_number(), last) << seconds;
    last = client.wait_number();
  };
  client.OnConnected(dialogue.now);
  expect_wait(1);
  dialogue.Say("220 hi\r\n");
  expect_wait(2);
  dialogue.Say("500 what?\r\n");
  expect_wait(2);
  dialogue.Say("250 mx\r\n");
  expect_wait(0);
  dialogue.Begin();
  expect_wait(3);
  dialogue.Say("250 ok\r\n");
  expect_wait(4);
  dialogue.Say("250 o");
  EXPECT_EQ(client.wait_number(), last);  // A part of a reply does not start the time again.
  dialogue.Say("k\r\n");
  expect_wait(5);
  dialogue.Say("354 go\r\n");
  expect_wait(6);
  dialogue.Say("550 no\r\n");
  expect_wait(0);
  dialogue.Begin();
  expect_wait(7);
  dialogue.Say("250 ok\r\n");
  dialogue.Say("550 no\r\n");
  last = 0;
  client.Quit();
  expect_wait(8);
}

}  // namespace
}  // namespace smtp
