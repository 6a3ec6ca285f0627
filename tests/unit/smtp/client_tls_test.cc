// STARTTLS (RFC 3207) and implicit TLS (RFC 8314), as the client sees them.
#include <string>
#include <string_view>

#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using testing::Dialogue;
using testing::kGroup;
using testing::kMail;
using testing::kPipelining;
using testing::kPlain;

constexpr std::string_view kHello = "EHLO mta.example.com\r\n";
constexpr std::string_view kOffer = "250-mx.example.com\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 SIZE 1000\r\n";

Client::Options With(TlsUse use) { return {.ehlo_domain = "mta.example.com", .tls = use, .timeouts = {}}; }

// Up to the question for TLS.
void Ask(Dialogue& dialogue) {
  dialogue.client.OnConnected(dialogue.now);
  EXPECT_EQ(dialogue.Say("220 mx.example.com\r\n"), kHello);
  EXPECT_EQ(dialogue.Say(kOffer), "STARTTLS\r\n");
  EXPECT_EQ(dialogue.client.expecting(), Command::kStartTls);
  EXPECT_EQ(dialogue.Events(), "");
}

void Start(Dialogue& dialogue) {
  Ask(dialogue);
  EXPECT_EQ(dialogue.Say("220 go\r\n"), "");  // Nothing is sent before TLS is up.
  EXPECT_EQ(dialogue.Events(), "starttls ");
  EXPECT_EQ(dialogue.client.expecting(), Command::kTls);
}

void ExpectFailure(Dialogue& dialogue, Command at, TlsTrouble trouble, Classification classification) {
  EXPECT_EQ(dialogue.Events(), "failed finished ");
  ASSERT_TRUE(dialogue.fact.has_value());
  EXPECT_EQ(dialogue.fact->at, at);
  EXPECT_EQ(dialogue.fact->tls, trouble);
  const Verdict verdict = JudgeConnection(*dialogue.fact);
  EXPECT_EQ(verdict.outcome, Outcome::kDeferred);
  EXPECT_EQ(verdict.classification, classification);
  EXPECT_EQ(verdict.hold, Hold::kNone);
}

TEST(SmtpClientTls, ForgetsWhatWasSaidInClear) {
  Dialogue dialogue(With(TlsUse::kWhereOffered));
  Start(dialogue);
  EXPECT_FALSE(dialogue.client.is_encrypted());
  dialogue.client.OnTlsUp(dialogue.now);
  EXPECT_TRUE(dialogue.client.is_encrypted());
  EXPECT_EQ(dialogue.Sent(), kHello);
  EXPECT_EQ(dialogue.Say("250-mx.example.com\r\n250 STARTTLS\r\n"), "");  // Offered again, and not taken again.
  EXPECT_EQ(dialogue.Events(), "ready ");
  EXPECT_EQ(dialogue.client.capabilities().size_max, 0u);
  EXPECT_EQ(dialogue.Begin(), kMail);  // No PIPELINING, no SIZE: they were offered in clear only.
}

TEST(SmtpClientTls, BelievesWhatIsOfferedUnderTls) {
  Dialogue dialogue(With(TlsUse::kAlways));
  Start(dialogue);
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.Sent();
  dialogue.Say(kPipelining);
  EXPECT_EQ(dialogue.Begin(), kGroup);
}

TEST(SmtpClientTls, DoesNotAskWhereItIsNotWantedOrNotOffered) {
  Dialogue never(With(TlsUse::kNever));
  never.Open(kOffer);
  EXPECT_EQ(never.Events(), "ready ");
  Dialogue not_offered(With(TlsUse::kWhereOffered));
  not_offered.Open(kPlain);
  EXPECT_EQ(not_offered.Events(), "ready ");
}

TEST(SmtpClientTls, FailsWhereItMustBeAndIsNotOffered) {
  Dialogue dialogue(With(TlsUse::kAlways));
  dialogue.Open(kPlain);
  EXPECT_EQ(dialogue.fact->ToString(), "STARTTLS is not offered, and must be");
  ExpectFailure(dialogue, Command::kStartTls, TlsTrouble::kNotOffered, Classification::kTlsRequired);
  Dialogue old(With(TlsUse::kAlways));  // A server that knows HELO only.
  old.client.OnConnected(old.now);
  old.Say("220 x\r\n");
  EXPECT_EQ(old.Say("502 what?\r\n"), "HELO mta.example.com\r\n");
  old.Say("250 x\r\n");
  ExpectFailure(old, Command::kStartTls, TlsTrouble::kNotOffered, Classification::kTlsRequired);
}

// Whether mail goes there in clear, on another connection, is not the client's matter.
TEST(SmtpClientTls, ARefusalEndsTheConnection) {
  for (const TlsUse use : {TlsUse::kWhereOffered, TlsUse::kAlways}) {
    for (const std::string_view reply : {"454 4.7.0 not now\r\n", "501 no\r\n", "502 no\r\n", "554 5.7.3 no\r\n"}) {
      Dialogue dialogue(With(use));
      Ask(dialogue);
      dialogue.Say(reply);
      EXPECT_EQ(dialogue.fact->reply->code, std::stoi(std::string(reply)));
      ExpectFailure(dialogue, Command::kStartTls, TlsTrouble::kRefused, Classification::kTlsRequired);
    }
  }
}

TEST(SmtpClientTls, AServerThatClosesOrTalksNonsenseIsNotARefusal) {
  Dialogue closes(With(TlsUse::kWhereOffered));
  Ask(closes);
  closes.Say("421 too busy\r\n");
  EXPECT_EQ(closes.Events(), "failed finished ");
  EXPECT_EQ(JudgeConnection(*closes.fact).outcome, Outcome::kHeld);
  Dialogue nonsense(With(TlsUse::kWhereOffered));
  Ask(nonsense);
  nonsense.Say("354 go ahead\r\n");
  EXPECT_TRUE(nonsense.fact->garbage);
}

// CVE-2021-38371 and its kind: whoever is between us and the server puts replies behind the one to STARTTLS.
TEST(SmtpClientTls, BytesBehindTheReplyEndTheSession) {
  for (const TlsUse use : {TlsUse::kWhereOffered, TlsUse::kAlways}) {
    for (const std::string_view more : {"250 injected\r\n", "2", "\x16", "\r\n"}) {
      Dialogue dialogue(With(use));
      Ask(dialogue);
      dialogue.split = 0;  // In one piece, or TLS would get it.
      EXPECT_EQ(dialogue.Say("220 go\r\n" + std::string(more)), "");
      ExpectFailure(dialogue, Command::kStartTls, TlsTrouble::kInjected, Classification::kProtocolErrors);
    }
  }
}

TEST(SmtpClientTls, AnsweringEhloBeforeItIsSentEndsTheSession) {
  Dialogue dialogue(With(TlsUse::kWhereOffered));
  Start(dialogue);
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.client.OnReceived("250 injected\r\n", dialogue.now);
  EXPECT_EQ(dialogue.Events(), "failed finished ");
  EXPECT_TRUE(dialogue.fact->garbage);
}

TEST(SmtpClientTls, AFailedHandshakeIsAFactWithItsReason) {
  Dialogue fails(With(TlsUse::kWhereOffered));
  Start(fails);
  fails.client.OnTlsFailed("the certificate has expired", 0);
  EXPECT_EQ(fails.fact->ToString(), "TLS: the certificate has expired");
  ExpectFailure(fails, Command::kTls, TlsTrouble::kFailed, Classification::kTlsRequired);
  Dialogue closes(With(TlsUse::kWhereOffered));
  Start(closes);
  closes.client.OnClosed(104, 0, /*connected=*/true);
  EXPECT_EQ(closes.fact->error, 104);
  ExpectFailure(closes, Command::kTls, TlsTrouble::kFailed, Classification::kTlsRequired);
  Dialogue silent(With(TlsUse::kAlways));
  Start(silent);
  EXPECT_EQ(silent.client.Timeout(), base::Duration::Minutes(1));
  silent.client.OnTimeout(0);
  EXPECT_EQ(silent.fact->ToString(), "TLS: timed out");
  ExpectFailure(silent, Command::kTls, TlsTrouble::kFailed, Classification::kTlsRequired);
}

// A server that cannot read what the client says: in TLS 1.3 that shows after the client's last word only.
TEST(SmtpClientTls, AFailureBeforeTheFirstReplyUnderTlsIsTheHandshakes) {
  Dialogue dialogue(With(TlsUse::kWhereOffered));
  Start(dialogue);
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.Sent();
  dialogue.client.OnClosed(0, 0, /*connected=*/true);
  ExpectFailure(dialogue, Command::kEhlo, TlsTrouble::kFailed, Classification::kTlsRequired);
}

TEST(SmtpClientTls, TlsThatBreaksLaterEndsTheTransaction) {
  Dialogue dialogue(With(TlsUse::kAlways));
  Start(dialogue);
  dialogue.client.OnTlsUp(dialogue.now);
  dialogue.Sent();
  dialogue.Say(testing::kChunking);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n");
  dialogue.Events();
  dialogue.client.OnTlsFailed("bad record mac", 0);
  EXPECT_EQ(dialogue.Events(), "done finished ");
  EXPECT_EQ(dialogue.result->end, TransactionResult::End::kClosed);
  EXPECT_TRUE(dialogue.result->completing_handed_over);
  EXPECT_EQ(Judge(*dialogue.result).outcome, Outcome::kInDoubt);
}

TEST(SmtpClientTls, ImplicitTlsComesBeforeTheGreeting) {
  Dialogue dialogue(With(TlsUse::kFromTheStart));
  dialogue.client.OnConnected(dialogue.now);
  EXPECT_EQ(dialogue.Events(), "starttls ");
  EXPECT_EQ(dialogue.client.expecting(), Command::kTls);
  EXPECT_EQ(dialogue.Sent(), "");
  dialogue.client.OnTlsUp(dialogue.now);
  EXPECT_EQ(dialogue.client.expecting(), Command::kGreeting);
  EXPECT_EQ(dialogue.Say("220 mx.example.com\r\n"), kHello);
  dialogue.Say(kOffer);
  EXPECT_EQ(dialogue.Events(), "ready ");
  EXPECT_TRUE(dialogue.client.is_encrypted());
  Dialogue fails(With(TlsUse::kFromTheStart));
  fails.client.OnConnected(fails.now);
  fails.Events();
  fails.client.OnTlsFailed("wrong version number", 0);
  ExpectFailure(fails, Command::kTls, TlsTrouble::kFailed, Classification::kTlsRequired);
}

// The reply to STARTTLS comes with that to EHLO, before STARTTLS was sent: nothing that follows could be believed.
TEST(SmtpClientTls, AnsweringStartTlsBeforeItIsSentEndsTheSession) {
  for (const TlsUse use : {TlsUse::kWhereOffered, TlsUse::kAlways}) {
    Dialogue dialogue(With(use));
    dialogue.client.OnConnected(dialogue.now);
    EXPECT_EQ(dialogue.Say("220 mx.example.com\r\n"), kHello);
    dialogue.client.OnReceived(std::string(kOffer) + "220 go\r\n", dialogue.now);
    EXPECT_EQ(dialogue.Events(), "failed finished ");
    EXPECT_TRUE(dialogue.fact->garbage);
  }
}

}  // namespace
}  // namespace smtp
