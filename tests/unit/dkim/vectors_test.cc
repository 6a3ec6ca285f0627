// RFC 8463 appendix A: keys, records and signatures, to the bit.

#include <string>
#include <vector>

#include "engine/dkim/private_key.h"
#include "engine/dkim/signature.h"
#include "gmock/gmock.h"
#include "tests/unit/dkim/naive_verifier.h"
#include "tests/unit/dkim/test_keys.h"

namespace dkim {
namespace {

constexpr std::string_view kFields =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
constexpr std::string_view kBody = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
constexpr std::string_view kEd25519Field =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=";
constexpr std::string_view kEd25519Signature =
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
constexpr std::string_view kRsaField =
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=";
constexpr std::string_view kRsaSignature =
    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2"
    "JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=";
constexpr std::string_view kNames[] = {"from", "to", "subject", "date", "message-id", "from", "subject", "date"};

std::string Base64(std::string_view bytes) { return absl::Base64Escape(base::AbslView(bytes)); }

Digest DigestFor(std::string_view signature_field) {
  std::vector<Field> fields;
  SplitFields(kFields, fields);
  Sha256 hash;
  std::string text;
  AppendFields(fields, kNames, Canonicalization::kRelaxed, text);
  AppendCanonicalField(Canonicalization::kRelaxed, signature_field, text);
  hash.Add(text);
  return hash.Finish();
}

TEST(VectorsTest, K12_TheBodyHashIsTheRfcs) {
  Sha256 hash;
  BodyCanonicalizer canonicalizer(Canonicalization::kRelaxed);
  const auto sink = [&hash](std::string_view bytes) { hash.Add(bytes); };
  canonicalizer.Add(kBody, sink);
  canonicalizer.Finish(sink);
  EXPECT_EQ(Base64(testing::Bytes(hash.Finish())), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
}

TEST(VectorsTest, K11_K12_Ed25519SignsTheSameBits) {
  const Crypto crypto;
  const auto key = PrivateKey::Parse(testing::kRfcEd25519Key, false, crypto);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ((*key)->PublicRecord(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  const auto signature = (*key)->Sign(DigestFor(kEd25519Field));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(Base64(*signature), kEd25519Signature);
}

TEST(VectorsTest, K12_RsaSignsTheSameBits) {
  const Crypto crypto;
  const auto key = PrivateKey::Parse(testing::kRfcRsaKey, true, crypto);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(
      (*key)->PublicRecord(),
      "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
      "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2k"
      "ryOTIKT+l/K4w3QIDAQAB");
  const auto signature = (*key)->Sign(DigestFor(kRsaField));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(Base64(*signature), kRsaSignature);
}

// The reader that judges other tests agrees with the RFC, too.
TEST(VectorsTest, TheNaiveVerifierAcceptsTheRfcsMessage) {
  const std::string message =
      std::string(kEd25519Field) + "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n" +
      " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n" + std::string(kFields) + "\r\n" + std::string(kBody);
  const auto checked = testing::CheckSignatures(message);
  ASSERT_EQ(checked.size(), 1u);
  EXPECT_TRUE(checked[0].body_hash_fits);
  const Crypto crypto;
  EXPECT_EQ(checked[0].digest, DigestFor(kEd25519Field));
  const auto key = PrivateKey::Parse(testing::kRfcEd25519Key, false, crypto);
  EXPECT_TRUE((*key)->Verify(checked[0].digest, checked[0].signature));
}

}  // namespace
}  // namespace dkim
