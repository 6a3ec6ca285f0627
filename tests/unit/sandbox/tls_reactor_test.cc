// TLS of sink and sandbox over the real reactor, and what goes wrong with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/sandbox/reactor_fixture.h"
#include "tests/unit/sandbox/tls_client.h"
#include "tools/sandbox/openssl_tls.h"
#include "tools/sandbox/sandbox.h"
#include "tools/sandbox/sink.h"

namespace sandbox {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class TlsReactorTest : public ReactorTest {
 protected:
  TlsReactorTest() : authority_(*CertificateAuthority::Make()), tls_(*authority_) {}

  // EHLO and STARTTLS in clear. False: it was refused.
  bool StartTls(const io::Endpoint& server, Client& client, io::StreamId& id) {
    id = reactor_->Connect({server, std::nullopt}, client);
    EXPECT_TRUE(RunUntil([&] { return client.received.ends_with("\n"); }));
    client.received.clear();
    reactor_->Send(id, std::array{std::string_view("EHLO c.example\r\n")});
    EXPECT_TRUE(RunUntil([&] { return client.received.find("\r\n250 ") != std::string::npos; }));
    client.received.clear();
    reactor_->Send(id, std::array{std::string_view("STARTTLS\r\n")});
    EXPECT_TRUE(RunUntil([&] { return client.closed || client.received.ends_with("\n"); }));
    return std::exchange(client.received, {}).starts_with("220 ");
  }
  // Passes bytes between both until `done`.
  template <typename Done>
  bool Pump(io::StreamId id, Client& client, TlsClient& tls, Done done) {
    return RunUntil([&] {
      tls.Give(std::exchange(client.received, {}));
      const std::string bytes = tls.Take();
      if (!bytes.empty() && !client.closed) reactor_->Send(id, std::array{std::string_view(bytes)});
      return done();
    });
  }

  std::unique_ptr<CertificateAuthority> authority_;
  OpenSslServer tls_;
};

TEST_F(TlsReactorTest, SinkTakesMailUnderTlsAndCountsHandshakes) {
  SinkOptions options;
  options.save_directory = testing::TempDir() + "tls_sink_test";
  options.latency = base::Duration::Milliseconds(1);
  Sink sink({*reactor_, wheel_, clock_}, *disk_, log_, &tls_, options);
  const io::Endpoint server = *sink.Listen(kAnyPort);
  SSL_SESSION* session = nullptr;
  for (const bool again : {false, true}) {
    Client client;
    io::StreamId id{};
    ASSERT_TRUE(StartTls(server, client, id));
    TlsClient tls(*authority_->Pem(), "sink.example");
    if (again) tls.Resume(session);
    tls.Say("EHLO c.example\r\n" + Message("b@example.net", "1@x") + "QUIT\r\n");
    ASSERT_TRUE(Pump(id, client, tls, [&] { return client.closed; }));
    EXPECT_THAT(tls.received(), StartsWith("250-"));
    EXPECT_THAT(tls.received(), testing::Not(HasSubstr("STARTTLS")));
    EXPECT_THAT(tls.received(), EndsWith("250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"));
    EXPECT_TRUE(tls.goodbye());
    SSL_SESSION_free(session);
    session = tls.TakeSession();
  }
  SSL_SESSION_free(session);
  EXPECT_EQ(sink.totals().handshakes, 2u);
  EXPECT_EQ(sink.totals().resumed, 1u);
  EXPECT_THAT(sink.totals().violation_kinds, testing::ElementsAre(HasSubstr("in one group with EHLO")));  // Ours.
  EXPECT_THAT(*io::ReadFile(*disk_, options.save_directory + "/00000001.json", 1000), HasSubstr("\"tls\":true"));
}

TEST_F(TlsReactorTest, SinkSpeaksTlsFromTheFirstByteWhereItIsTold) {
  SinkOptions options;
  options.implicit_tls = true;
  Sink sink({*reactor_, wheel_, clock_}, *disk_, log_, &tls_, options);
  Client client;
  const io::StreamId id = reactor_->Connect({*sink.Listen(kAnyPort), std::nullopt}, client);
  ASSERT_TRUE(RunUntil([&] { return client.connected; }));
  TlsClient tls(*authority_->Pem(), "sink.example");
  ASSERT_TRUE(Pump(id, client, tls, [&] { return tls.received().starts_with("220 "); }));
  tls.Say("EHLO c.example\r\nQUIT\r\n");
  ASSERT_TRUE(Pump(id, client, tls, [&] { return client.closed; }));
  EXPECT_THAT(tls.received(), testing::Not(HasSubstr("STARTTLS")));
}

constexpr std::string_view kWorld = R"(
format = 1
[provider.reset]
mx = ["mx.reset.example"]
[provider.reset.tls]
starttls = "reset"
[provider.garbage]
mx = ["mx.garbage.example"]
tls = { starttls = "garbage" }
[provider.refused]
mx = ["mx.refused.example"]
tls = { starttls = "refused" }
[provider.off]
mx = ["mx.off.example"]
tls = { starttls = "off" }
[provider.old]
mx = ["mx.old.example"]
tls = { versions = ["TLSv1.2"], certificate = "expired" }
[provider.slow]
mx = ["mx.slow.example"]
rate_per_source = "1/h"
rate_reply = "450 4.7.1 slow down"
[[provider.slow.tarpit]]
at = "greeting"
delay = "60ms"
[provider.storm]
mx = ["mx.storm.example"]
recipients_per_message = 1
[[provider.storm.reply]]
at = "greeting"
reply = "421 4.3.2 storm"
every = "10 days"
lasts = "9 days"
[provider.rest]
weight = 1
)";

class TlsWorldTest : public TlsReactorTest {
 protected:
  TlsWorldTest()
      : sandbox_(*reactor_, wheel_, clock_, *ParsePersonality(kWorld, "world.toml")),
        zone_world_(*ParsePersonality(kWorld, "")) {
    EXPECT_TRUE(sandbox_.Start(kAnyPort).ok());
  }
  io::Endpoint Host(std::string_view name) {
    Zone zone(zone_world_);
    return {zone.Resolve(name, 1, clock_.Now()).records.at(0).address, sandbox_.ports().smtp};
  }
  Sandbox sandbox_;
  const Personality zone_world_;
};

TEST_F(TlsWorldTest, StartTlsBreaksAsThePersonalitySays) {
  Client reset;
  io::StreamId id{};
  ASSERT_TRUE(StartTls(Host("mx.reset.example"), reset, id));
  TlsClient tls("", "mx.reset.example");
  ASSERT_TRUE(Pump(id, reset, tls, [&] { return reset.closed; }));
  EXPECT_EQ(reset.reason.error, ECONNRESET);

  Client garbage;
  ASSERT_TRUE(StartTls(Host("mx.garbage.example"), garbage, id));
  TlsClient other("", "mx.garbage.example");
  ASSERT_TRUE(Pump(id, garbage, other, [&] { return garbage.closed; }));
  EXPECT_TRUE(other.failed());

  Client refused;
  EXPECT_FALSE(StartTls(Host("mx.refused.example"), refused, id));
  reactor_->Close(id, io::CloseMode::kNow);
  EXPECT_THAT(Talk(Host("mx.off.example"), "EHLO c.example\r\nQUIT\r\n"), testing::Not(HasSubstr("STARTTLS")));
  EXPECT_EQ(sandbox_.TotalsJson("").find("\"handshakes\":0") == std::string::npos, false);
}

TEST_F(TlsWorldTest, VersionsAndCertificatesAreThePersonalitys) {
  Client client;
  io::StreamId id{};
  ASSERT_TRUE(StartTls(Host("mx.old.example"), client, id));
  TlsClient tls(*sandbox_.AuthorityPem(), "mx.old.example");
  ASSERT_TRUE(Pump(id, client, tls, [&] { return tls.open(); }));
  EXPECT_EQ(tls.version(), "TLSv1.2");
  EXPECT_EQ(tls.verify_result(), X509_V_ERR_CERT_HAS_EXPIRED);
  reactor_->Close(id, io::CloseMode::kNow);

  Client good;
  ASSERT_TRUE(StartTls(Host("mx1.fine.example"), good, id));
  TlsClient trusting(*sandbox_.AuthorityPem(), "mx1.fine.example");
  trusting.Say("EHLO c.example\r\n" + Message("b@fine.example", "1@x") + "QUIT\r\n");
  ASSERT_TRUE(Pump(id, good, trusting, [&] { return good.closed; }));
  EXPECT_EQ(trusting.version(), "TLSv1.3");
  EXPECT_EQ(trusting.verify_result(), X509_V_OK);
  EXPECT_THAT(sandbox_.TotalsJson(""), HasSubstr("\"handshakes\":2,\"resumed\":0,\"encrypted_messages\":1"));
}

TEST_F(TlsWorldTest, TarpitsStormsAndRatesHold) {
  clock_.Update();
  const base::Instant begin = clock_.Now();
  const std::string text = "EHLO c.example\r\n" + Message("b@slow.example", "1@x") + Message("b@slow.example", "2@x");
  EXPECT_THAT(Talk(Host("mx.slow.example"), text + "QUIT\r\n"), HasSubstr("2.0.0 Ok\r\n450 4.7.1 slow down\r\n"));
  EXPECT_GE(clock_.Now() - begin, base::Duration::Milliseconds(60));
  EXPECT_EQ(Talk(Host("mx.storm.example"), ""), "421 4.3.2 storm\r\n");
}

}  // namespace
}  // namespace sandbox
