#include "tls/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/tls/connection.h"

namespace tls {
namespace {

using testing::CertificateKind;
using testing::Connection;
using testing::kTrusting;
using testing::kVerifying;
using testing::ServerSettings;
using State = Channel::State;
using ::testing::HasSubstr;

class ChannelTest : public ::testing::Test {
 protected:
  ServerSettings modern_{{}};
  ServerSettings old_{{.tls13 = false}};
  Context context_{{.authorities = ServerSettings::Authority()}};
};

TEST_F(ChannelTest, M05_SpeaksTls13WithX25519AndNamesTheHost) {
  Connection c(context_, modern_);
  ASSERT_TRUE(c.Carry().ok());
  EXPECT_EQ(c.channel->state(), State::kOpen);
  EXPECT_TRUE(c.server.IsOpen());
  EXPECT_EQ(c.channel->info().protocol, "TLSv1.3");
  EXPECT_EQ(c.channel->info().cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_FALSE(c.channel->info().resumed);
  EXPECT_TRUE(c.channel->info().verified);
  EXPECT_EQ(c.server.server_name(), "mx.example.com");
  EXPECT_EQ(c.server.group(), "x25519");
}

TEST_F(ChannelTest, SpeaksTls12WhereThatIsAllThereIs) {
  Connection c(context_, old_, kTrusting);
  ASSERT_TRUE(c.Carry().ok());
  EXPECT_EQ(c.channel->info().protocol, "TLSv1.2");
  EXPECT_EQ(c.channel->info().cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  EXPECT_FALSE(c.channel->info().verified);  // Nobody looked.
}

TEST_F(ChannelTest, CarriesBytesBothWaysInPiecesOfAnySize) {
  for (ServerSettings* settings : {&modern_, &old_}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, SIZE_MAX}) {
      Connection c(context_, *settings);
      ASSERT_TRUE(c.Carry(piece).ok());
      ASSERT_EQ(c.channel->state(), State::kOpen);
      ASSERT_TRUE(c.Send({"MAIL ", "", "FROM:<>\r\n"}).ok());
      ASSERT_TRUE(c.Carry(piece).ok());
      EXPECT_EQ(c.server.plain, "MAIL FROM:<>\r\n");
      const std::string first = c.server.Send("250 ok\r\n"), second = c.server.Send("354 go\r\n");
      ASSERT_TRUE(c.Feed(first + second, piece).ok());
      EXPECT_EQ(c.plain, "250 ok\r\n354 go\r\n");
    }
  }
}

TEST_F(ChannelTest, PutsPiecesIntoAsFewRecordsAsTheyFitIn) {
  Connection c(context_, modern_);
  ASSERT_TRUE(c.Carry().ok());
  c.to_server.Take();
  ASSERT_TRUE(c.Send({"a", std::string(9000, 'b'), "c"}).ok());
  EXPECT_EQ(c.to_server.bytes.size(), 9002u + 22);  // One header, one tag, one type.
}

TEST_F(ChannelTest, CarriesLargeDataBothWays) {
  std::string large;
  for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i) + " ";
  const std::string_view all = large;
  Connection c(context_, modern_);
  ASSERT_TRUE(c.Carry().ok());
  ASSERT_TRUE(c.Send({all.substr(0, 3), all.substr(3, 16383), all.substr(16386, 100'000), all.substr(116'386)}).ok());
  ASSERT_TRUE(c.Carry(1000).ok());
  EXPECT_TRUE(c.server.plain == large);
  ASSERT_TRUE(c.Feed(c.server.Send(large), 999).ok());
  EXPECT_TRUE(c.plain == large);
}

TEST_F(ChannelTest, SaysGoodbyeAndHearsIt) {
  Connection c(context_, modern_);
  ASSERT_TRUE(c.Carry().ok());
  c.channel->Close(c.to_server);
  EXPECT_EQ(c.channel->state(), State::kClosed);
  ASSERT_TRUE(c.Carry().ok());
  EXPECT_TRUE(c.server.IsClosed());

  Connection d(context_, modern_);
  ASSERT_TRUE(d.Carry().ok());
  const std::string bye = d.server.Send("221 bye\r\n"), end = d.server.Close();
  ASSERT_TRUE(d.Feed(bye + end + "what comes after the end").ok());
  EXPECT_EQ(d.channel->state(), State::kClosed);
  EXPECT_EQ(d.plain, "221 bye\r\n");
}

TEST_F(ChannelTest, FollowsNewKeysAndRefusesRenegotiation) {
  Connection c(context_, modern_);
  ASSERT_TRUE(c.Carry().ok());
  ASSERT_TRUE(c.Feed(c.server.UpdateKeys()).ok());
  ASSERT_TRUE(c.Send({"QUIT\r\n"}).ok());
  ASSERT_TRUE(c.Carry().ok());
  EXPECT_EQ(c.server.plain, "QUIT\r\n");

  Connection d(context_, old_);
  ASSERT_TRUE(d.Carry().ok());
  ASSERT_TRUE(d.Feed(d.server.Renegotiate()).ok());
  EXPECT_EQ(d.channel->state(), State::kOpen);
  d.server.Receive(d.to_server.Take());
  EXPECT_EQ(d.server.error, "no renegotiation");
}

// ---- certificates ----

std::string CertificateError(Context& context, CertificateKind kind, std::string_view host_name = testing::kHostName) {
  ServerSettings settings({.certificate = kind});
  Connection c(context, settings, kVerifying, host_name);
  const absl::Status status = c.Carry();
  EXPECT_EQ(c.channel->state(), status.ok() ? State::kOpen : State::kFailed);
  EXPECT_EQ(c.channel->info().verified, status.ok());
  if (!status.ok()) {
    c.server.Receive(c.to_server.Take());
    EXPECT_THAT(c.server.error, HasSubstr("alert"));  // The server is told, too.
  }
  return std::string(status.message());
}

TEST_F(ChannelTest, M05_NamesWhatIsWrongWithACertificate) {
  EXPECT_EQ(CertificateError(context_, CertificateKind::kValid), "");
  EXPECT_EQ(CertificateError(context_, CertificateKind::kWrongName),
            "the certificate does not hold: hostname mismatch");
  EXPECT_EQ(CertificateError(context_, CertificateKind::kExpired),
            "the certificate does not hold: certificate has expired");
  EXPECT_EQ(CertificateError(context_, CertificateKind::kSelfSigned),
            "the certificate does not hold: self-signed certificate");
}

TEST_F(ChannelTest, M05_TakesTheNameFromDnsNamesOnly) {
  EXPECT_THAT(CertificateError(context_, CertificateKind::kOnlyCommonName), HasSubstr("hostname mismatch"));
  EXPECT_EQ(CertificateError(context_, CertificateKind::kValid, "MX.Example.COM."), "");
  EXPECT_EQ(CertificateError(context_, CertificateKind::kValid, "a.wild.example.com"), "");
  EXPECT_THAT(CertificateError(context_, CertificateKind::kValid, "a.b.wild.example.com"), HasSubstr("mismatch"));
  EXPECT_THAT(CertificateError(context_, CertificateKind::kValid, "wild.example.com"), HasSubstr("mismatch"));
}

TEST_F(ChannelTest, HoldsAnAddressToACertificateForTheAddress) {
  Connection c(context_, modern_, kVerifying, "192.0.2.1");
  EXPECT_TRUE(c.Carry().ok());
  EXPECT_EQ(c.server.server_name(), "");  // RFC 6066 section 3: no literal addresses.
  Connection d(context_, modern_, kVerifying, "[192.0.2.2]", "192.0.2.2");
  EXPECT_THAT(std::string(d.Carry().message()), HasSubstr("IP address mismatch"));
}

TEST_F(ChannelTest, WithoutVerificationAnyCertificateWillDo) {
  for (const CertificateKind kind : {CertificateKind::kWrongName, CertificateKind::kExpired,
                                     CertificateKind::kSelfSigned, CertificateKind::kOnlyCommonName}) {
    ServerSettings settings({.certificate = kind});
    Connection c(context_, settings, kTrusting);
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_FALSE(c.channel->info().verified);
  }
}

TEST_F(ChannelTest, WithoutAuthoritiesNoCertificateHolds) {
  Context context({.authorities = ""});
  EXPECT_THAT(CertificateError(context, CertificateKind::kValid), HasSubstr("does not hold"));
}

TEST_F(ChannelTest, OldCiphersAreForThoseWhoTrustAnybody) {
  ServerSettings cbc({.tls13 = false, .tls12_ciphers = "AES128-SHA:ECDHE-ECDSA-AES128-SHA"});
  Connection c(context_, cbc, kTrusting);
  EXPECT_TRUE(c.Carry().ok());
  ServerSettings null({.tls13 = false, .tls12_ciphers = "eNULL:@SECLEVEL=0"});
  Connection d(context_, null, kTrusting);
  EXPECT_FALSE(d.Carry().ok());
}

// ---- trouble ----

// What a server chooses costs us time.
TEST_F(ChannelTest, GroupsOfDiffieHellmanAreBounded) {
  ServerSettings usual({.tls13 = false, .tls12_ciphers = "DHE-RSA-AES128-GCM-SHA256", .dh_bits = 4096});
  ServerSettings huge({.tls13 = false, .tls12_ciphers = "DHE-RSA-AES128-GCM-SHA256", .dh_bits = 6144});
  for (const Policy& policy : {kTrusting, kVerifying}) {
    for (const Profile profile : {Profile::kUsual, Profile::kCompatible}) {
      const auto status = [&](ServerSettings& settings) {
        return Connection(context_, settings, policy, testing::kHostName, "192.0.2.1", {}, {}, profile).Carry();
      };
      EXPECT_TRUE(status(usual).ok()) << status(usual);
      EXPECT_FALSE(status(huge).ok());
    }
  }
}

TEST_F(ChannelTest, AServerThatRefusesIsAnError) {
  Connection c(context_, modern_);
  const absl::Status status = c.Feed(std::string_view("\x15\x03\x03\x00\x02\x02\x28", 7));
  EXPECT_THAT(std::string(status.message()), HasSubstr("alert handshake failure"));
  EXPECT_EQ(c.channel->state(), State::kFailed);
  EXPECT_FALSE(c.Feed("more").ok());
}

TEST_F(ChannelTest, GarbageIsAnErrorAtEachStep) {
  for (const std::string_view garbage : {std::string_view("220 ready\r\n"), std::string_view("\0\0\0\0\0\0", 6),
                                         std::string_view("GET / HTTP/1.0\r\n\r\n")}) {
    Connection c(context_, modern_);
    EXPECT_FALSE(c.Feed(garbage).ok());
    Connection d(context_, modern_);
    ASSERT_TRUE(d.Carry().ok());
    EXPECT_FALSE(d.Feed(garbage).ok());
    EXPECT_EQ(d.channel->state(), State::kFailed);
    EXPECT_EQ(d.plain, "");
  }
}

// At each byte of the server's flight: so far it is no error, and it is not open either.
TEST_F(ChannelTest, StaysAtTheHandshakeUntilItsLastByte) {
  Context forgetful({.authorities = ServerSettings::Authority(), .sessions_max = 0});
  for (ServerSettings* settings : {&modern_, &old_}) {
    std::size_t size = 1;
    for (std::size_t split = 0; split < size; ++split) {
      Connection c(forgetful, *settings);
      const std::string flight = c.server.Receive(c.to_server.Take());
      size = flight.size();  // Signatures are not all of one size.
      if (split >= size) break;
      ASSERT_TRUE(c.Feed(std::string_view(flight).substr(0, split)).ok());
      ASSERT_EQ(c.channel->state(), State::kHandshaking);
      if (split % 16 == 0) {  // The rest in clear is garbage.
        EXPECT_FALSE(c.Feed("250 ok\r\n" + std::string(20000, 'x')).ok()) << split;
        continue;
      }
      ASSERT_TRUE(c.Feed(std::string_view(flight).substr(split)).ok());
      ASSERT_TRUE(c.Carry().ok());
      ASSERT_EQ(c.channel->state(), State::kOpen);
    }
    EXPECT_GT(size, 500u);
  }
}

TEST_F(ChannelTest, AChangedByteOfTheHandshakeOpensNothing) {
  Context forgetful({.authorities = ServerSettings::Authority(), .sessions_max = 0});
  int failed = 0, tried = 0;
  for (std::size_t at = 0;; at += 3, ++tried) {
    Connection c(forgetful, modern_);
    std::string flight = c.server.Receive(c.to_server.Take());
    if (at >= flight.size()) break;  // Its size differs a little each time: so do signatures.
    flight[at] = static_cast<char>(flight[at] ^ 0x20);
    if (!c.Feed(flight).ok()) {
      ++failed;
      continue;
    }
    // A length that grew: it waits for more. Or a byte that means nothing: then both sides are of one mind.
    if (c.channel->state() != State::kOpen) continue;
    EXPECT_TRUE(c.Carry().ok() && c.server.IsOpen()) << at;
  }
  EXPECT_GT(failed, tried * 9 / 10);
}

TEST_F(ChannelTest, AuthoritiesThatAreNoneAreRefused) {
  EXPECT_TRUE(Context::CheckAuthorities(ServerSettings::Authority()).ok());
  EXPECT_TRUE(Context::CheckAuthorities("a comment\n" + ServerSettings::Authority() + "\n").ok());
  EXPECT_FALSE(Context::CheckAuthorities("").ok());
  EXPECT_FALSE(Context::CheckAuthorities("nothing of the kind").ok());
  std::string damaged = ServerSettings::Authority();
  damaged.replace(100, 2, "==");
  EXPECT_FALSE(Context::CheckAuthorities(damaged).ok());
}

}  // namespace
}  // namespace tls
