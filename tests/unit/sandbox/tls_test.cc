// TLS of sink and sandbox against OpenSSL's own client, over memory and over the real reactor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/sandbox/tls_client.h"
#include "tools/sandbox/openssl_tls.h"

namespace sandbox {
namespace {

using testing::StartsWith;

class TlsTest : public testing::Test {
 protected:
  TlsTest() : authority_(*CertificateAuthority::Make()), server_(*authority_) {}

  // Lets client and server talk until neither has more to say, in pieces of `piece` bytes.
  void Talk(TlsClient& client, TlsSession& session, std::size_t piece = 100'000) {
    for (;;) {
      const std::string from_client = client.Take();
      if (from_client.empty() && to_client_.empty()) return;
      for (std::size_t at = 0; at < from_client.size(); at += piece)
        session.Receive(std::string_view(from_client).substr(at, piece), received_, to_client_);
      client.Give(std::exchange(to_client_, {}));
    }
  }
  TlsClient Client(const std::string& name) { return TlsClient(*authority_->Pem(), name); }

  std::deque<TlsProfile> profiles_;
  TlsProfile profile_;
  std::unique_ptr<CertificateAuthority> authority_;
  OpenSslServer server_;
  std::string received_;
  std::string to_client_;
};

TEST_F(TlsTest, ShowsACertificateForTheNameThatTheClientAsksFor) {
  for (const char* name : {"mx1.example.com", "mx2.example.org"}) {
    TlsClient client = Client(name);
    const auto session = server_.Accept(profile_);
    Talk(client, *session, 7);
    EXPECT_EQ(session->state(), TlsSession::State::kOpen);
    EXPECT_EQ(client.verify_result(), X509_V_OK);
    EXPECT_EQ(session->info().version, "TLSv1.3");
    EXPECT_FALSE(session->info().resumed);
  }
}

TEST_F(TlsTest, CarriesBytesBothWaysAndSaysGoodbye) {
  TlsClient client = Client("mx.example.com");
  const auto session = server_.Accept(profile_);
  Talk(client, *session);
  const std::string large(100'000, 'x');
  client.Say("EHLO c\r\n" + large);
  Talk(client, *session, 1000);
  EXPECT_EQ(received_, "EHLO c\r\n" + large);
  session->Send("250 ok\r\n" + large, to_client_);
  Talk(client, *session);
  EXPECT_EQ(client.received(), "250 ok\r\n" + large);
  EXPECT_FALSE(client.goodbye());
  session->Close(to_client_);
  Talk(client, *session);
  EXPECT_TRUE(client.goodbye());
  EXPECT_EQ(session->state(), TlsSession::State::kClosed);
}

TEST_F(TlsTest, ResumesWithItsTicketsInBothVersions) {
  for (const bool tls13 : {false, true}) {
    TlsProfile& profile = profiles_.emplace_back();
    profile.tls12 = !tls13;
    profile.tls13 = tls13;
    SSL_SESSION* ticket = nullptr;
    for (const bool again : {false, true}) {
      TlsClient client = Client("mx.example.com");
      if (again) client.Resume(ticket);
      const auto session = server_.Accept(profile);
      Talk(client, *session);
      EXPECT_EQ(session->info().version, tls13 ? "TLSv1.3" : "TLSv1.2");
      EXPECT_EQ(session->info().resumed, again);
      SSL_SESSION_free(ticket);
      ticket = client.TakeSession();
    }
    SSL_SESSION_free(ticket);
  }
}

TEST_F(TlsTest, CertificatesHaveTheFaultThatTheProfileNames) {
  const std::vector<std::pair<CertificateKind, long>> cases = {
      {CertificateKind::kExpired, X509_V_ERR_CERT_HAS_EXPIRED},
      {CertificateKind::kWrongName, X509_V_ERR_HOSTNAME_MISMATCH},
      {CertificateKind::kSelfSigned, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT}};
  for (const auto& [kind, error] : cases) {
    TlsProfile& profile = profiles_.emplace_back();
    profile.certificate = kind;
    TlsClient client = Client("mx.example.com");
    const auto session = server_.Accept(profile);
    Talk(client, *session);
    EXPECT_EQ(session->state(), TlsSession::State::kOpen);  // The client of this test goes on all the same.
    EXPECT_EQ(client.verify_result(), error) << X509_verify_cert_error_string(client.verify_result());
  }
}

TEST_F(TlsTest, AClientWithoutAUsableNameSeesTheHostsOwn) {
  profile_.host_name = "mx.sandbox.test";
  for (const char* asked : {"", "not,DNS:a name"}) {
    TlsClient client(*authority_->Pem(), "mx.sandbox.test", asked);
    const auto session = server_.Accept(profile_);
    Talk(client, *session);
    EXPECT_EQ(client.verify_result(), X509_V_OK) << asked;
  }
}

TEST_F(TlsTest, EndsOnBytesThatAreNoTlsAndOnATooOldClient) {
  const auto session = server_.Accept(profile_);
  session->Receive("EHLO client.example\r\n", received_, to_client_);
  EXPECT_EQ(session->state(), TlsSession::State::kClosed);
  EXPECT_EQ(received_, "");

  TlsProfile& modern = profiles_.emplace_back();
  modern.tls12 = false;
  TlsClient client = Client("mx.example.com");
  client.SetNewest(TLS1_2_VERSION);
  const auto other = server_.Accept(modern);
  Talk(client, *other);
  EXPECT_EQ(other->state(), TlsSession::State::kClosed);
  EXPECT_TRUE(client.failed());  // It was sent an alert.
}

TEST(OpenSslServer, SaysWhatIsWrongWithItsFiles) {
  const auto server = OpenSslServer::FromFiles("nowhere.pem", "nowhere.key");
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), StartsWith("nowhere.pem, nowhere.key: not a certificate"));
}

}  // namespace
}  // namespace sandbox
