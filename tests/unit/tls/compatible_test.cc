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
    ServerSettings settings({.certificate = kind});
    const absl::Status status = Connect(settings, kVerifying, Profile::kCompatible);
    EXPECT_THAT(std::string(status.message()), HasSubstr("the certificate does not hold"));
    EXPECT_NE(info_.certificate, Result::kSuccess);
  }
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
