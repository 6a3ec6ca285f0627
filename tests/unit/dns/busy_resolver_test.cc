#include <functional>
#include <string>

#include "tests/unit/dns/cares_resolver_fixture.h"

namespace dns {
namespace {

using base::Duration;

class BusyResolver : public CaresResolverTest {};

TEST_P(BusyResolver, HoldsTheRateAndTheNumberOutstanding) {
  SmallServer& server = Serve(Silence);
  options_.queries_per_second_max = 40;
  options_.outstanding_max = 3;
  options_.tries = 1;
  Start();
  int finished = 0;
  for (int i = 0; i < 8; ++i) resolver_->Resolve("example.com", RecordType::kA, [&](const Answer&) { ++finished; });
  const base::Instant end = clock_.Now() + Duration::Seconds(20);
  while (finished == 0 && clock_.Now() < end) {  // Until the first has timed out, no fourth is asked.
    EXPECT_LE(server.udp_queries, 3);
    Turn();
    EXPECT_LE(resolver_->outstanding(), 3U);
  }
  while (finished < 8 && clock_.Now() < end) {
    Turn();
    EXPECT_LE(resolver_->outstanding(), 3U);
  }
  EXPECT_EQ(finished, 8);
  EXPECT_EQ(server.udp_queries, 8);
}

TEST_P(BusyResolver, ManyQuestionsAtOnceAllGetTheirAnswers) {
  Serve(OneAddress);
  options_.queries_per_second_max = 100'000;
  Start();
  int found = 0;
  for (int i = 0; i < 1000; ++i) {
    resolver_->Resolve(absl::StrCat("host", i, ".example"), RecordType::kA,
                       [&found](const Answer& answer) { found += answer.kind == AnswerKind::kFound; });
  }
  const base::Instant end = clock_.Now() + Duration::Seconds(20);
  while (found < 1000 && clock_.Now() < end) Turn();
  EXPECT_EQ(found, 1000);
}

// RFC 5452 section 9.2: also where something is always under way, the port is another one now and then.
TEST_P(BusyResolver, AsksFromManyPorts) {
  const SmallServer& server = Serve([](const Query& query, bool tcp) {
    return query.name.starts_with("silent") ? std::string() : OneAddress(query, tcp);
  });
  options_.queries_per_second_max = 100'000;
  options_.tries = 1;
  Start();
  int asked = 0, ended = 0;
  const std::function<void()> ask = [&] {
    const std::string name = absl::StrCat(asked % 50 == 0 ? "silent" : "host", asked, ".example");
    ++asked;
    resolver_->Resolve(name, RecordType::kA, [&](const Answer&) {
      ++ended;
      if (asked < 1500) ask();
    });
  };
  for (int i = 0; i < 20; ++i) ask();
  const base::Instant end = clock_.Now() + Duration::Seconds(60);
  while (ended < asked && clock_.Now() < end) Turn();
  EXPECT_EQ(ended, 1500);
  EXPECT_GE(server.ports.size(), 1500U / 256);
  EXPECT_EQ(resolver_->outstanding(), 0U);
  EXPECT_EQ(Ask().kind, AnswerKind::kFound);
}

TEST_P(BusyResolver, DestroyedWithQuestionsUnderWayItCallsNobody) {
  Serve(Silence);
  Start();
  int heard = 0;
  for (int i = 0; i < 5; ++i) resolver_->Resolve("example.com", RecordType::kA, [&](const Answer&) { ++heard; });
  for (int i = 0; i < 5; ++i) Turn();
  EXPECT_GT(resolver_->outstanding(), 0U);
  resolver_.reset();
  for (int i = 0; i < 150; ++i) Turn();
  EXPECT_EQ(heard, 0);
}

INSTANTIATE_TEST_SUITE_P(Backends, BusyResolver, testing::Values(io::Backend::kEpoll, io::Backend::kIoUring),
                         [](const auto& backend) {
                           return backend.param == io::Backend::kEpoll ? "epoll" : "io_uring";
                         });

}  // namespace
}  // namespace dns
