#include "engine/dkim/key_record.h"

#include <memory>
#include <string>

#include "engine/dkim/private_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dkim {
namespace {

using testing::HasSubstr;

class KeyRecordTest : public testing::Test {
 protected:
  static SigningKey Make(Algorithm algorithm) {
    const Crypto crypto;
    SigningKey key;
    key.pem = *(*PrivateKey::Generate(algorithm, crypto))->ToPem();
    key.spec.domain = "example.com";
    key.spec.selector = "s1";
    return key;
  }
  std::string Fault(const std::string& published) const { return CheckKeyRecord(published, key_).fault; }
  std::string P() const { return key_.record.substr(key_.record.find("p=")); }

  // Made once: that takes its time.
  static const PublishedKey& RsaKey() {
    static const PublishedKey key = *PublishedKeyOf(Make(Algorithm::kRsaSha256));
    return key;
  }
  PublishedKey key_ = RsaKey();
};

TEST_F(KeyRecordTest, ItsOwnRecordIsGood) {
  EXPECT_EQ(key_.name, "s1._domainkey.example.com");
  EXPECT_EQ(Fault(key_.record), "");
  const PublishedKey ed25519 = *PublishedKeyOf(Make(Algorithm::kEd25519Sha256));
  EXPECT_EQ(CheckKeyRecord(ed25519.record, ed25519).fault, "");
  EXPECT_THAT(CheckKeyRecord(key_.record, ed25519).fault, HasSubstr("not of the type ed25519"));
}

TEST_F(KeyRecordTest, Section3_6_1_WhatIsOptionalMayBeAbsentOrOtherwise) {
  EXPECT_EQ(Fault(P()), "");  // v=DKIM1 and k=rsa are the defaults.
  EXPECT_EQ(Fault("v=DKIM1;k = rsa;\t" + P() + " ;"), "");
  EXPECT_EQ(Fault("v=DKIM1; h=sha1:sha256; s=email:other; n=a note; x=unknown; " + P()), "");
  std::string folded = P();
  folded.insert(40, "\r\n  ");
  EXPECT_EQ(Fault("v=DKIM1; " + folded), "");
}

TEST_F(KeyRecordTest, Section3_6_1_WhatMakesSignaturesInvalid) {
  EXPECT_THAT(Fault(PublishedKeyOf(Make(Algorithm::kRsaSha256))->record), HasSubstr("another key"));
  EXPECT_THAT(Fault("v=DKIM1; k=rsa; p="), HasSubstr("revoked"));
  EXPECT_THAT(Fault("v=DKIM1; k=rsa"), HasSubstr("no p="));
  EXPECT_THAT(Fault("v=DKIM2; " + P()), HasSubstr("does not begin with v=DKIM1"));
  EXPECT_THAT(Fault(P() + "; v=DKIM1"), HasSubstr("does not begin with v=DKIM1"));
  EXPECT_THAT(Fault("v=DKIM1; k=ed25519; " + P()), HasSubstr("not of the type rsa"));
  EXPECT_THAT(Fault("v=DKIM1; h=sha1; " + P()), HasSubstr("sha256"));
  EXPECT_THAT(Fault("v=DKIM1; s=other; " + P()), HasSubstr("email"));
  for (const std::string& text :
       {std::string(), std::string("hello"), std::string(";"), P() + "; " + P(), "v=DKIM1;;" + P()}) {
    EXPECT_THAT(Fault(text), HasSubstr("no list of tags")) << text;
  }
}

TEST_F(KeyRecordTest, Section3_6_1_StrictKeysAllowNoIdentityBelow) {
  EXPECT_EQ(Fault("t=s; " + P()), "");
  key_.identity = "@Example.com";
  EXPECT_EQ(Fault("t=s; " + P()), "");
  key_.identity = "@news.example.com";
  EXPECT_EQ(Fault(P()), "");
  EXPECT_THAT(Fault("t=y:s; " + P()), HasSubstr("t=s"));
}

TEST_F(KeyRecordTest, Section3_6_1_ATestingDomainIsTold) {
  EXPECT_EQ(CheckKeyRecord(key_.record, key_).note, "");
  EXPECT_THAT(CheckKeyRecord("v=DKIM1; t=y; " + P(), key_).note, HasSubstr("testing"));
}

}  // namespace
}  // namespace dkim
