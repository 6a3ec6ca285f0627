// What the oracle objects to: signatures that do not hold or cover too little, and tokens of somebody else.
#include "tools/sandbox/message_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

#include "tests/unit/sandbox/small_signer.h"
#include "tools/sandbox/dkim_record.h"
#include "tools/sandbox/message_text.h"

namespace sandbox {
namespace {

using testing::StartsWith;

const std::string kOwn = "v1" + std::string(32, 'a');
const std::string kForeign = "v1" + std::string(32, 'b');
const std::string kHeader = "From: \"a@b.test <x>\" <news@example.com>\r\nMessage-ID: <" + kOwn + "@example.com>\r\n";
const std::string kList =
    "List-Unsubscribe: <https://example.com/u/" + kOwn + ">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

class MessageCheckTest : public testing::Test {
 protected:
  MessageCheckTest() : check_([this](std::string_view) { return std::optional<std::string>(signer_.record()); }) {}
  bool Accept(const std::string& message) {
    Transaction transaction;
    transaction.sender = "bounce+" + kOwn + "@bounces.example.com";
    return check_.Accept(message, transaction, base::WallTime::FromSeconds(1'700'000'000));
  }
  std::string Signed(const std::string& header, const std::string& body, const std::string& names,
                     const std::string& domain = "example.com") {
    return signer_.Sign(header + "\r\n" + body, domain, names);
  }

  SmallSigner signer_;
  MessageCheck check_;
};

TEST_F(MessageCheckTest, AcceptsASignedMessageOfItsRecipient) {
  EXPECT_TRUE(Accept(Signed(kHeader + kList, "Hello\r\n", "from:list-unsubscribe:list-unsubscribe-post")));
  EXPECT_TRUE(Accept(Signed(kHeader, "Hello\r\n", "from", "mail.example.com")));
  EXPECT_EQ(check_.totals().valid, 2u);
  EXPECT_EQ(check_.totals().tokens_own, 2u);
  EXPECT_EQ(check_.totals().missing + check_.totals().invalid + check_.totals().tokens_foreign, 0u);
  EXPECT_TRUE(check_.totals().reasons.empty());
}

TEST_F(MessageCheckTest, ObjectsToWhatIsNotSignedAsItMustBe) {
  EXPECT_FALSE(Accept(kHeader + "\r\nHello\r\n"));
  EXPECT_FALSE(Accept(Signed(kHeader, "Hello\r\n", "from", "other.test")));
  EXPECT_FALSE(Accept(Signed(kHeader, "Hello\r\n", "from", "com")));
  EXPECT_EQ(check_.totals().missing, 3u);
  EXPECT_FALSE(Accept(Signed(kHeader + kList, "Hello\r\n", "from:list-unsubscribe")));
  EXPECT_FALSE(Accept(Signed(kHeader + kList, "Hello\r\n", "from:list-unsubscribe-post")));
  EXPECT_EQ(check_.totals().reasons.at("List-Unsubscribe or List-Unsubscribe-Post is not signed"), 2u);
  EXPECT_FALSE(Accept(Signed(kHeader, "Hello\r\n", "from") + "More\r\n"));
  EXPECT_EQ(check_.totals().invalid, 1u);
  EXPECT_EQ(check_.totals().reasons.at("body hash differs"), 1u);
}

TEST_F(MessageCheckTest, FindsTheTokenOfAnotherRecipientInEveryEncoding) {
  const std::string parts =
      "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: multipart/alternative; "
      "boundary=c\r\n\r\n"
      "--c\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
  const std::string quoted =
      parts + "u=3D" + kForeign.substr(0, 9) + "=\r\n" + kForeign.substr(9) + "\r\n--c--\r\n--b--\r\n";
  const std::string base64 = parts + "x\r\n--c\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                             absl::Base64Escape("u/" + kForeign).insert(10, "\r\n") + "\r\n--c--\r\n--b--\r\n";
  for (const std::string& body : {quoted, base64, "\r\n/" + kForeign + "\r\n"}) {
    const std::string message = kHeader + body;
    const std::uint64_t before = check_.totals().tokens_foreign;
    Accept(message);
    EXPECT_EQ(check_.totals().tokens_foreign, before + 1) << DecodedText(ParseMessage(message));
  }
  EXPECT_EQ(check_.totals().tokens_own, 0u);
  Accept(kHeader + "\r\nx" + kForeign + " " + kForeign + "c " + kForeign.substr(1) +
         "\r\n");  // None of them is a token.
  EXPECT_EQ(check_.totals().tokens_own, 1u);
}

TEST(FromDomain, IsThatOfTheAddress) {
  EXPECT_EQ(FromDomain(" News <news@Example.COM>"), "example.com");
  EXPECT_EQ(FromDomain(" \"<a@b.test>\" <news@example.com>"), "example.com");
  EXPECT_EQ(FromDomain(" news@example.com"), "example.com");
  EXPECT_EQ(FromDomain(" nobody"), "");
}

TEST(DkimRecord, ComesFromAKeyOrIsOne) {
  SmallSigner signer;
  EXPECT_EQ(*DkimRecord(signer.private_pem()), signer.record());
  EXPECT_EQ(*DkimRecord(" v=DKIM1; p=abc\n"), "v=DKIM1; p=abc");
  EXPECT_THAT(std::string(DkimRecord("nonsense").status().message()), StartsWith("not an RSA or Ed25519 key"));
}

}  // namespace
}  // namespace sandbox
