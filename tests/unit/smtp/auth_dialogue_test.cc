#include "engine/smtp/auth_dialogue.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/smtp/base64.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

using Kind = AuthDialogue::Step::Kind;

Account Tim() {
  return {.username = "tim",
          .secret = [] { return std::string("tanstaaftanstaaf"); },
          .nonce = [] { return std::string("nonce"); }};
}

Account WithToken(std::string token) {
  return {.username = "tim",
          .secret = [token = std::move(token)] { return token; },
          .secret_is_token = true,
          .nonce = [] { return std::string("nonce"); }};
}

// The client of a login, and a server that says what a test tells it to.
class Exchange {
 public:
  explicit Exchange(const Account& account = Tim()) : authenticator_(account) {}

  std::string Start(const std::vector<std::string>& offered) { return Told(dialogue_.Start(authenticator_, offered)); }
  std::string Say(std::string_view line) {
    ReplyParser parser;
    Reply reply;
    const std::string bytes = std::string(line) + "\r\n";
    std::string_view rest = bytes;
    EXPECT_EQ(parser.Feed(rest, reply), ReplyParser::Result::kReply);
    return Told(dialogue_.OnReply(reply));
  }
  std::string Ask(std::string_view challenge) { return Say("334 " + ToBase64(challenge)); }

 private:
  // The line without CRLF, or what became of the login.
  static std::string Told(const AuthDialogue::Step& step) {
    switch (step.kind) {
      case Kind::kSend:
        EXPECT_TRUE(step.line.ends_with("\r\n"));
        return step.line.substr(0, step.line.size() - 2);
      case Kind::kAccepted:
        return "accepted";
      case Kind::kRefused:
        return "refused";
      case Kind::kFailed:
        return "failed: " + step.why;
    }
    return "";
  }

  Authenticator authenticator_;
  AuthDialogue dialogue_;
};

TEST(AuthDialogue, LogsInWithPlainInOneRoundTrip) {
  Exchange exchange;
  EXPECT_EQ(exchange.Start({"PLAIN"}), "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm");  // RFC 4954 section 4.1
  EXPECT_EQ(exchange.Say("235 2.7.0 Authentication successful"), "accepted");
}

TEST(AuthDialogue, LogsInWithLogin) {
  Exchange exchange;
  EXPECT_EQ(exchange.Start({"LOGIN"}), "AUTH LOGIN");
  EXPECT_EQ(exchange.Say("334 VXNlcm5hbWU6"), ToBase64("tim"));
  EXPECT_EQ(exchange.Say("334 UGFzc3dvcmQ6"), ToBase64("tanstaaftanstaaf"));
  EXPECT_EQ(exchange.Say("235 ok"), "accepted");
}

TEST(AuthDialogue, AnswersAServerThatAsksLoginInClear) {
  Exchange exchange;
  exchange.Start({"LOGIN"});
  EXPECT_EQ(exchange.Say("334 Username:"), ToBase64("tim"));
}

TEST(AuthDialogue, LogsInWithScram) {
  Account account = Tim();
  account.username = "user";
  account.secret = [] { return std::string("pencil"); };
  account.nonce = [] { return std::string("rOprNGfwEbeRWgbNEkqO"); };  // RFC 7677 section 3
  Exchange exchange(account);
  EXPECT_EQ(exchange.Start({"SCRAM-SHA-256"}), "AUTH SCRAM-SHA-256 " + ToBase64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  EXPECT_EQ(exchange.Ask("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            ToBase64("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  EXPECT_EQ(exchange.Ask("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), "");
  EXPECT_EQ(exchange.Say("235 ok"), "accepted");
}

TEST(AuthDialogue, BelievesNoScramServerThatAcceptsTooSoon) {
  Exchange exchange;
  exchange.Start({"SCRAM-SHA-256"});
  EXPECT_EQ(exchange.Say("235 welcome"),
            "failed: SCRAM: the server accepted without showing that it knows the password");
}

TEST(AuthDialogue, CancelsWhenTheExchangeGoesWrong) {
  Exchange exchange;
  exchange.Start({"SCRAM-SHA-256"});
  EXPECT_EQ(exchange.Ask("r=another,s=W22ZaJ0S,i=4096"), "*");
  EXPECT_EQ(exchange.Say("501 cancelled"), "failed: SCRAM: the server's nonce does not continue ours");
}

TEST(AuthDialogue, BelievesNoServerThatAcceptsWhatWasCancelled) {
  Exchange exchange;
  exchange.Start({"PLAIN"});
  EXPECT_EQ(exchange.Say("334 not base64!"), "*");
  EXPECT_EQ(exchange.Say("235 welcome"), "failed: the server's challenge is not base64");
}

TEST(AuthDialogue, IsRefusedByAnyNegativeReply) {
  for (const std::string_view reply : {"535 5.7.8 no", "454 4.7.0 later", "504 5.5.4 unknown", "421 bye"}) {
    Exchange exchange;
    exchange.Start({"PLAIN"});
    EXPECT_EQ(exchange.Say(reply), "refused");
  }
  Exchange halfway;
  halfway.Start({"LOGIN"});
  halfway.Ask("Username:");
  EXPECT_EQ(halfway.Say("535 no"), "refused");
}

TEST(AuthDialogue, EndsWhereTheReplyIsNoChallenge) {
  for (const std::string_view reply : {"354 go ahead", "300 what", "334-AAAA\r\n334 AAAA"}) {
    Exchange exchange;
    exchange.Start({"PLAIN"});
    EXPECT_EQ(exchange.Say(reply).substr(0, 36), "failed: the server answers AUTH with");
  }
}

TEST(AuthDialogue, StopsAServerThatAsksWithoutEnd) {
  for (const std::string_view mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
    Exchange exchange;
    exchange.Start({std::string(mechanism)});
    std::string said;
    int asked = 0;
    while (said != "*" && asked < 100) {
      said = exchange.Ask("");
      ++asked;
    }
    EXPECT_LE(asked, AuthDialogue::kChallengesMax + 1) << mechanism;
    EXPECT_TRUE(exchange.Say("501 ok").starts_with("failed: ")) << mechanism;
  }
  Exchange refused(WithToken("token"));
  refused.Start({"XOAUTH2"});
  for (int i = 0; i < AuthDialogue::kChallengesMax; ++i) EXPECT_EQ(refused.Ask("{}"), "");
  EXPECT_EQ(refused.Ask("{}"), "*");
  EXPECT_EQ(refused.Say("501 ok"), "failed: the server asks without end");
}

TEST(AuthDialogue, KeepsTheCommandWithinALine) {
  const std::size_t fits = (AuthDialogue::kCommandMax - 2 - std::string("AUTH XOAUTH2 ").size()) / 4 * 3 -
                           std::string("user=tim.auth=Bearer ..").size();
  Exchange short_token(WithToken(std::string(fits, 't')));
  EXPECT_GT(short_token.Start({"XOAUTH2"}).size(), 500u);
  Exchange long_token(WithToken(std::string(fits + 1, 't')));
  EXPECT_EQ(long_token.Start({"XOAUTH2"}), "AUTH XOAUTH2");
  EXPECT_GT(long_token.Say("334 ").size(), 490u);
  EXPECT_EQ(long_token.Say("235 ok"), "accepted");
}

TEST(AuthDialogue, FailsBeforeItSaysAnythingWhereNoMechanismWillDo) {
  Exchange exchange;
  EXPECT_EQ(exchange.Start({"CRAM-MD5"}),
            "failed: the server offers CRAM-MD5; logging in here needs SCRAM-SHA-256, PLAIN or LOGIN");
}

}  // namespace
}  // namespace smtp
