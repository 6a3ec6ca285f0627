#include "engine/dns_asker.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/small_server.h"
#include "tests/unit/engine/sandbox_thread.h"

namespace engine {
namespace {

using dns::RecordType;
using testing::HasSubstr;

config::DnsConfig ConfigFor(const SandboxThread& sandbox) {
  config::DnsConfig config;
  config.servers = {sandbox.ports().dns.ToString()};
  return config;
}

TEST(DnsAskerTest, WaitsForTheAnswer) {
  SandboxThread sandbox(*sandbox::BuiltInPersonality("faultfree"), io::Backend::kEpoll);
  const auto asker = DnsAsker::Make(ConfigFor(sandbox), base::Duration::Seconds(20));
  ASSERT_TRUE(asker.ok()) << asker.status();
  const dns::Answer found = (*asker)->Ask("Example.com", RecordType::kTxt);
  ASSERT_EQ(found.kind, dns::AnswerKind::kFound) << found.detail;
  EXPECT_THAT(found.records.front().text, HasSubstr("v=spf1"));
  EXPECT_EQ((*asker)->Ask("_nothing.example.com", RecordType::kTxt).kind, dns::AnswerKind::kNoData);
  EXPECT_EQ((*asker)->Ask("not a name", RecordType::kTxt).kind, dns::AnswerKind::kNoDomain);
}

TEST(DnsAskerTest, AsksTheSameQuestionOnce) {
  SandboxThread sandbox(*sandbox::BuiltInPersonality("faultfree"), io::Backend::kEpoll);
  const auto asker = DnsAsker::Make(ConfigFor(sandbox), base::Duration::Seconds(20));
  ASSERT_TRUE(asker.ok()) << asker.status();
  (*asker)->Begin({{"example.com", RecordType::kTxt}, {"example.com", RecordType::kMx}});
  (*asker)->Ask("example.com", RecordType::kMx);
  (*asker)->Ask("example.com", RecordType::kTxt);
  sandbox.Stop();  // Nobody answers any more.
  EXPECT_EQ((*asker)->Ask("EXAMPLE.com", RecordType::kMx).kind, dns::AnswerKind::kFound);
}

TEST(DnsAskerTest, WhenTheTimeIsOverThereIsNoAnswer) {
  config::DnsConfig nobody;
  nobody.servers = {"127.0.0.1:1"};
  const auto asker = DnsAsker::Make(nobody, base::Duration());
  ASSERT_TRUE(asker.ok()) << asker.status();
  const dns::Answer late = (*asker)->Ask("example.com", RecordType::kTxt);
  EXPECT_EQ(late.kind, dns::AnswerKind::kTimeout);
  EXPECT_EQ(late.detail, "no answer in time");
}

std::string Found(const dns::Query& query, bool /*tcp*/) {
  dns::ResponseBuilder builder(query, dns::ResponseCode::kNoError);
  dns::Record record;
  record.address = *base::IpAddress::Parse("192.0.2.1");
  builder.AddAnswer(RecordType::kA, 60, record);
  return builder.Build(query.udp_size);
}

// As a look at many sources: for each a question that follows from another's answer.
std::size_t CountFound(dns::Lookup& lookup, int sources) {
  std::size_t found = 0;
  for (int i = 0; i < sources; ++i) {
    if (lookup.Ask("first" + std::to_string(i) + ".test", RecordType::kA).kind != dns::AnswerKind::kFound) continue;
    if (lookup.Ask("then" + std::to_string(i) + ".test", RecordType::kA).kind == dns::AnswerKind::kFound) ++found;
  }
  return found;
}

TEST(DnsAskerTest, A02_InRoundsAllSourcesAreAskedAboutAtOnce) {
  dns::SmallServer server(&Found);
  config::DnsConfig config;
  config.servers = {server.address()};
  config.max_queries_per_second = 20'000;
  const auto asker = DnsAsker::Make(config, base::Duration::Seconds(60));
  ASSERT_TRUE(asker.ok()) << asker.status();
  std::vector<int> asked;  // So far, each time that something was.
  (*asker)->WhileWaiting([&] {
    server.Work();
    if (asked.empty() || asked.back() != server.udp_queries) asked.push_back(server.udp_queries);
    return true;
  });
  std::size_t found = 0;
  (*asker)->InRounds([&found](dns::Lookup& lookup) { found = CountFound(lookup, 50); });
  EXPECT_EQ(found, 50U);
  EXPECT_THAT(asked, testing::ElementsAre(50, 100));
}

TEST(DnsAskerTest, InRoundsTheLastOneTellsWhatHasNoAnswer) {
  dns::SmallServer server([](const dns::Query& query, bool tcp) {
    return query.name.starts_with("then3") ? std::string() : Found(query, tcp);
  });
  config::DnsConfig config;
  config.servers = {server.address()};
  config.max_queries_per_second = 20'000;
  const auto asker = DnsAsker::Make(config, base::Duration::Seconds(60));
  ASSERT_TRUE(asker.ok()) << asker.status();
  int turns_in_vain = 0;
  (*asker)->WhileWaiting([&] {
    const int before = server.udp_queries;
    server.Work();
    turns_in_vain = server.udp_queries == before ? turns_in_vain + 1 : 0;
    return turns_in_vain < 5;  // Whoever waits is told to stop.
  });
  std::size_t found = 0;
  (*asker)->InRounds([&found](dns::Lookup& lookup) { found = CountFound(lookup, 5); });
  EXPECT_EQ(found, 4U);
}

}  // namespace
}  // namespace engine
