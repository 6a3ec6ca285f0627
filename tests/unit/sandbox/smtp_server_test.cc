#include "tools/sandbox/smtp_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sandbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Accepts, except at the phases that a test sets; keeps what it saw.
class Recorder final : public ServerHandler {
 public:
  Decision Decide(Phase phase, const Transaction& transaction) override {
    if (phase == Phase::kContent) {
      messages.push_back(content);
      sender = transaction.sender;
      recipients = transaction.recipients;
      size = transaction.size;
      encrypted = transaction.encrypted;
    }
    if (phase == Phase::kMail) content.clear();
    return phase == special_phase ? special : Decision();
  }
  bool OnContent(std::string_view bytes) override {
    content.append(bytes);
    return wants_more;
  }
  void OnViolation(std::string_view what) override { violations.emplace_back(what); }

  Phase special_phase = Phase::kVrfy;
  Decision special;
  bool wants_more = true;
  std::string content;
  std::vector<std::string> messages;
  std::string sender;
  std::vector<std::string> recipients;
  std::uint64_t size = 0;
  bool encrypted = false;
  std::vector<std::string> violations;
};

// A session with a greeting behind it. `piece` is how many bytes arrive at once.
class Session {
 public:
  explicit Session(std::size_t piece = 100'000, ServerOptions options = {},
                   SmtpServer::Tls tls = SmtpServer::Tls::kByStartTls)
      : piece_(piece), options_(std::move(options)), server_(options_, handler, tls) {
    server_.Start();
    server_.output().clear();
  }
  // Sends, and returns the replies.
  std::string Say(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); at += piece_) server_.Receive(text.substr(at, piece_));
    std::string output;
    output.swap(server_.output());
    return output;
  }
  std::string Hello() { return Say("EHLO client.example\r\n"); }
  bool closed() const { return server_.closed(); }
  bool wants_tls() const { return server_.wants_tls(); }
  void OpenTls() { server_.OnTlsOpen(); }

  Recorder handler;

 private:
  const std::size_t piece_;
  const ServerOptions options_;
  SmtpServer server_;
};

// The first digits of each reply line.
std::vector<std::string> Codes(const std::string& replies) {
  std::vector<std::string> codes;
  for (std::size_t at = 0; at < replies.size(); at = replies.find('\n', at) + 1) codes.push_back(replies.substr(at, 3));
  return codes;
}

constexpr std::string_view kEnvelope = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n";

TEST(SmtpServer, OffersWhatItIsAllowedToOffer) {
  Session session;
  const std::string all = session.Hello();
  for (const std::string_view keyword : kExtensionKeywords) EXPECT_THAT(all, HasSubstr(std::string(keyword)));
  ServerOptions options;
  ASSERT_TRUE(options.extensions.Remove("chunking"));
  ASSERT_FALSE(options.extensions.Remove("TURN"));
  Session less(100, options);
  EXPECT_THAT(less.Hello(), testing::Not(HasSubstr("CHUNKING")));
}

TEST(SmtpServer, TakesAPipelinedMessageByDataInPiecesOfAnySize) {
  for (const unsigned piece : {1u, 2u, 3u, 7u, 100'000u}) {
    Session session(piece);
    session.Hello();
    EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "DATA\r\n")), ElementsAre("250", "250", "354"));
    EXPECT_THAT(Codes(session.Say("Subject: x\r\n\r\n..\r\n..dot\r\n.\r\n")), ElementsAre("250"));
    EXPECT_THAT(session.handler.messages, ElementsAre("Subject: x\r\n\r\n.\r\n.dot\r\n"));
    EXPECT_EQ(session.handler.sender, "a@example.com");
    EXPECT_THAT(session.handler.recipients, ElementsAre("b@example.net"));
    EXPECT_THAT(session.handler.violations, IsEmpty());
    EXPECT_EQ(session.Say("QUIT\r\n"), "221 2.0.0 Bye\r\n");
    EXPECT_TRUE(session.closed());
  }
}

TEST(SmtpServer, P07_TakesMessagesByBdatInPiecesOfAnySize) {
  for (const unsigned piece : {1u, 2u, 3u, 7u, 100'000u}) {
    Session session(piece);
    session.Hello();
    const std::string message = std::string(kEnvelope) + "BDAT 6 LAST\r\nMAIL\r\n";
    EXPECT_THAT(Codes(session.Say(message + message)), ElementsAre("250", "250", "250", "250", "250", "250"));
    EXPECT_THAT(session.handler.messages, ElementsAre("MAIL\r\n", "MAIL\r\n"));
    EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "BDAT 3\r\n.\r\nBDAT 0 LAST\r\n")),
                ElementsAre("250", "250", "250", "250"));
    EXPECT_EQ(session.handler.messages.back(), ".\r\n");
    EXPECT_THAT(session.handler.violations, IsEmpty());
  }
}

TEST(SmtpServer, CountsContentThatNobodyWants) {
  Session session;
  session.handler.wants_more = false;
  session.Hello();
  session.Say(std::string(kEnvelope) + "BDAT 4\r\nab\r\nBDAT 4 LAST\r\ncd\r\n");
  EXPECT_THAT(session.handler.messages, ElementsAre("ab\r\n"));
  EXPECT_EQ(session.handler.size, 8u);
}

TEST(SmtpServer, P08_AfterARefusedChunkOnlyRsetHelps) {
  Session session;
  session.Hello();
  session.handler.special_phase = Phase::kContent;
  session.handler.special = {Decision::Action::kReply, "451 4.3.0 later"};
  EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "BDAT 2 LAST\r\n\r\n")), ElementsAre("250", "250", "451"));
  EXPECT_EQ(session.Say("MAIL FROM:<a@example.com>\r\n").substr(0, 3), "503");
  EXPECT_THAT(session.handler.violations, ElementsAre("MAIL inside a transaction, without RSET"));
  EXPECT_THAT(Codes(session.Say("RSET\r\nMAIL FROM:<a@example.com>\r\n")), ElementsAre("250", "250"));
}

TEST(SmtpServer, PipelinedContentForARefusedRecipientIsDroppedWithoutComplaint) {
  Session session;
  session.Hello();
  session.handler.special_phase = Phase::kRcpt;
  session.handler.special = {Decision::Action::kReply, "550 5.1.1 no"};
  EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "BDAT 6 LAST\r\nNOOP\r\nRSET\r\n")),
              ElementsAre("250", "550", "503", "250"));
  EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "DATA\r\n")), ElementsAre("250", "550", "554"));
  EXPECT_THAT(session.handler.violations, IsEmpty());
  EXPECT_THAT(session.handler.messages, IsEmpty());
}

TEST(SmtpServer, P01_P02_SeesAClientThatDoesNotWait) {
  ServerOptions options;
  options.extensions.Remove(Extension::kPipelining);
  Session session(1'000, options);
  session.Hello();
  session.Say(kEnvelope);
  EXPECT_THAT(session.handler.violations, ElementsAre(HasSubstr("without PIPELINING")));
  Session pipelining;
  pipelining.Hello();
  pipelining.Say(std::string(kEnvelope) + "DATA\r\nx\r\n.\r\n");
  EXPECT_THAT(pipelining.handler.violations, ElementsAre(HasSubstr("in one group with")));
}

TEST(SmtpServer, S11_S12_OnlyCrlfDotCrlfEndsContentAndTheRestIsReported) {
  Session session(1);
  session.Hello();
  session.Say(std::string(kEnvelope) + "DATA\r\n");
  EXPECT_EQ(session.Say("a\n.\nb\n.\r\nc\r\n.\nd\r.\re\r\n"), "");
  EXPECT_THAT(Codes(session.Say(".\r\n")), ElementsAre("250"));
  EXPECT_THAT(session.handler.messages, ElementsAre("a\n.\nb\n.\r\nc\r\n\nd\r.\re\r\n"));
  EXPECT_THAT(session.handler.violations,
              testing::UnorderedElementsAre("line that begins with a dot is not stuffed", "bare CR in the content",
                                            "bare LF in the content"));
}

struct BadLine {
  std::string line;
  std::string reply;
};

TEST(SmtpServer, RefusesAndReportsWhatACarefulClientDoesNotSend) {
  const std::vector<BadLine> lines = {
      {"MAIL FROM: <a@example.com>\r\n", "501"},
      {"MAIL FROM:a@example.com\r\n", "501"},
      {"MAIL FROM:<a b@example.com>\r\n", "501"},
      {"MAIL FROM:<\"a\\\\\"b\"@example.com>\r\n", "501"},
      {"MAIL FROM:<a..b@example.com>\r\n", "501"},
      {"MAIL FROM:<a@-example.com>\r\n", "501"},
      {"MAIL FROM:<\xc3\xa9@example.com>\r\n", "501"},
      {"MAIL FROM:<a@example.com> SIZE=x\r\n", "555"},
      {"MAIL FROM:<a@example.com> RET=HDRS\r\n", "555"},
      {"MAIL FROM:<a@example.com> SIZE=1 SIZE=1\r\n", "555"},
      {"MAIL FROM:<a@example.com> SIZE=99999999999\r\n", "552"},
      {"MAIL FROM:<" + std::string(65, 'a') + "@example.com>\r\n", "501"},
      {"MAIL FROM:<a@example.com> " + std::string(600, 'x') + "\r\n", "500"},
      {"STARTTLS now\r\n", "501"},
      {"RSET\n", "500"},
      {"RS\tET\r\n", "500"},
      {"RSET now\r\n", "501"},
      {"BDAT x\r\n", "501"},
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{10'000}}) {
    for (const BadLine& bad : lines) {
      Session session(piece);
      session.Hello();
      EXPECT_THAT(session.Say(bad.line), StartsWith(bad.reply)) << bad.line;
      EXPECT_EQ(session.handler.violations.size(), 1u) << bad.line;
    }
  }
}

TEST(SmtpServer, AcceptsWhatTheGrammarAllows) {
  for (const std::string_view line :
       {"MAIL FROM:<>\r\n", "mail from:<\"a b>\\\"\"@example.com> size=10 body=8bitmime\r\n",
        "MAIL FROM:<a@[127.0.0.1]>\r\n", "MAIL FROM:<a@[IPv6:::1]>\r\n",
        "MAIL FROM:<\xc3\xa9@example.com> SMTPUTF8\r\n"}) {
    Session session;
    session.Hello();
    EXPECT_THAT(session.Say(line), StartsWith("250")) << line;
    EXPECT_THAT(session.handler.violations, IsEmpty()) << line;
  }
}

TEST(SmtpServer, HangsUpAndClosesAsDecided) {
  Session hang_up;
  hang_up.Hello();
  hang_up.handler.special_phase = Phase::kContent;
  hang_up.handler.special = {Decision::Action::kHangUp, {}};
  EXPECT_THAT(Codes(hang_up.Say(std::string(kEnvelope) + "BDAT 0 LAST\r\nNOOP\r\n")), ElementsAre("250", "250"));
  EXPECT_TRUE(hang_up.closed());
  Session closing;
  closing.Hello();
  closing.handler.special_phase = Phase::kMail;
  closing.handler.special = {Decision::Action::kReplyAndClose, "421 4.7.0 enough"};
  EXPECT_EQ(closing.Say(kEnvelope), "421 4.7.0 enough\r\n");
  EXPECT_TRUE(closing.closed());
}

TEST(SmtpServer, RefusesMoreThanItsMaximumAfterReadingIt) {
  ServerOptions options;
  options.size_max = 4;
  for (const std::string_view content : {"BDAT 6 LAST\r\nabcd\r\n", "BDAT 3\r\nabcBDAT 3 LAST\r\nd\r\n"}) {
    Session session(5, options);
    session.Hello();
    session.Say(kEnvelope);
    EXPECT_THAT(session.Say(content), HasSubstr("552 5.3.4"));
    EXPECT_THAT(session.handler.messages, IsEmpty());
  }
}

TEST(SmtpServer, AfterHeloThereAreNoExtensions) {
  Session session;
  EXPECT_THAT(session.Say("HELO client.example\r\n"), StartsWith("250 "));
  EXPECT_THAT(session.Say("MAIL FROM:<a@example.com> SIZE=1\r\n"), StartsWith("555 Unsupported"));
  EXPECT_THAT(session.Say("MAIL FROM:<a@example.com>\r\n"), StartsWith("250 Ok"));
}

TEST(SmtpServer, AfterStartTlsTheClientBeginsAnew) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{10'000}}) {
    Session session(piece);
    session.Hello();
    session.Say("MAIL FROM:<a@example.com>\r\n");
    EXPECT_EQ(session.Say("starttls\r\n"), "220 2.0.0 Ready to start TLS\r\n");
    ASSERT_TRUE(session.wants_tls());
    session.OpenTls();
    EXPECT_FALSE(session.wants_tls());
    EXPECT_THAT(session.Say("MAIL FROM:<a@example.com>\r\n"), StartsWith("503 "));
    EXPECT_THAT(session.Hello(), testing::Not(HasSubstr("STARTTLS")));
    EXPECT_THAT(session.Say("STARTTLS\r\n"), StartsWith("503 "));
    EXPECT_THAT(Codes(session.Say(std::string(kEnvelope) + "BDAT 0 LAST\r\n")), ElementsAre("250", "250", "250"));
    EXPECT_THAT(session.handler.violations, ElementsAre("MAIL before EHLO", "STARTTLS under TLS"));
    EXPECT_TRUE(session.handler.encrypted);
  }
}

TEST(SmtpServer, P06_WhatIsInjectedBehindStartTlsIsDropped) {
  Session session;
  session.Hello();
  EXPECT_EQ(session.Say("STARTTLS\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.net>\r\n"),
            "220 2.0.0 Ready to start TLS\r\n");
  EXPECT_EQ(session.Say("NOOP\r\n"), "");
  session.OpenTls();
  session.Hello();
  EXPECT_THAT(session.Say("RCPT TO:<b@example.net>\r\n"), StartsWith("503 "));
  EXPECT_THAT(session.handler.violations,
              ElementsAre("bytes in clear behind STARTTLS", "bytes in clear behind STARTTLS"));
}

TEST(SmtpServer, StartTlsThatIsRefusedOrNotOfferedChangesNothing) {
  Session refusing;
  refusing.Hello();
  refusing.handler.special_phase = Phase::kStartTls;
  refusing.handler.special = {Decision::Action::kReply, "454 4.7.0 TLS not available"};
  EXPECT_EQ(refusing.Say("STARTTLS\r\n"), "454 4.7.0 TLS not available\r\n");
  EXPECT_FALSE(refusing.wants_tls());
  EXPECT_THAT(refusing.Say("MAIL FROM:<a@example.com>\r\n"), StartsWith("250 "));

  ServerOptions without;
  without.extensions.Remove(Extension::kStartTls);
  Session off(100, without);
  Session unable(100, {}, SmtpServer::Tls::kNone);
  Session from_the_start(100, {}, SmtpServer::Tls::kFromTheStart);
  Session before_hello;
  for (Session* session : {&off, &unable, &from_the_start}) {
    EXPECT_THAT(session->Hello(), testing::Not(HasSubstr("STARTTLS")));
  }
  for (Session* session : {&off, &unable, &from_the_start, &before_hello}) {
    EXPECT_THAT(session->Say("STARTTLS\r\n"), StartsWith("50"));
    EXPECT_FALSE(session->wants_tls());
    EXPECT_EQ(session->handler.violations.size(), 1u);
  }
}

}  // namespace
}  // namespace sandbox
