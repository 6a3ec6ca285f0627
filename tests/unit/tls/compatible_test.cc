// The compatible profile: what it can do that the usual one cannot, and what it must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tls/connection.h"

namespace tls {
namespace {

using testing::CertificateKind;
using testing::Connection;
using ::testing::HasSubstr;
using testing::kTrusting;
using testing::kVerifying;
using testing::ServerSettings;

class CompatibleTest : public ::testing::Test {
 protected:
  absl::Status Connect(ServerSettings& settings, const Policy& policy, Profile profile) {
    Connection c(context_, settings, policy, testing::kHostName, "192.0.2.1", {}, {}, profile);
    const absl::Status status = c.Carry();
    info_ = c.channel->info();
    return status;
  }
  Context context_{{.authorities = ServerSettings::Authority()}};
  ChannelInfo info_;
};

TEST_F(CompatibleTest, AServerThatTheUsualProfileFailsWithIsReached) {
  ServerSettings cipher({.tls13 = false, .tls12_ciphers = "ECDHE-ECDSA-CAMELLIA128-SHA256"});
  ServerSettings group({.tls13 = false, .groups = "brainpoolP256r1"});
  for (ServerSettings* settings : {&cipher, &group}) {
    for (const Policy& policy : {kTrusting, kVerifying}) {
      EXPECT_FALSE(Connect(*settings, policy, Profile::kUsual).ok());
      EXPECT_EQ(info_.certificate, Result::kSuccess);
      EXPECT_TRUE(Connect(*settings, policy, Profile::kCompatible).ok());
      EXPECT_EQ(info_.protocol, "TLSv1.2");
      EXPECT_TRUE(info_.compatible);
      EXPECT_EQ(info_.verified, policy == kVerifying);
    }
  }
}

TEST_F(CompatibleTest, TheCertificateMustBeWhatItMustBe) {
  for (const CertificateKind kind :
       {CertificateKind::kWrongName, CertificateKind::kExpired, CertificateKind::kSelfSigned}) {
    ServerSettings settings({.certificate = kind, .tls13 = false});
    const absl::Status status = Connect(settings, kVerifying, Profile::kCompatible);
    EXPECT_THAT(std::string(status.message()), HasSubstr("the certificate does not hold"));
    EXPECT_NE(info_.certificate, Result::kSuccess);
  }
}

// RFC 7507: somebody may have made the usual handshake fail. Where the mail would go in clear then, it is taken.
TEST_F(CompatibleTest, AServerThatCouldDoBetterRefusesItWhereTheCertificateMatters) {
  ServerSettings modern({});
  EXPECT_THAT(std::string(Connect(modern, kVerifying, Profile::kCompatible).message()),
              HasSubstr("inappropriate fallback"));
  EXPECT_TRUE(Connect(modern, kTrusting, Profile::kCompatible).ok());
}

TEST_F(CompatibleTest, WhereTheCertificateMattersSoDoesForwardSecrecy) {
  ServerSettings settings({});
  // Whether TLS_RSA_WITH_AES_128_GCM_SHA256 is in the ClientHello (RFC 8446 section 4.1.2).
  const auto offers_rsa = [&](const Policy& policy) {
    const Connection c(context_, settings, policy, testing::kHostName, "192.0.2.1", {}, {}, Profile::kCompatible);
    const std::string& hello = c.to_server.bytes;
    const auto byte = [&hello](std::size_t at) { return static_cast<unsigned char>(hello.at(at)); };
    const std::size_t list = 5 + 4 + 2 + 32 + 1 + byte(43);
    const std::size_t size = byte(list) * 256U + byte(list + 1);
    bool found = false;
    for (std::size_t at = list + 2; at < list + 2 + size; at += 2) found |= byte(at) == 0x00 && byte(at + 1) == 0x9C;
    return found;
  };
  EXPECT_FALSE(offers_rsa(kVerifying));
  EXPECT_TRUE(offers_rsa(kTrusting));
}

TEST_F(CompatibleTest, SessionsAreResumedUnderTheSameProfile) {
  ServerSettings settings({.tls13 = false});
  EXPECT_TRUE(Connect(settings, kVerifying, Profile::kUsual).ok());
  EXPECT_FALSE(info_.compatible);
  EXPECT_TRUE(Connect(settings, kVerifying, Profile::kCompatible).ok());
  EXPECT_FALSE(info_.resumed);
  EXPECT_TRUE(Connect(settings, kVerifying, Profile::kCompatible).ok());
  EXPECT_TRUE(info_.resumed && info_.compatible);
}

}  // namespace
}  // namespace tls
