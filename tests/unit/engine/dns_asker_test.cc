#include "engine/dns_asker.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace engine
