#include "tls/dane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/unit/tls/connection.h"
#include "tls/openssl_ptr.h"

namespace tls {
namespace {

using testing::CertificateKind;
using testing::Connection;
using ::testing::HasSubstr;
using testing::kTrusting;
using testing::ServerSettings;

const std::string kDigest(32, 'd');

std::string Data(char usage, char selector, char matching, const std::string& data) {
  return std::string{usage, selector, matching} + data;
}

// The test's authority, as it is in a DANE-TA record.
std::string AuthorityDer() {
  const OpensslPtr<BIO> pem(
      BIO_new_mem_buf(ServerSettings::Authority().data(), static_cast<int>(ServerSettings::Authority().size())));
  const OpensslPtr<X509> certificate(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
  std::string der(static_cast<std::size_t>(i2d_X509(certificate.get(), nullptr)), '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate.get(), &end);
  return der;
}

TEST(Dane, D03_OnlyTrustAnchorsAndEndEntitiesAreUsable) {
  const std::vector<std::string> data = {Data(3, 1, 1, kDigest),
                                         Data(2, 0, 2, std::string(64, 'd')),
                                         Data(3, 0, 0, "certificate"),
                                         Data(0, 1, 1, kDigest),
                                         Data(1, 1, 1, kDigest),
                                         Data(4, 1, 1, kDigest),
                                         Data(3, 2, 1, kDigest),
                                         Data(3, 1, 3, kDigest),
                                         Data(3, 1, 1, "short"),
                                         Data(3, 1, 2, kDigest),
                                         Data(3, 1, 0, ""),
                                         "",
                                         std::string(2, '\3'),
                                         Data(3, 1, 1, kDigest)};
  const std::vector<TlsaRecord> usable = UsableTlsa(data);
  ASSERT_EQ(usable.size(), 3u);
  EXPECT_EQ(usable[0], (TlsaRecord{2, 0, 2, std::string(64, 'd')}));
  EXPECT_EQ(usable[1], (TlsaRecord{3, 0, 0, "certificate"}));
  EXPECT_EQ(usable[2], (TlsaRecord{3, 1, 1, kDigest}));
}

TEST(Dane, VeryManyRecordsAreBounded) {
  std::vector<std::string> data;
  for (int i = 0; i < 200; ++i) data.push_back(Data(3, 1, 1, std::string(31, 'x') + static_cast<char>(i)));
  EXPECT_EQ(UsableTlsa(data).size(), kTlsaMax);
}

TEST(Dane, OfVeryManyRecordsThoseOfTheServersOwnKeyStay) {
  std::vector<std::string> data;
  for (int i = 0; i < 40; ++i) data.push_back(Data(2, 0, 1, std::string(31, 'x') + static_cast<char>(i)));
  data.push_back(Data(3, 1, 1, kDigest));
  const std::vector<TlsaRecord> usable = UsableTlsa(data);
  EXPECT_EQ(usable.size(), kTlsaMax);
  EXPECT_EQ(usable.back(), (TlsaRecord{3, 1, 1, kDigest}));
}

class DaneChannelTest : public ::testing::Test {
 protected:
  absl::Status Connect(CertificateKind kind, const std::vector<TlsaRecord>& records, Policy policy = kTrusting) {
    ServerSettings settings({.certificate = kind});
    Connection c(context_, settings, policy, testing::kHostName, "192.0.2.1", records);
    const absl::Status status = c.Carry();
    if (status.ok()) verified_ = c.channel->info().verified;
    return status;
  }
  Context context_{{.authorities = ""}};  // TLSA records need none.
  bool verified_ = false;
  const TlsaRecord anchor_{2, 0, 0, AuthorityDer()};
  const TlsaRecord wrong_{3, 1, 1, kDigest};
};

TEST_F(DaneChannelTest, D04_ATrustAnchorVouchesForTheName) {
  EXPECT_TRUE(Connect(CertificateKind::kValid, {anchor_}).ok());
  EXPECT_TRUE(verified_);
  EXPECT_TRUE(Connect(CertificateKind::kValid, {wrong_, anchor_}).ok());
  EXPECT_FALSE(Connect(CertificateKind::kWrongName, {anchor_}).ok());
  EXPECT_FALSE(Connect(CertificateKind::kExpired, {anchor_}).ok());
}

// RFC 7672 sections 3.2.2 and 3.2.3.
TEST_F(DaneChannelTest, D04_TheDomainsNameWillDoForItsMailAloneAndACommonNameWhereThereIsNoOther) {
  const auto connect = [this](CertificateKind kind, std::string_view domain, const TlsaRecord& record) {
    ServerSettings settings({.certificate = kind});
    const std::vector<TlsaRecord> records = {record};
    Connection c(context_, settings, kTrusting, testing::kHostName, "192.0.2.1", records, domain);
    if (!c.Carry().ok()) return std::string("refused");
    return std::string(c.channel->info().only_domain ? "for the domain" : "for the host");
  };
  EXPECT_EQ(connect(CertificateKind::kWrongName, "mx.example.net", anchor_), "for the domain");
  EXPECT_EQ(connect(CertificateKind::kWrongName, "example.net", anchor_), "refused");
  EXPECT_EQ(connect(CertificateKind::kValid, "example.net", anchor_), "for the host");
  EXPECT_EQ(connect(CertificateKind::kOnlyCommonName, "example.net", anchor_), "for the host");
}

// Nobody looks at the certificate again.
TEST_F(DaneChannelTest, D04_AResumedSessionIsOfTheDomainThatItWasMadeFor) {
  ServerSettings settings({.certificate = CertificateKind::kWrongName});
  const std::vector<TlsaRecord> records = {anchor_};
  const auto connect = [&](std::string_view domain) {
    Connection c(context_, settings, kTrusting, testing::kHostName, "192.0.2.1", records, domain);
    return c.Carry().ok() && c.channel->info().resumed && c.channel->info().only_domain;
  };
  EXPECT_FALSE(connect("mx.example.net"));
  EXPECT_TRUE(connect("mx.example.net"));
  Connection other(context_, settings, kTrusting, testing::kHostName, "192.0.2.1", records, "other.example");
  EXPECT_FALSE(other.Carry().ok());
}

TEST_F(DaneChannelTest, ACertificateThatNoRecordMatchesIsRefusedWhateverThePolicy) {
  for (const CertificateKind kind : {CertificateKind::kValid, CertificateKind::kSelfSigned}) {
    const absl::Status status = Connect(kind, {wrong_});
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr("TLSA"));
  }
}

// M09: whatever an enforced policy of MTA-STS makes of the certificate.
TEST_F(DaneChannelTest, M09_ACertificateThatAuthoritiesVouchForMakesUpForNoRecord) {
  Context trusting({.authorities = ServerSettings::Authority()});
  for (const std::vector<TlsaRecord>& records : {std::vector<TlsaRecord>{}, {wrong_}}) {
    ServerSettings settings({.certificate = CertificateKind::kValid});
    Connection c(trusting, settings, testing::kVerifying, testing::kHostName, "192.0.2.1", records);
    EXPECT_EQ(c.Carry().ok(), records.empty());
  }
}

TEST_F(DaneChannelTest, D03_RecordsThatSayNothingUsableLetAnyCertificateDo) {
  ServerSettings settings({.certificate = CertificateKind::kSelfSigned});
  const std::vector<TlsaRecord> records = {{3, 0, 0, "no certificate"}};
  Connection c(context_, settings, kTrusting, testing::kHostName, "192.0.2.1", records);
  EXPECT_TRUE(c.Carry().ok());
  EXPECT_FALSE(c.channel->info().verified);
  EXPECT_EQ(c.channel->info().certificate, Result::kTlsaInvalid);
}

// Somebody's junk in the DNS does not make a certificate good that a policy demands.
TEST_F(DaneChannelTest, D03_RecordsThatSayNothingUsableTakeNothingFromAPolicy) {
  ServerSettings settings({.certificate = CertificateKind::kSelfSigned});
  Connection c(context_, settings, testing::kVerifying, testing::kHostName, "192.0.2.1", {{3, 0, 0, "no certificate"}});
  EXPECT_FALSE(c.Carry().ok());
}

TEST_F(DaneChannelTest, ASessionIsOfOneSetOfRecords) {
  ServerSettings settings({});
  const auto resumed = [&](const std::vector<TlsaRecord>& records) {
    Connection c(context_, settings, kTrusting, testing::kHostName, "192.0.2.1", records);
    EXPECT_TRUE(c.Carry().ok());
    return c.channel->info().resumed;
  };
  EXPECT_FALSE(resumed({}));
  EXPECT_FALSE(resumed({anchor_}));
  EXPECT_TRUE(resumed({anchor_}));
  EXPECT_FALSE(resumed({wrong_, anchor_}));
}

}  // namespace
}  // namespace tls
