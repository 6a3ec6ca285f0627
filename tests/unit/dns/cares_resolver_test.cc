#include "dns/cares_resolver.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/cached_resolver.h"
#include "dns/wire.h"
#include "engine/base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/cares_resolver_fixture.h"

namespace dns {
namespace {

using base::Duration;
using testing::HasSubstr;

SmallServer::Handler Code(ResponseCode code) {
  return [code](const Query& query, bool) { return ResponseBuilder(query, code).Build(512); };
}

TEST_P(CaresResolverTest, GivesTheServersAnswer) {
  Serve(OneAddress);
  const Answer answer = Ask("Example.COM.");
  ASSERT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  EXPECT_EQ(answer.records.at(0).address.ToString(), "192.0.2.1");
  EXPECT_EQ(answer.ttl, Duration::Seconds(60));
  EXPECT_EQ(resolver_->outstanding(), 0U);
}

TEST_P(CaresResolverTest, AsksWithEdns1232) {
  std::uint16_t size = 0;
  Serve([&size](const Query& query, bool tcp) {
    size = query.udp_size;
    return OneAddress(query, tcp);
  });
  Ask();
  EXPECT_EQ(size, 1232);
}

TEST_P(CaresResolverTest, D01_TheAdBitCountsOnlyOfServersThatAreTrusted) {
  bool asked_for = false;
  Serve([&asked_for](const Query& query, bool) {
    asked_for = query.wants_authenticated;
    ResponseBuilder builder(query, ResponseCode::kNoError);
    Record record;
    record.text = "v=1";
    builder.AddAnswer(RecordType::kTxt, 60, record);
    builder.SetAuthenticated();
    return builder.Build(query.udp_size);
  });
  EXPECT_FALSE(Ask("a.example", RecordType::kTxt).authenticated);
  EXPECT_FALSE(asked_for);
  options_.trust_ad = true;
  resolver_.reset();
  const Answer answer = Ask("b.example", RecordType::kTxt);
  EXPECT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  EXPECT_TRUE(answer.authenticated);
  EXPECT_TRUE(asked_for);
}

TEST_P(CaresResolverTest, WithTheAdBitLongAnswersComeOverTcpToo) {
  options_.trust_ad = true;
  SmallServer& server = Serve([](const Query& query, bool tcp) {
    ResponseBuilder builder(query, ResponseCode::kNoError);
    Record record;
    record.text = std::string(3000, 't');
    builder.AddAnswer(RecordType::kTxt, 60, record);
    builder.SetAuthenticated();
    return builder.Build(tcp ? 65'535 : query.udp_size);
  });
  const Answer answer = Ask("a.example", RecordType::kTxt);
  EXPECT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  EXPECT_TRUE(answer.authenticated);
  EXPECT_EQ(server.tcp_queries, 1);
}

TEST_P(CaresResolverTest, NxdomainAndNoDataKeepTheTtlOfTheSoa) {
  Serve([](const Query& query, bool) {
    ResponseBuilder builder(query, query.type == 15 ? ResponseCode::kNoError : ResponseCode::kNoDomain);
    builder.AddSoa(90);
    return builder.Build(512);
  });
  const Answer none = Ask("gone.example");
  EXPECT_EQ(none.kind, AnswerKind::kNoDomain);
  EXPECT_EQ(none.ttl, Duration::Seconds(90));
  EXPECT_EQ(Ask("example.com", RecordType::kMx).kind, AnswerKind::kNoData);
}

TEST_P(CaresResolverTest, ServfailIsToldAtOnceWithTheServersName) {
  timeout_ = kLong;
  SmallServer& server = Serve(Code(ResponseCode::kServerFail));
  const Answer answer = Ask();
  EXPECT_EQ(answer.kind, AnswerKind::kServerFail);
  EXPECT_THAT(answer.detail, HasSubstr("SERVFAIL"));
  EXPECT_THAT(answer.detail, HasSubstr(server.address()));
  EXPECT_EQ(server.udp_queries, 1);
}

TEST_P(CaresResolverTest, ASilentServerIsATimeoutAfterAllTries) {
  SmallServer& server = Serve(Silence);
  const Answer answer = Ask();
  EXPECT_EQ(answer.kind, AnswerKind::kTimeout);
  EXPECT_THAT(answer.detail, HasSubstr(server.address()));
  EXPECT_EQ(server.udp_queries, 3);
  EXPECT_EQ(resolver_->queries(), 3U);
}

TEST_P(CaresResolverTest, ALostAnswerIsAskedForAgain) {
  int asked = 0;
  Serve([&asked](const Query& query, bool tcp) { return ++asked < 3 ? std::string() : OneAddress(query, tcp); });
  EXPECT_EQ(Ask().kind, AnswerKind::kFound);
}

TEST_P(CaresResolverTest, ATruncatedAnswerComesOverTcp) {
  timeout_ = kLong;
  SmallServer& server = Serve([](const Query& query, bool tcp) {
    ResponseBuilder builder(query, ResponseCode::kNoError);
    for (int i = 0; i < 200; ++i) {
      Record record;
      record.preference = static_cast<std::uint16_t>(i);
      record.name = absl::StrCat("exchanger-", i, ".example.com");
      builder.AddAnswer(RecordType::kMx, 60, record);
    }
    return builder.Build(tcp ? 65'535 : query.udp_size);
  });
  const Answer answer = Ask("example.com", RecordType::kMx);
  EXPECT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  EXPECT_EQ(answer.records.size(), 200U);
  EXPECT_EQ(server.udp_queries, 1);
  EXPECT_EQ(server.tcp_queries, 1);
}

TEST_P(CaresResolverTest, TheSecondServerAnswersForADeadOne) {
  SmallServer& dead = Serve(Silence);
  SmallServer& living = Serve(OneAddress);
  EXPECT_EQ(Ask().kind, AnswerKind::kFound);
  Ask();
  Ask();
  EXPECT_EQ(dead.udp_queries, 3);
  Ask();  // By now the dead server rests.
  EXPECT_EQ(dead.udp_queries, 3);
  EXPECT_GE(living.udp_queries, 4);
}

TEST_P(CaresResolverTest, TheSecondServerAnswersForOneThatRefuses) {
  Serve(Code(ResponseCode::kRefused));
  Serve(OneAddress);
  EXPECT_EQ(Ask().kind, AnswerKind::kFound);
}

TEST_P(CaresResolverTest, AServerThatRefusesEverythingIsAskedLaterThanOthers) {
  timeout_ = kLong;
  SmallServer& first = Serve(Code(ResponseCode::kRefused));
  Serve(OneAddress);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Ask(absl::StrCat("d", i, ".example")).kind, AnswerKind::kFound);
  EXPECT_GE(first.udp_queries, 10);
  EXPECT_LE(first.udp_queries, 12);  // Then it rests, for five seconds and longer.
}

// One server found that DNSSEC refuses what it was told: another that does not look says nothing about that.
TEST_P(CaresResolverTest, D02_WhereServersValidateServfailIsNotOverriddenByAnAnswerWithoutTheAdBit) {
  bool authenticates = false;
  Serve(Code(ResponseCode::kServerFail));
  Serve([&authenticates](const Query& query, bool) {
    ResponseBuilder builder(query, ResponseCode::kNoError);
    if (authenticates) builder.SetAuthenticated();
    return builder.Build(query.udp_size);
  });
  EXPECT_EQ(Ask("a.example", RecordType::kTlsa).kind, AnswerKind::kNoData);
  options_.trust_ad = true;
  resolver_.reset();
  EXPECT_EQ(Ask("b.example", RecordType::kTlsa).kind, AnswerKind::kServerFail);
  authenticates = true;
  EXPECT_EQ(Ask("c.example", RecordType::kTlsa).kind, AnswerKind::kNoData);
}

TEST_P(CaresResolverTest, NobodyListeningIsFoundOutWithoutWaiting) {
  std::string address;
  { address = SmallServer(Silence).address(); }
  options_.servers = {address};
  timeout_ = kLong;
  const base::Instant start = clock_.Now();
  EXPECT_EQ(Ask().kind, AnswerKind::kTimeout);
  EXPECT_LT(clock_.Now() - start, kLong);  // Three time-outs would be thrice as long.
}

TEST_P(CaresResolverTest, WhatIsNoNameIsNeverAsked) {
  SmallServer& server = Serve(OneAddress);
  EXPECT_EQ(Ask("a..b").kind, AnswerKind::kNoDomain);
  EXPECT_EQ(Ask(std::string(64, 'a') + ".example").kind, AnswerKind::kNoDomain);
  EXPECT_EQ(server.udp_queries, 0);
}

TEST_P(CaresResolverTest, NamesMayHaveAnyBytes) {
  std::string asked;
  Serve([&asked](const Query& query, bool tcp) {
    asked = query.name;
    return OneAddress(query, tcp);
  });
  for (const char* name : {"bounce+1.example", "[x].example", "a%40b!#$&'*/=?^`{|}~.example", "\"q(),:;<>@\".example",
                           "a\\032b.example", "a\\046b\\092.example", "\\000\\195\\188.example"}) {
    const Answer answer = Ask(name);
    EXPECT_EQ(answer.kind, AnswerKind::kFound) << name << ": " << answer.detail;
    EXPECT_EQ(asked, name);
  }
}

TEST_P(CaresResolverTest, WithoutEdnsAServerIsAskedInTheOldWay) {
  int with = 0;
  timeout_ = kLong;
  Serve([&with](const Query& query, bool tcp) {
    if (!query.edns) return OneAddress(query, tcp);
    ++with;
    return ResponseBuilder({.id = query.id, .name = query.name, .type = query.type}, ResponseCode::kFormatError)
        .Build(512);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask(absl::StrCat("a", i, ".example")).kind, AnswerKind::kFound);
  EXPECT_EQ(with, 1);  // It is remembered.
}

TEST_P(CaresResolverTest, WhileTheServersAreDownTheCacheTellsWhatItKnew) {
  bool down = false;
  SmallServer& server = Serve([&down](const Query& query, bool) {
    ResponseBuilder builder(query, ResponseCode::kNoError);
    Record record;
    record.address = *base::IpAddress::Parse("192.0.2.1");
    builder.AddAnswer(RecordType::kA, 1, record);
    return down ? std::string() : builder.Build(query.udp_size);
  });
  Start();
  CachedResolver::Options options;
  options.ttl_min = Duration::Milliseconds(1);
  CachedResolver cache(*resolver_, clock_, timers_, options);
  const auto ask = [&](const char* name) {
    std::optional<Answer> answer;
    cache.Resolve(name, RecordType::kA, [&answer](const Answer& found) { answer = found; });
    const base::Instant end = clock_.Now() + Duration::Seconds(20);
    while (!answer.has_value() && clock_.Now() < end) Turn();
    return answer.value_or(Answer());
  };
  EXPECT_EQ(ask("known.example").kind, AnswerKind::kFound);
  down = true;
  const int asked_before = server.udp_queries;
  const base::Instant over = clock_.Now() + Duration::Milliseconds(1001);
  while (clock_.Now() < over) Turn();
  const Answer stale = ask("known.example");
  ASSERT_EQ(stale.kind, AnswerKind::kFound) << stale.detail;
  EXPECT_EQ(stale.records.at(0).address.ToString(), "192.0.2.1");
  EXPECT_EQ(server.udp_queries, asked_before + 3);  // It was asked, in vain.
  EXPECT_EQ(cache.counters().stale, 1U);
  EXPECT_EQ(ask("unknown.example").kind, AnswerKind::kTimeout);
}

TEST_P(CaresResolverTest, ACallbackMayAskAgainAndEndTheResolver) {
  Serve(OneAddress);
  Start();
  bool done = false;
  resolver_->Resolve("a.example", RecordType::kA, [&](const Answer&) {
    resolver_->Resolve("b.example", RecordType::kA, [&](const Answer&) {
      resolver_.reset();
      done = true;
    });
  });
  const base::Instant end = clock_.Now() + Duration::Seconds(20);
  while (!done && clock_.Now() < end) Turn();
  EXPECT_TRUE(done);
  for (int i = 0; i < 5; ++i) Turn();
}

TEST_P(CaresResolverTest, ServersAreAddressesWithOrWithoutPort) {
  options_.servers = {"192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353"};
  Start();
  EXPECT_THAT(resolver_->Servers(),
              testing::ElementsAre("192.0.2.53:53", "192.0.2.53:5353", "[2001:db8::53]:53", "[2001:db8::53]:5353"));
  for (const char* bad : {"dns.example", "192.0.2.53:0", "192.0.2.53:99999", ""}) {
    options_.servers = {bad};
    const auto made = CaresResolver::Make(options_, *reactor_, clock_, timers_);
    ASSERT_FALSE(made.ok()) << bad;
    EXPECT_THAT(std::string(made.status().message()), HasSubstr("[IPV6]:PORT"));
  }
}

TEST_P(CaresResolverTest, WithoutServersTheSystemsAreUsed) {
  Start();
  EXPECT_FALSE(resolver_->Servers().empty());
}

INSTANTIATE_TEST_SUITE_P(Backends, CaresResolverTest, testing::Values(io::Backend::kEpoll, io::Backend::kIoUring),
                         [](const auto& backend) {
                           return backend.param == io::Backend::kEpoll ? "epoll" : "io_uring";
                         });

}  // namespace
}  // namespace dns
