// Rows of the standards' second section, as one connection keeps them: each test is named after its row.
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"
#include "tests/unit/smtp/verdict_facts.h"

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
using testing::Said;

TEST(StandardsOnTheWire, P01GroupsOnlyWherePipeliningIsOfferedAndUnderTlsAnew) {
  Dialogue plain;
  plain.Open(kPlain);
  EXPECT_EQ(plain.Begin(), kMail);
  Dialogue secured({.ehlo_domain = "mta.example.com", .tls = TlsUse::kAlways, .timeouts = {}});
  secured.Open("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n");
  secured.Say("220 go\r\n");
  secured.client.OnTlsUp(secured.now);
  secured.Sent();
  secured.Say(kPlain);
  EXPECT_EQ(secured.Begin(), kMail);
}

TEST(StandardsOnTheWire, P02CommandsThatMustComeLastDo) {
  const std::vector<std::string_view> last = {"EHLO", "DATA", "VRFY", "EXPN", "QUIT", "NOOP", "STARTTLS", "AUTH"};
  Dialogue dialogue;
  dialogue.client.OnConnected(dialogue.now);
  std::vector<std::string> writes = {dialogue.Say("220 hi\r\n"), dialogue.Say(kPipelining), dialogue.Begin()};
  dialogue.Say("250 ok\r\n550 who\r\n554 no\r\n");
  writes.push_back(dialogue.Begin());
  dialogue.Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  dialogue.Say("250 ok\r\n");
  dialogue.client.Quit();
  writes.push_back(dialogue.Sent());
  for (const std::string& write : writes) {
    for (const std::string_view command : last) {
      const std::size_t at = write.find(command);
      if (at == std::string::npos || (at > 0 && write[at - 1] != '\n')) continue;
      EXPECT_EQ(write.find("\r\n", at), write.size() - 2) << write;
    }
  }
}

TEST(StandardsOnTheWire, P03TheNextEnvelopeRidesWithTheEndOfTheContent) {
  Dialogue dialogue;
  dialogue.Open(kPipelining);
  dialogue.Begin();
  dialogue.client.Follow({.sender = "a@example.com", .recipient = "b@example.net", .content = dialogue.content});
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n"), std::string(kStuffed) + std::string(kGroup));
}

TEST(StandardsOnTheWire, P04RepliesAreMatchedByTheirNumber) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  dialogue.Begin();
  dialogue.Say("250 2.0.0 queued as 1\r\n550 5.7.1 DATA refused\r\n");
  EXPECT_FALSE(dialogue.result.has_value());  // Two of three.
  dialogue.Say("250 2.1.5 recipient ok\r\n");
  ASSERT_TRUE(dialogue.result.has_value());
  EXPECT_EQ(dialogue.result->mail->text, "queued as 1");
  EXPECT_EQ(dialogue.result->rcpt->code, 550);
  EXPECT_EQ(dialogue.result->final_reply->text, "recipient ok");
  EXPECT_NE(Judge(*dialogue.result).outcome, Outcome::kDelivered);  // Every status counts.
}

TEST(StandardsOnTheWire, P06NothingIsSentBetweenStarttlsAndTls) {
  Dialogue dialogue({.ehlo_domain = "mta.example.com", .tls = TlsUse::kWhereOffered, .timeouts = {}});
  dialogue.client.OnConnected(dialogue.now);
  dialogue.Say("220 hi\r\n");
  EXPECT_EQ(dialogue.Say("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"), "STARTTLS\r\n");
  EXPECT_EQ(dialogue.Say("220 go\r\n"), "");
  dialogue.client.OnTlsUp(dialogue.now);
  EXPECT_EQ(dialogue.Sent(), "EHLO mta.example.com\r\n");
}

TEST(StandardsOnTheWire, P07BdatHasTheExactNumberOfOctetsAndNoDotIsStuffed) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  EXPECT_EQ(dialogue.Begin(), kBdatGroup);
  EXPECT_NE(kBdatGroup.find("BDAT 20 LAST\r\n" + std::string(kContent)), std::string_view::npos);
  Dialogue without;
  without.Open(kPipelining);
  EXPECT_EQ(without.Begin(), kGroup);
  Dialogue empty;
  empty.Open(kChunking);
  empty.content.clear();
  EXPECT_TRUE(empty.Begin(0).ends_with("\r\nBDAT 0 LAST\r\n"));
}

TEST(StandardsOnTheWire, P08AfterARefusedChunkComesReset) {
  for (const std::string_view refusal : {"452 4.3.1 full\r\n", "554 5.6.0 no\r\n"}) {
    Dialogue dialogue;
    dialogue.Open(kChunking);
    dialogue.Begin();
    EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n" + std::string(refusal)), "");
    const std::string next = dialogue.Begin();
    EXPECT_EQ(next, "RSET\r\n" + std::string(kBdatGroup));
    EXPECT_EQ(next.find("DATA\r\n"), std::string::npos);  // Never both in one transaction.
  }
}

TEST(StandardsOnTheWire, P10TheSizeIsToldAndAnAdvertisedMaximumKept) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SIZE 1000\r\n");
  EXPECT_EQ(dialogue.Begin(), "MAIL FROM:<a@example.com> SIZE=20\r\n");
  Dialogue large;
  large.Open("250-mx\r\n250 SIZE 1000\r\n");
  EXPECT_EQ(large.Begin(1001), "");
  EXPECT_EQ(Judge(*large.result).classification, Classification::kTooLarge);
  EXPECT_EQ(Judge(*large.result).outcome, Outcome::kBounced);
  for (const std::string size : {"SIZE", "SIZE 0"}) {
    Dialogue any;
    any.Open("250-mx\r\n250 " + size + "\r\n");
    EXPECT_EQ(any.Begin(100'000'000), "MAIL FROM:<a@example.com> SIZE=100000000\r\n");
  }
}

TEST(StandardsOnTheWire, P13SmtpUtf8IsAskedForOnlyWhereNeededAndOffered) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SMTPUTF8\r\n");
  EXPECT_EQ(dialogue.Begin({}, /*needs_smtputf8=*/true), "MAIL FROM:<a@example.com> SMTPUTF8\r\n");
  Dialogue not_needed;
  not_needed.Open("250-mx\r\n250 SMTPUTF8\r\n");
  EXPECT_EQ(not_needed.Begin(), kMail);
  Dialogue not_offered;
  not_offered.Open(kPlain);
  EXPECT_EQ(not_offered.Begin({}, /*needs_smtputf8=*/true), "");
  EXPECT_EQ(not_offered.result->end, End::kNeedsSmtpUtf8);
  EXPECT_EQ(not_offered.Begin(), kMail);  // Others still go.
}

TEST(StandardsOnTheWire, P15ParametersOfSmtpUtf8AreIgnored) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 SMTPUTF8 foo=bar 7\r\n");
  EXPECT_TRUE(dialogue.client.capabilities().smtputf8);
}

TEST(StandardsOnTheWire, P16WhatWasLearnedInClearIsForgottenAndBytesBehindTheReplyAbort) {
  Dialogue dialogue({.ehlo_domain = "mta.example.com", .tls = TlsUse::kAlways, .timeouts = {}});
  dialogue.Open("250-mx\r\n250-CHUNKING\r\n250-SIZE 10\r\n250 STARTTLS\r\n");
  dialogue.Say("220 go\r\n");
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.Sent();
  dialogue.Say(kPlain);
  EXPECT_FALSE(dialogue.client.capabilities().chunking);
  EXPECT_EQ(dialogue.client.capabilities().size_max, 0u);
  Dialogue injected({.ehlo_domain = "mta.example.com", .tls = TlsUse::kWhereOffered, .timeouts = {}});
  injected.split = 0;
  injected.Open("250-mx\r\n250 STARTTLS\r\n");
  EXPECT_EQ(injected.Say("220 go\r\n250 mx\r\n"), "");
  EXPECT_EQ(injected.fact->tls, TlsTrouble::kInjected);
}

// What follows, tests/sim/starttls_test.cc shows.
TEST(StandardsOnTheWire, P17NobodyIsNamedOnAConnectionThatRefusedTls) {
  for (const TlsUse use : {TlsUse::kWhereOffered, TlsUse::kAlways}) {
    for (const std::string_view reply : {"454 4.7.0 not now\r\n", "501 no\r\n", "554 5.7.3 no\r\n"}) {
      Dialogue dialogue({.ehlo_domain = "mta.example.com", .tls = use, .timeouts = {}});
      dialogue.Open("250-mx\r\n250 STARTTLS\r\n");
      EXPECT_EQ(dialogue.Say(reply), "");
      EXPECT_EQ(JudgeConnection(*dialogue.fact).classification, Classification::kTlsRequired);
      EXPECT_EQ(JudgeConnection(*dialogue.fact).outcome, Outcome::kDeferred);
    }
  }
}

TEST(StandardsOnTheWire, P19LimitsAreThoseOfTheLatestEhloAndNonsenseIsIgnored) {
  Dialogue dialogue({.ehlo_domain = "mta.example.com", .tls = TlsUse::kAlways, .timeouts = {}});
  dialogue.Open("250-mx\r\n250-STARTTLS\r\n250 LIMITS MAILMAX=5\r\n");
  dialogue.Say("220 go\r\n");
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.Sent();
  dialogue.Say("250-mx\r\n250 LIMITS FOO=1 MAILMAX=20 RCPTMAX=1\r\n");
  EXPECT_EQ(dialogue.client.capabilities().mail_max, 20u);
  for (const std::string nonsense :
       {"MAILMAX=", "MAILMAX=0", "MAILMAX=x", "MAILMAX=-1", "MAILMAX=99999999999", "MAILMAX"}) {
    Dialogue other;
    other.Open("250-mx\r\n250 LIMITS " + nonsense + "\r\n");
    EXPECT_EQ(other.client.capabilities().mail_max, 0u) << nonsense;
  }
}

TEST(StandardsOnTheWire, P22EnhancedCodesMustAgreeWithTheReply) {
  EXPECT_TRUE(Said("550 5.1.1 who").enhanced.Is(1, 1));
  EXPECT_TRUE(Said("250 2.0.0 ok").enhanced.IsPresent());
  for (const std::string_view line : {"550 4.1.1 who", "450 5.1.1 who", "354 3.0.0 go", "550 5.1 who", "550 5.1.1who"})
    EXPECT_FALSE(Said(line).enhanced.IsPresent()) << line;
}

TEST(StandardsOnTheWire, P23NobodyLogsInWithoutTls) {
  Authenticator authenticator({.username = "user",
                               .secret = [] { return std::string("pencil"); },
                               .nonce = [] { return std::string("nonce"); }});
  Dialogue clear({.ehlo_domain = "mta.example.com", .authenticator = &authenticator, .timeouts = {}});
  clear.client.OnConnected(clear.now);
  clear.Say("220 hi\r\n");
  EXPECT_EQ(clear.Say("250-mx\r\n250 AUTH PLAIN LOGIN\r\n"), "");
  EXPECT_EQ(clear.Events(), "failed finished ");
  for (const std::string_view reply : {"535 5.7.8 no\r\n", "454 4.7.0 later\r\n"}) {
    Dialogue dialogue({.ehlo_domain = "mta.example.com",
                       .authenticator = &authenticator,
                       .tls = TlsUse::kFromTheStart,
                       .timeouts = {}});
    dialogue.client.OnConnected(dialogue.now);
    dialogue.client.OnTlsUp(dialogue.now);
    dialogue.Say("220 hi\r\n");
    EXPECT_EQ(dialogue.Say("250-mx\r\n250 AUTH PLAIN\r\n").substr(0, 11), "AUTH PLAIN ");
    dialogue.Say(reply);
    EXPECT_EQ(JudgeConnection(*dialogue.fact).login_refused, reply.starts_with('5'));
  }
}

TEST(StandardsOnTheWire, P25EachTransactionHasOneRecipient) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  for (int message = 0; message < 3; ++message) {
    const std::string sent = dialogue.Begin();
    EXPECT_EQ(sent.find("RCPT TO:"), sent.rfind("RCPT TO:"));
    EXPECT_NE(sent.find(kRcpt), std::string::npos);
    dialogue.Say("250 ok\r\n250 ok\r\n250 ok\r\n");
  }
}

}  // namespace
}  // namespace smtp
