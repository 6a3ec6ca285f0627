// Logging in before the first message; auth_dialogue_test.cc has the exchange itself.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/smtp/base64.h"
#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using testing::Dialogue;
using testing::kGroup;

// A dialogue whose client logs in as "user" with "pencil", and whose server's bytes come in pieces of `split`.
class LoginDialogue {
 public:
  explicit LoginDialogue(std::size_t split = 1000)
      : split_(split),
        dialogue({.ehlo_domain = "mta.example.com",
                  .authenticator = &authenticator_,
                  .tls = TlsUse::kFromTheStart,
                  .timeouts = {}}) {}

  std::string Say(std::string_view bytes) {
    std::string sent;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(split_, bytes.size())))
      sent += dialogue.Say(bytes.substr(0, split_));
    return sent;
  }
  void Connect() {
    dialogue.client.OnConnected(dialogue.now);
    dialogue.client.OnTlsUp(dialogue.now);
    dialogue.Events();
  }
  // What the client sends after an EHLO reply that offers `mechanisms`.
  std::string Greet(std::string_view mechanisms) {
    Connect();
    Say("220 mx.example.com\r\n");
    return Say("250-mx.example.com\r\n250-PIPELINING\r\n250 AUTH " + std::string(mechanisms) + "\r\n");
  }

 private:
  const std::size_t split_;
  Authenticator authenticator_{{.username = "user",
                                .secret = [] { return std::string("pencil"); },
                                .nonce = [] { return std::string("rOprNGfwEbeRWgbNEkqO"); }}};

 public:
  Dialogue dialogue;
};

TEST(SmtpClientAuth, LogsInBeforeItIsReady) {
  for (const std::size_t split : {1u, 2u, 7u, 1000u}) {
    LoginDialogue login(split);
    EXPECT_EQ(login.Greet("LOGIN PLAIN"), "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n");
    EXPECT_EQ(login.dialogue.Events(), "");
    EXPECT_FALSE(login.dialogue.client.IsReady());
    EXPECT_EQ(login.Say("235 2.7.0 ok\r\n"), "");
    EXPECT_EQ(login.dialogue.Events(), "ready ");
    EXPECT_EQ(login.dialogue.Begin(), kGroup);
  }
}

TEST(SmtpClientAuth, LogsInWithScram) {
  for (const std::size_t split : {1u, 2u, 7u, 1000u}) {
    LoginDialogue login(split);
    EXPECT_EQ(login.Greet("PLAIN SCRAM-SHA-256"),
              "AUTH SCRAM-SHA-256 " + ToBase64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO") + "\r\n");
    EXPECT_EQ(login.Say("334 " +
                        ToBase64("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
                                 "i=4096") +
                        "\r\n"),
              ToBase64("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                       "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") +
                  "\r\n");
    EXPECT_EQ(login.Say("334 " + ToBase64("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") + "\r\n"), "\r\n");
    login.Say("235 ok\r\n");
    EXPECT_EQ(login.dialogue.Events(), "ready ");
  }
}

TEST(SmtpClientAuth, LogsInWithLogin) {
  for (const std::size_t split : {1u, 2u, 7u, 1000u}) {
    LoginDialogue login(split);
    EXPECT_EQ(login.Greet("LOGIN"), "AUTH LOGIN\r\n");
    EXPECT_EQ(login.Say("334 VXNlcm5hbWU6\r\n"), "dXNlcg==\r\n");
    EXPECT_EQ(login.Say("334 UGFzc3dvcmQ6\r\n"), "cGVuY2ls\r\n");
    EXPECT_EQ(login.dialogue.client.expecting(), Command::kAuth);
    login.Say("235 ok\r\n");
    EXPECT_EQ(login.dialogue.Events(), "ready ");
  }
}

TEST(SmtpClientAuth, LogsInAfterTheEhloUnderTlsAndNeverBefore) {
  Authenticator authenticator({.username = "user",
                               .secret = [] { return std::string("pencil"); },
                               .nonce = [] { return std::string("nonce"); }});
  Dialogue dialogue(
      {.ehlo_domain = "mta.example.com", .authenticator = &authenticator, .tls = TlsUse::kAlways, .timeouts = {}});
  dialogue.client.OnConnected(dialogue.now);
  dialogue.Say("220 mx.example.com\r\n");
  EXPECT_EQ(dialogue.Say("250-mx.example.com\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n"), "STARTTLS\r\n");
  dialogue.Say("220 go\r\n");
  dialogue.client.OnTlsUp(dialogue.now);
  EXPECT_EQ(dialogue.Sent(), "EHLO mta.example.com\r\n");
  // What was offered in clear does not count.
  EXPECT_EQ(dialogue.Say("250-mx.example.com\r\n250 AUTH PLAIN\r\n"), "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n");
}

TEST(SmtpClientAuth, LogsInNowhereInClear) {
  for (const TlsUse tls : {TlsUse::kNever, TlsUse::kWhereOffered}) {
    Authenticator authenticator({.username = "user",
                                 .secret = [] { return std::string("pencil"); },
                                 .nonce = [] { return std::string("nonce"); }});
    Dialogue dialogue({.ehlo_domain = "mta.example.com", .authenticator = &authenticator, .tls = tls, .timeouts = {}});
    dialogue.client.OnConnected(dialogue.now);
    dialogue.Say("220 mx.example.com\r\n");
    EXPECT_EQ(dialogue.Say("250-mx.example.com\r\n250 AUTH PLAIN SCRAM-SHA-256\r\n"), "");
    EXPECT_EQ(dialogue.fact->ToString(), "AUTH: the connection is not encrypted");
  }
}

TEST(SmtpClientAuth, FailsWithTheWordsOfTheRefusal) {
  for (const std::size_t split : {1u, 2u, 7u, 1000u}) {
    LoginDialogue login(split);
    login.Greet("PLAIN");
    EXPECT_EQ(login.Say("535-5.7.8 Username and Password\r\n535 5.7.8 not accepted\r\n"), "");
    EXPECT_EQ(login.dialogue.Events(), "failed finished ");
    EXPECT_EQ(login.dialogue.fact->at, Command::kAuth);
    EXPECT_EQ(login.dialogue.fact->ToString(), "535 5.7.8 Username and Password not accepted");
    EXPECT_TRUE(JudgeConnection(*login.dialogue.fact).login_refused);
  }
}

TEST(SmtpClientAuth, FailsWhereNoMechanismWillDo) {
  LoginDialogue login;
  EXPECT_EQ(login.Greet("CRAM-MD5"), "");
  EXPECT_EQ(login.dialogue.Events(), "failed finished ");
  EXPECT_EQ(login.dialogue.fact->ToString(),
            "AUTH: the server offers CRAM-MD5; logging in here needs SCRAM-SHA-256, PLAIN or LOGIN");
}

TEST(SmtpClientAuth, FailsWhenTheServerHangsUpOrFallsSilent) {
  LoginDialogue closed;
  closed.Greet("PLAIN");
  closed.dialogue.client.OnClosed(0, 0, /*connected=*/true);
  EXPECT_EQ(closed.dialogue.fact->ToString(), "AUTH: the server closed the connection");
  LoginDialogue silent;
  silent.Greet("PLAIN");
  EXPECT_EQ(silent.dialogue.client.Timeout(), base::Duration::Minutes(1));
  silent.dialogue.client.OnTimeout(0);
  EXPECT_EQ(silent.dialogue.fact->ToString(), "AUTH: timed out");
  EXPECT_EQ(silent.dialogue.Events(), "failed finished ");
}

TEST(SmtpClientAuth, BelievesNoReplyToWhatWasNotSent) {
  LoginDialogue login;
  login.Connect();
  login.Say("220 mx.example.com\r\n");
  login.dialogue.client.OnReceived("250-mx.example.com\r\n250 AUTH PLAIN\r\n235 welcome\r\n", login.dialogue.now);
  EXPECT_EQ(login.dialogue.Events(), "failed finished ");
  EXPECT_TRUE(login.dialogue.fact->garbage);
}

}  // namespace
}  // namespace smtp
