// Sink and sandbox over the real reactor, with a scripted client in the same thread.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "dns/wire.h"
#include "tests/unit/sandbox/reactor_fixture.h"
#include "tools/sandbox/sandbox.h"
#include "tools/sandbox/sink.h"

namespace sandbox {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ReactorTest, SinkCountsMessagesAndDuplicates) {
  Sink sink({*reactor_, wheel_, clock_}, *disk_, log_, nullptr, {});
  const io::Endpoint server = *sink.Listen(kAnyPort);
  const std::string said =
      Talk(server, "EHLO c.example\r\n" + Message("b@example.net", "1@x") + Message("B@example.net", "1@x") +
                       Message("b@example.net", "2@x") + "QUIT\r\n");
  EXPECT_THAT(said, EndsWith("221 2.0.0 Bye\r\n"));
  EXPECT_EQ(sink.totals().messages, 3u);
  EXPECT_EQ(sink.totals().duplicates, 1u);
  EXPECT_EQ(sink.closed_connections(), 1u);
  EXPECT_THAT(sink.TotalsJson(), HasSubstr("\"connections\":1,\"messages\":3,\"recipients\":3,\"duplicates\":1"));
}

TEST_F(ReactorTest, SinkDelaysRefusesLimitsAndHangsUpAsTold) {
  SinkOptions options;
  options.latency = base::Duration::Milliseconds(40);
  options.messages_per_connection = 1;
  options.replies.push_back(*ParseReplyRule("noop:450 4.0.0 no"));
  Sink sink({*reactor_, wheel_, clock_}, *disk_, log_, nullptr, options);
  const io::Endpoint server = *sink.Listen(kAnyPort);
  clock_.Update();
  const base::Instant begin = clock_.Now();
  const std::string said = Talk(server, "EHLO c.example\r\nNOOP\r\n" + Message("permfail@example.net", "1@x") +
                                            "RSET\r\nMAIL FROM:<a@example.com>\r\nNOOP\r\n");
  EXPECT_THAT(said, HasSubstr("450 4.0.0 no\r\n250 2.1.0 Ok\r\n550 5.1.1 "));
  EXPECT_THAT(said, EndsWith("421 4.7.0 Max message per connection reached, closing\r\n"));
  EXPECT_GE(clock_.Now() - begin, base::Duration::Milliseconds(80));  // Greeting and replies, one after the other.

  SinkOptions rude;
  rude.disconnect_at = Phase::kGreeting;
  Sink silent({*reactor_, wheel_, clock_}, *disk_, log_, nullptr, rude);
  EXPECT_EQ(Talk(*silent.Listen(kAnyPort), "EHLO c.example\r\n"), "");
}

TEST_F(ReactorTest, SinkSavesMessagesUnstuffedWithTheirEnvelope) {
  SinkOptions options;
  options.save_directory = testing::TempDir() + "sink_test";
  Sink sink({*reactor_, wheel_, clock_}, *disk_, log_, nullptr, options);
  const io::Endpoint server = *sink.Listen(kAnyPort);
  Client client;
  const io::StreamId id = reactor_->Connect({server, std::nullopt}, client);
  const auto say = [&](std::string_view text, std::string_view until) {
    client.received.clear();
    reactor_->Send(id, std::array{text});
    return RunUntil([&] { return client.received.starts_with(until); });
  };
  ASSERT_TRUE(RunUntil([&] { return client.received.starts_with("220 "); }));
  ASSERT_TRUE(say("EHLO c.example\r\n", "250"));
  ASSERT_TRUE(say("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n", "250"));
  ASSERT_TRUE(RunUntil([&] { return client.received.find("2.1.5") != std::string::npos; }));
  ASSERT_TRUE(say("DATA\r\n", "354"));
  ASSERT_TRUE(say("S: x\r\n\r\n..\r\n.\r\n", "250"));
  reactor_->Close(id, io::CloseMode::kReset);
  EXPECT_EQ(*io::ReadFile(*disk_, options.save_directory + "/00000001.eml", 1000), "S: x\r\n\r\n.\r\n");
  const std::string envelope = *io::ReadFile(*disk_, options.save_directory + "/00000001.json", 1000);
  EXPECT_THAT(envelope, HasSubstr("\"sender\":\"a@example.com\",\"recipients\":[\"b@example.net\"],\"size\":11"));
  EXPECT_TRUE(RunUntil([&] { return sink.closed_connections() == 1; }));
}

constexpr std::string_view kWorld = R"(
format = 1
[provider.deaf]
domains = ["deaf.example"]
mx = ["mx.deaf.example"]
hang_up = { content = "100%" }
[provider.full]
domains = ["full.example"]
mx = ["mx.full.example"]
unknown_users = "100%"
messages_per_connection = 2
[provider.grey]
domains = ["grey.example"]
mx = ["mx.grey.example"]
greylist = "100ms"
[provider.later]
domains = ["later.example"]
mx = ["mx.later.example"]
connections_per_source = 1
[[provider.later.reply]]
at = "content"
reply = "451 4.3.0 later"
attempts = 1
[provider.rest]
weight = 1
)";

class SandboxTest : public ReactorTest {
 protected:
  SandboxTest()
      : sandbox_(*reactor_, wheel_, clock_, *ParsePersonality(kWorld, "world.toml")),
        zone_world_(*ParsePersonality(kWorld, "")) {
    EXPECT_TRUE(sandbox_.Start(kAnyPort).ok());
  }
  io::Endpoint Host(std::string_view name) {
    Zone zone(zone_world_);
    return {zone.Resolve(name, 1, clock_.Now()).records.at(0).address, sandbox_.ports().smtp};
  }
  std::string Send(std::string_view domain, const std::string& after = "QUIT\r\n") {
    return Talk(Host("mx." + std::string(domain)),
                "EHLO c.example\r\n" + Message("u@" + std::string(domain), "1@x") + "RSET\r\n" + after);
  }
  Sandbox sandbox_;
  const Personality zone_world_;
};

TEST_F(SandboxTest, ProvidersBehaveAsTheirPersonalitySays) {
  EXPECT_THAT(Send("deaf.example"), EndsWith("250 2.1.5 Ok\r\n"));  // Accepted, and gone without a word.
  EXPECT_EQ(sandbox_.oracle().totals().accepted_silent, 1u);
  EXPECT_THAT(Send("full.example"), HasSubstr("\r\n550 5.1.1 "));
  EXPECT_EQ(sandbox_.oracle().totals().permanent, 1u);
  const std::string mail = "MAIL FROM:<a@example.com>\r\nRSET\r\n";
  EXPECT_THAT(Send("full.example", mail + mail), EndsWith("421 4.7.0 Max message per connection reached, closing\r\n"));
  EXPECT_THAT(Send("later.example"), HasSubstr("\r\n451 4.3.0 later\r\n"));
  EXPECT_THAT(Send("later.example"), HasSubstr("\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n221 "));
  EXPECT_EQ(sandbox_.oracle().totals().accepted, 1u);
  EXPECT_THAT(sandbox_.TotalsJson("o.csv"), HasSubstr("\"accepted\":1,\"accepted_silent\":1,\"duplicates\":0"));
}

TEST_F(SandboxTest, GreylistingPassesTheSecondAttemptAfterTheWait) {
  EXPECT_THAT(Send("grey.example"), HasSubstr("\r\n451 4.7.1 Greylisted"));
  const base::Instant begin = clock_.Now();
  RunUntil([&] { return clock_.Now() > begin + base::Duration::Milliseconds(150); });
  EXPECT_THAT(Send("grey.example"), HasSubstr("2.1.5 Ok\r\n250 2.0.0 Ok\r\n"));
}

TEST_F(SandboxTest, LimitsTheConnectionsOfASource) {
  Client first;
  const io::StreamId id = reactor_->Connect({Host("mx.later.example"), std::nullopt}, first);
  ASSERT_TRUE(RunUntil([&] { return first.received.starts_with("220 "); }));
  EXPECT_THAT(Talk(Host("mx.later.example"), ""), StartsWith("421 4.7.0 Too many"));
  reactor_->Close(id, io::CloseMode::kNow);
}

TEST_F(SandboxTest, AnswersDnsOverTcpInPieces) {
  Client client;
  const io::StreamId id = reactor_->Connect({sandbox_.ports().dns, std::nullopt}, client);
  ASSERT_TRUE(RunUntil([&] { return client.connected; }));
  const std::string query = dns::BuildQuery(7, "deaf.example", dns::RecordType::kMx);
  const std::string framed = std::string{'\0', static_cast<char>(query.size())} + query;
  for (const char& byte : framed) {
    reactor_->Send(id, std::array{std::string_view(&byte, 1)});
    reactor_->RunOnce(clock_.Now());
  }
  ASSERT_TRUE(RunUntil([&] { return client.received.size() > 2; }));
  const dns::Answer answer =
      dns::ParseAnswer(std::string_view(client.received).substr(2), "deaf.example", dns::RecordType::kMx);
  ASSERT_EQ(answer.records.size(), 1u);
  EXPECT_EQ(answer.records[0].name, "mx.deaf.example");
  reactor_->Close(id, io::CloseMode::kNow);
  Client other;
  EXPECT_FALSE(
      Sandbox(*reactor_, wheel_, clock_, *BuiltInPersonality("none")).Start(*io::Endpoint::Parse("192.0.2.1:0")).ok());
}

}  // namespace
}  // namespace sandbox
