#include "engine/smtp/sasl.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/smtp/sasl_prep.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

using ::testing::HasSubstr;

Account AccountWith(std::string username, std::string secret) {
  return {.username = std::move(username),
          .secret = [secret = std::move(secret)] { return secret; },
          .nonce = [] { return std::string("nonce"); }};
}

// The mechanism that is chosen of these; "none (why)".
std::string Chosen(const Account& account, const std::vector<std::string>& offered) {
  Authenticator authenticator(account);
  const auto exchange = authenticator.Begin(offered);
  if (!exchange.ok()) return "none (" + std::string(exchange.status().message()) + ")";
  return std::string(ToString((*exchange)->mechanism()));
}

std::unique_ptr<SaslExchange> Begin(const Account& account, std::string mechanism) {
  Authenticator authenticator(account);
  auto exchange = authenticator.Begin({std::move(mechanism)});
  EXPECT_TRUE(exchange.ok()) << exchange.status();
  return exchange.ok() ? *std::move(exchange) : nullptr;
}

TEST(Sasl, ChoosesTheStrongestThatIsOffered) {
  const Account account = AccountWith("user", "pencil");
  EXPECT_EQ(Chosen(account, {"LOGIN", "PLAIN", "SCRAM-SHA-256", "XOAUTH2"}), "SCRAM-SHA-256");
  EXPECT_EQ(Chosen(account, {"LOGIN", "PLAIN", "SCRAM-SHA-1", "XOAUTH2"}), "PLAIN");
  EXPECT_EQ(Chosen(account, {"LOGIN", "CRAM-MD5"}), "LOGIN");
  EXPECT_EQ(Chosen(account, {"CRAM-MD5", "XOAUTH2"}),
            "none (the server offers CRAM-MD5 XOAUTH2; logging in here needs SCRAM-SHA-256, PLAIN or LOGIN)");
  EXPECT_EQ(Chosen(account, {}),
            "none (the server offers no AUTH; logging in here needs SCRAM-SHA-256, PLAIN or LOGIN)");
}

TEST(Sasl, TakesTheMechanismThatIsSetAndNoOther) {
  Account account = AccountWith("user", "pencil");
  account.mechanism = SaslMechanism::kPlain;
  EXPECT_EQ(Chosen(account, {"PLAIN", "SCRAM-SHA-256"}), "PLAIN");
  EXPECT_EQ(Chosen(account, {"SCRAM-SHA-256"}), "none (the server offers SCRAM-SHA-256; logging in here needs PLAIN)");
}

TEST(Sasl, GivesATokenToXoauth2Only) {
  Account account = AccountWith("user", "ya29.token");
  account.secret_is_token = true;
  EXPECT_EQ(Chosen(account, {"PLAIN", "SCRAM-SHA-256", "XOAUTH2"}), "XOAUTH2");
  EXPECT_EQ(Chosen(account, {"PLAIN"}), "none (the server offers PLAIN; logging in here needs XOAUTH2)");
}

TEST(Sasl, ReadsTheNamesOfMechanisms) {
  for (const SaslMechanism mechanism :
       {SaslMechanism::kScramSha256, SaslMechanism::kXoauth2, SaslMechanism::kPlain, SaslMechanism::kLogin})
    EXPECT_EQ(SaslMechanismFromName(ToString(mechanism)), mechanism);
  EXPECT_EQ(SaslMechanismFromName("scram-sha-256"), SaslMechanism::kScramSha256);
  EXPECT_EQ(SaslMechanismFromName("CRAM-MD5"), std::nullopt);
}

TEST(Sasl, PlainIsOneMessage) {
  const auto plain = Begin(AccountWith("tim", "tanstaaftanstaaf"), "PLAIN");
  const std::string message("\0tim\0tanstaaftanstaaf", 21);  // RFC 4616 section 4
  EXPECT_EQ(plain->Initial(), message);
  EXPECT_EQ(plain->Respond("").value_or("refused"), message);
  EXPECT_FALSE(plain->Respond("and now?").ok());
  EXPECT_TRUE(plain->OnAccepted().ok());
}

TEST(Sasl, LoginAnswersTwiceWhateverTheQuestions) {
  const auto login = Begin(AccountWith("tim", "secret"), "LOGIN");
  EXPECT_EQ(login->Initial(), std::nullopt);
  EXPECT_EQ(login->Respond("Username:").value_or("refused"), "tim");
  EXPECT_EQ(login->Respond("").value_or("refused"), "secret");
  EXPECT_FALSE(login->Respond("Domain:").ok());
}

TEST(Sasl, Xoauth2AnswersTheReasonOfARefusalWithNothing) {
  Account account = AccountWith("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
  account.secret_is_token = true;
  const auto exchange = Begin(account, "XOAUTH2");
  EXPECT_EQ(exchange->Initial(),
            "user=someuser@example.com\x01"
            "auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01");
  EXPECT_EQ(exchange->Respond("{\"status\":\"401\"}").value_or("refused"), "");
}

TEST(Sasl, AsksForTheSecretAtEachLogin) {
  Account account = AccountWith("user", "");
  int asked = 0;
  account.secret = [&asked] { return "token" + std::to_string(++asked); };
  account.secret_is_token = true;
  Authenticator authenticator(account);
  for (const std::string_view token : {"token1", "token2"}) {
    const auto exchange = authenticator.Begin({"XOAUTH2"});
    ASSERT_TRUE(exchange.ok());
    EXPECT_THAT(*(*exchange)->Initial(), HasSubstr(token));
  }
}

TEST(Sasl, ScramPreparesNameAndPassword) {
  // A soft hyphen maps to nothing, a no-break space to a space, and "ª" to "a" (RFC 4013 sections 2.1 and 3).
  EXPECT_EQ(SaslPrep("I\xC2\xADX").value_or("refused"), "IX");
  EXPECT_EQ(SaslPrep("user").value_or("refused"), "user");
  EXPECT_EQ(SaslPrep("USER").value_or("refused"), "USER");
  EXPECT_EQ(SaslPrep("\xC2\xAA").value_or("refused"), "a");
  EXPECT_EQ(SaslPrep("\xE2\x85\xA8").value_or("refused"), "IX");
  EXPECT_EQ(SaslPrep("a\xC2\xA0"
                     "b")
                .value_or("refused"),
            "a b");
  EXPECT_FALSE(SaslPrep("\x07").ok());
  EXPECT_FALSE(SaslPrep("\xD8\xA7\x31").ok());  // Right-to-left text that ends in a digit.
  EXPECT_FALSE(SaslPrep("\xC2\xAD").ok());      // Nothing is left.
  EXPECT_FALSE(SaslPrep("\xFF").ok());
  EXPECT_FALSE(SaslPrep(std::string_view("a\0b", 3)).ok());
  const auto scram = Begin(AccountWith("I\xC2\xADX", "pencil"), "SCRAM-SHA-256");
  EXPECT_EQ(scram->Initial(), "n,,n=IX,r=nonce");
}

TEST(Sasl, ChecksAnAccountBeforeItIsUsed) {
  const auto problem = [](const Account& account) { return std::string(CheckAccount(account).message()); };
  EXPECT_EQ(problem(AccountWith("user", "pencil")), "");
  EXPECT_EQ(problem(AccountWith("user", "gr\xC3\xBC\xC3\x9F")), "");
  EXPECT_EQ(problem(AccountWith("", "pencil")), "the user name is empty");
  EXPECT_EQ(problem(AccountWith("user", "")), "the password is empty");
  EXPECT_EQ(problem(AccountWith("user", "two\nlines")), "the password has a control character in it");
  EXPECT_EQ(problem(AccountWith("user", std::string("a\0b", 3))), "the password has a control character in it");
  EXPECT_EQ(problem(AccountWith("user", "\xFF")), "the password is not UTF-8");
  EXPECT_THAT(problem(AccountWith("user", "\xD8\xA7\x31")), HasSubstr("cannot be prepared for SCRAM"));
  Account plain = AccountWith("user", "\xD8\xA7\x31");
  plain.mechanism = SaslMechanism::kPlain;
  EXPECT_EQ(problem(plain), "");  // What PLAIN sends, the server prepares (RFC 4616 section 2).
  Account token = AccountWith("user", "");
  token.secret_is_token = true;
  EXPECT_EQ(problem(token), "the token is empty");
}

}  // namespace
}  // namespace smtp
