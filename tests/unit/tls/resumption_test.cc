#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/tls/connection.h"
#include "tls/context.h"

namespace tls {
namespace {

using testing::Connection;
using testing::kTrusting;
using testing::kVerifying;
using testing::ServerSettings;

class ResumptionTest : public ::testing::Test {
 protected:
  // Connects, speaks, and ends it as a reset does: without a goodbye.
  bool IsResumed(ServerSettings& settings, Policy policy = kVerifying, std::string_view host = testing::kHostName,
                 std::string_view address = "192.0.2.1") {
    Connection c(context_, settings, policy, host, address);
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_TRUE(c.Send({"QUIT\r\n"}).ok());
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_EQ(c.server.plain, "QUIT\r\n");
    EXPECT_EQ(c.channel->info().verified, policy.verification != Policy::Verification::kNone);
    return c.channel->info().resumed;
  }
  ServerSettings modern_{{}};
  ServerSettings old_{{.tls13 = false}};
  ServerSettings old_without_tickets_{{.tls13 = false, .tickets = false}};
  Context context_{{.authorities = ServerSettings::Authority()}};
};

TEST_F(ResumptionTest, ResumesTls13AndUsesATicketOnce) {
  EXPECT_FALSE(IsResumed(modern_));
  EXPECT_EQ(context_.sessions().size(), 2u);  // OpenSSL gives two.
  {
    Connection a(context_, modern_), b(context_, modern_), c(context_, modern_);
    EXPECT_EQ(context_.sessions().size(), 0u);
    EXPECT_TRUE(a.Carry().ok() && b.Carry().ok() && c.Carry().ok());
    EXPECT_TRUE(a.channel->info().resumed && b.channel->info().resumed);
    EXPECT_FALSE(c.channel->info().resumed);
  }
  EXPECT_TRUE(IsResumed(modern_));
}

TEST_F(ResumptionTest, ResumesTls12AgainAndAgain) {
  for (ServerSettings* settings : {&old_, &old_without_tickets_}) {
    Context fresh({.authorities = ServerSettings::Authority()});
    EXPECT_FALSE(IsResumed(*settings, kTrusting));
    EXPECT_TRUE(IsResumed(*settings, kTrusting));
    EXPECT_TRUE(IsResumed(*settings, kTrusting));
    IsResumed(*settings, kTrusting, "other.example.com");
  }
}

TEST_F(ResumptionTest, D06_ASessionIsOfOneHostOneAddressAndOnePolicy) {
  EXPECT_FALSE(IsResumed(modern_));
  EXPECT_FALSE(IsResumed(modern_, kTrusting));
  EXPECT_FALSE(IsResumed(modern_, kVerifying, "a.wild.example.com"));
  EXPECT_FALSE(IsResumed(modern_, kVerifying, testing::kHostName, "192.0.2.7"));
  EXPECT_TRUE(IsResumed(modern_));
  EXPECT_TRUE(IsResumed(modern_, kTrusting));
}

TEST_F(ResumptionTest, AnotherServerBehindTheNameDoesNotKnowTheSession) {
  EXPECT_FALSE(IsResumed(modern_));
  ServerSettings other({});
  EXPECT_FALSE(IsResumed(other));  // A full handshake instead, not an error.
}

TEST_F(ResumptionTest, AFailedHandshakeForgetsWhatItOffered) {
  EXPECT_FALSE(IsResumed(modern_));
  Connection c(context_, modern_);
  EXPECT_EQ(context_.sessions().size(), 1u);
  EXPECT_FALSE(c.Feed("220 not TLS\r\n").ok());
  EXPECT_EQ(context_.sessions().size(), 0u);
}

TEST_F(ResumptionTest, ASessionIsWorthNothingWhereOthersAreTrusted) {
  const std::string others = ServerSettings::Authority() + ServerSettings::Authority();
  StoredSessions stored;
  const auto resumed = [&](const std::string& authorities, const Policy& policy) {
    Context context({.authorities = authorities, .stored_sessions = &stored});
    Connection c(context, modern_, policy);
    EXPECT_TRUE(c.Carry().ok());
    return c.channel->info().resumed;
  };
  EXPECT_FALSE(resumed(ServerSettings::Authority(), kVerifying));
  EXPECT_FALSE(resumed(others, kVerifying));
  EXPECT_TRUE(resumed(ServerSettings::Authority(), kVerifying));
  EXPECT_FALSE(resumed(ServerSettings::Authority(), kTrusting));
  EXPECT_TRUE(resumed(others, kTrusting)) << "nobody was asked";
}

TEST_F(ResumptionTest, WhereCertificatesAreOnlyObservedTheirEndIsSeenEachTime) {
  ServerSettings expired({.certificate = testing::CertificateKind::kExpired});
  for (int i = 0; i < 2; ++i) {
    Connection c(context_, expired, {Policy::Use::kWhereOffered, Policy::Verification::kObserved});
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_TRUE(c.Send({"QUIT\r\n"}).ok());
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_FALSE(c.channel->info().resumed);
    EXPECT_FALSE(c.channel->info().verified);
  }
  EXPECT_GT(context_.sessions().size(), 0u);
}

TEST(SessionKey, OfATrustAnchorIsOfTheDomainAndOfWhatItIsAnAliasOf) {
  const std::vector<TlsaRecord> anchor = {{.usage = 2, .selector = 1, .matching = 1, .data = std::string(32, 'a')}};
  const auto key = [&anchor](std::string_view domain, std::string_view canonical) {
    return SessionCache::KeyOf({.host_name = testing::kHostName,
                                .address = *base::IpAddress::Parse("192.0.2.1"),
                                .policy = kVerifying,
                                .tlsa = anchor,
                                .domain = domain,
                                .canonical_domain = canonical},
                               0);
  };
  EXPECT_EQ(key("a.example", "b.example"), key("a.example", "b.example"));
  EXPECT_NE(key("a.example", "b.example"), key("a.example", "c.example"));
  EXPECT_NE(key("a.example", "b.example"), key("c.example", "b.example"));
}

TEST_F(ResumptionTest, ASessionThatIsTooLargeIsNotKept) {
  const auto is_kept = [](const ServerSettings::Options& options) {
    ServerSettings settings(options);
    Context context({.authorities = ServerSettings::Authority()});
    for (const bool again : {false, true}) {
      Connection c(context, settings, kTrusting);
      EXPECT_TRUE(c.Carry().ok());
      EXPECT_EQ(c.channel->info().resumed, again && context.sessions().size() > 0);
    }
    return context.sessions().size() > 0;
  };
  for (const bool tls13 : {true, false}) {
    EXPECT_TRUE(is_kept({.tls13 = tls13, .ticket_bytes = 10'000}));
    EXPECT_FALSE(is_kept({.tls13 = tls13, .ticket_bytes = 20'000}));
    EXPECT_TRUE(is_kept({.tls13 = tls13, .chain_extra = 10}));
    EXPECT_FALSE(is_kept({.tls13 = tls13, .chain_extra = 60}));
  }
}

TEST_F(ResumptionTest, TheCacheIsBounded) {
  Context small({.authorities = ServerSettings::Authority(), .sessions_max = 5});
  for (int host = 0; host < 10; ++host) {
    Connection c(small, modern_, kTrusting, "h" + std::to_string(host) + ".example.com");
    ASSERT_TRUE(c.Carry().ok());
    EXPECT_LE(small.sessions().size(), 5u);
  }
  Connection newest(small, modern_, kTrusting, "h9.example.com"), oldest(small, modern_, kTrusting, "h0.example.com");
  EXPECT_TRUE(newest.Carry().ok() && oldest.Carry().ok());
  EXPECT_TRUE(newest.channel->info().resumed);
  EXPECT_FALSE(oldest.channel->info().resumed);

  Context roomy({.authorities = ServerSettings::Authority()});
  for (std::size_t i = 0; i < 2 * SessionCache::kPerServerMax; ++i) {
    ServerSettings other({});  // Another one each time: nothing is resumed, and nothing used up but one.
    Connection c(roomy, other, kTrusting);
    ASSERT_TRUE(c.Carry().ok());
  }
  EXPECT_LE(roomy.sessions().size(), SessionCache::kPerServerMax);
}

}  // namespace
}  // namespace tls
