#include "engine/dkim/signature.h"

#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "gmock/gmock.h"
#include "tests/unit/dkim/naive_verifier.h"
#include "tests/unit/dkim/test_keys.h"

namespace dkim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr base::WallTime kNow = base::WallTime::FromSeconds(1'795'510'800);
constexpr std::string_view kHeader =
    "From: Example News <news@example.com>\r\n"
    "To: \"Zoe\"\r\n <zoe@example.net>\r\n"
    "Subject: Hello  Zoe\r\n"
    "Date: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
    "Message-ID: <v1abc@example.com>\r\n"
    "List-Id: <weekly.example.com>\r\n"
    "List-Unsubscribe: <https://example.com/u/v1abc>,\r\n <mailto:u+v1abc@example.com>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "Feedback-ID: weekly:digest:news:example\r\n"
    "Precedence: bulk\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n";

class Signing {
 public:
  explicit Signing(std::string_view pem = testing::kRfcEd25519Key) {
    auto parsed = PrivateKey::Parse(pem, true, crypto_);
    EXPECT_TRUE(parsed.ok());
    key = *std::move(parsed);
    spec.domain = "example.com";
    spec.selector = "s1";
    spec.algorithm = key->algorithm();
  }

  // The whole signed message.
  std::string Sign(std::string_view header, const std::vector<std::string_view>& body) {
    std::vector<std::string_view> pieces{header};
    pieces.insert(pieces.end(), body.begin(), body.end());
    composer_.Take(pieces);
    std::string message;
    const Digest digest = composer_.Compose(spec, kNow, message);
    CompleteField(*key->Sign(digest), message);
    for (std::string_view piece : pieces) message.append(piece);
    return message;
  }
  void ExpectValid(const std::string& message) const {
    const auto checked = testing::CheckSignatures(message);
    ASSERT_EQ(checked.size(), 1u);
    EXPECT_TRUE(checked[0].body_hash_fits) << message;
    EXPECT_TRUE(key->Verify(checked[0].digest, checked[0].signature)) << message;
  }
  std::map<std::string, std::string> TagsOf(const std::string& message) const {
    return testing::CheckSignatures(message)[0].tags;
  }

  SignatureSpec spec;
  std::unique_ptr<PrivateKey> key;

 private:
  const Crypto crypto_;
  Composer composer_;
};

TEST(SignatureTest, K08_SaysWhoSignedWhatAndWhenAndNoLength) {
  Signing signing;
  const std::string message = signing.Sign(kHeader, {"Hello.\r\n"});
  EXPECT_THAT(message,
              StartsWith("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n"));
  const auto tags = signing.TagsOf(message);
  EXPECT_EQ(tags.at("t"), "1795510800");
  EXPECT_EQ(tags.at("h"),
            "From:From:MIME-Version:MIME-Version:Content-Type:Content-Type:Content-Transfer-Encoding:List-Id:List-Id:"
            "Feedback-ID:Feedback-ID:List-Unsubscribe-Post:List-Unsubscribe-Post:Date:Date:Reply-To:Cc:Subject:Subject:"
            "To:To:Message-ID:Message-ID:List-Unsubscribe:List-Unsubscribe");
  for (const char* absent : {"l", "x", "i", "q", "z"}) EXPECT_EQ(tags.count(absent), 0u) << absent;
  signing.ExpectValid(message);
}

TEST(SignatureTest, K07_ValidInEveryCanonicalizationWithBothAlgorithms) {
  for (std::string_view pem : {testing::kRfcEd25519Key, testing::kRfcRsaKey}) {
    for (const auto header : {Canonicalization::kSimple, Canonicalization::kRelaxed}) {
      for (const auto body : {Canonicalization::kSimple, Canonicalization::kRelaxed}) {
        Signing signing(pem);
        signing.spec.header = header;
        signing.spec.body = body;
        for (std::string_view text : {"", "\r\n", "Hello \t you. \r\n", "a\r\n\r\n\r\n", "no end"}) {
          signing.ExpectValid(signing.Sign(kHeader, {text}));
        }
      }
    }
  }
}

TEST(SignatureTest, K09_ExpiryIsAfterTheTimeOfSigningAndOffByDefault) {
  Signing signing;
  signing.spec.expire = base::Duration::Hours(24 * 7);
  const auto tags = signing.TagsOf(signing.Sign(kHeader, {"x\r\n"}));
  EXPECT_EQ(tags.at("x"), "1796115600");
  EXPECT_LE(tags.at("x").size(), 12u);
}

TEST(SignatureTest, K14_TheIdentityIsSaidWhereItIsSet) {
  Signing signing;
  signing.spec.identity = "news@mail.example.com";
  const std::string message = signing.Sign(kHeader, {"x\r\n"});
  EXPECT_EQ(signing.TagsOf(message).at("i"), "news@mail.example.com");
  signing.ExpectValid(message);
}

TEST(SignatureTest, K15_LinesAreAtMost78OctetsLong) {
  Signing signing(testing::kRfcRsaKey);
  for (std::size_t length = 1; length < 60; ++length) {
    signing.spec.domain = std::string(length, 'd') + ".example.com";
    signing.spec.selector = std::string(1 + length % 20, 's');
    const std::string message = signing.Sign(kHeader, {"x\r\n"});
    const std::string field = testing::CheckSignatures(message)[0].field;
    for (std::size_t at = 0; at < field.size();) {
      const std::size_t end = field.find("\r\n", at);
      EXPECT_LE(end - at, 78u) << field;
      EXPECT_TRUE(at == 0 || field[at] == ' ') << field;
      at = end + 2;
    }
    signing.ExpectValid(message);
  }
}

TEST(SignatureTest, K06_WhatIsNotThereCannotBeAdded) {
  Signing signing;
  const std::string message = signing.Sign(kHeader, {"Hello.\r\n"});
  for (const char* name : {"From", "To", "Subject", "Date", "Reply-To", "Cc", "Message-ID", "MIME-Version",
                           "Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID"}) {
    // On top, where readers look first, and at the end, where signers begin.
    const std::string added = std::string(name) + ": added\r\n";
    std::string below = message;
    below.insert(message.find("\r\n\r\n") + 2, added);
    for (const std::string& changed : {added + message, below}) {
      const auto checked = testing::CheckSignatures(changed);
      ASSERT_EQ(checked.size(), 1u);
      EXPECT_FALSE(signing.key->Verify(checked[0].digest, checked[0].signature)) << name;
    }
  }
}

TEST(SignatureTest, WhatServersAddDoesNotBreakIt) {
  Signing signing;
  const std::string message = signing.Sign(kHeader, {"Hello.\r\n"});
  signing.ExpectValid("Return-Path: <b@example.com>\r\nReceived: from a by b\r\n" + message);
}

TEST(SignatureTest, AMessageWithoutListFieldsMayGetThemFromAList) {
  Signing signing;
  const auto tags = signing.TagsOf(signing.Sign("From: a@example.com\r\nSubject: s\r\n\r\n", {"x\r\n"}));
  EXPECT_EQ(tags.at("h"), "From:From:MIME-Version:Content-Type:Date:Reply-To:Cc:Subject:Subject:To:Message-ID");
}

TEST(SignatureTest, K06_RepeatedFieldsAreSignedFromTheBottomUp) {
  std::vector<Field> fields;
  SplitFields("X: one\r\nY: other\r\nx : two\r\nX: three\r\n", fields);
  constexpr std::string_view kNames[] = {"X", "y", "x", "X", "X"};
  std::string text;
  AppendFields(fields, kNames, Canonicalization::kRelaxed, text);
  EXPECT_EQ(text, "x:three\r\ny:other\r\nx:two\r\nx:one\r\n");
}

TEST(SignatureTest, K05_NeverSignsTracesOrSignaturesAndAlwaysFrom) {
  std::vector<Field> fields;
  SplitFields("DKIM-Signature: v=1\r\nReturn-Path: <>\r\nReceived: x\r\nFrom: a@b\r\n\r\nX: body\r\n", fields);
  EXPECT_EQ(fields.size(), 4u);
  std::vector<std::string_view> names;
  ChooseNames(fields, names);
  EXPECT_THAT(names, Not(::testing::Contains("DKIM-Signature")));
  EXPECT_THAT(names, Not(::testing::Contains("Return-Path")));
  EXPECT_THAT(names, Not(::testing::Contains("Received")));
  EXPECT_THAT(names, ::testing::Contains("From").Times(2));
}

TEST(SignatureTest, PiecesDoNotMatter) {
  Signing signing;
  base::Prng prng(3);
  const std::string body = "Hello  Zoe, \r\n\r\nthis is a\ttext.\r\n.\r\n \r\n";
  const std::string whole = signing.Sign(kHeader, {body});
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string_view> pieces;
    for (std::string_view rest = body; !rest.empty();) {
      pieces.push_back(rest.substr(0, 1 + prng.Below(9)));
      rest.remove_prefix(pieces.back().size());
    }
    ASSERT_EQ(signing.Sign(kHeader, pieces), whole);
  }
  // The first piece may go beyond the header section.
  const std::string joined = std::string(kHeader) + body;
  EXPECT_EQ(signing.Sign(joined, {}), whole);
}

TEST(SignatureTest, MessagesThatShareTheirBodyOrItsBeginningAreSignedAsIfTheyDidNot) {
  Signing shared;
  for (int i = 0; i < 40; ++i) {
    const std::string body = std::string(2000, 'x') + "  y\r\n \r\n" + (i % 9 == 0 ? "" : std::to_string(i));
    const std::string header = "X-Number: " + std::to_string(i) + "\r\n" + std::string(kHeader);
    Signing alone;
    EXPECT_EQ(shared.Sign(header, {body}), alone.Sign(header, {body}));
  }
  Composer composer, plain;
  for (int i = 0; i < 40; ++i) {
    const std::string header = "Subject: " + std::to_string(i) + "\r\n" + std::string(kHeader);
    const std::string_view pieces[] = {header, "The same for all.\r\n"};
    std::string field, plain_field;
    composer.Take(pieces, /*same_body=*/true);
    plain.Take(pieces);
    SignatureSpec spec;
    spec.body = i % 2 == 0 ? Canonicalization::kSimple : Canonicalization::kRelaxed;
    EXPECT_EQ(composer.Compose(spec, kNow, field), plain.Compose(spec, kNow, plain_field));
    EXPECT_EQ(field, plain_field);
  }
}

}  // namespace
}  // namespace dkim
