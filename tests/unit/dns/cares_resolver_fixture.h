// A resolver over c-ares whose servers are in the test.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/cares_resolver.h"
#include "dns/wire.h"
#include "engine/base/log.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/small_server.h"

namespace dns {

struct QuietLog final : base::Log {
  void Write(base::Severity, std::string_view) override {}
};

inline std::string OneAddress(const Query& query, bool /*tcp*/) {
  ResponseBuilder builder(query, ResponseCode::kNoError);
  Record record;
  record.address = *base::IpAddress::Parse("192.0.2.1");
  builder.AddAnswer(RecordType::kA, 60, record);
  return builder.Build(query.udp_size);
}

inline std::string Silence(const Query&, bool) { return ""; }

class CaresResolverTest : public testing::TestWithParam<io::Backend> {
 protected:
  void SetUp() override {
    io::ReactorOptions options;
    options.backend = GetParam();
    options.streams_max = 16;
    auto reactor = io::MakeReactor(options, log_);
    if (!reactor.ok()) GTEST_SKIP() << reactor.status();
    reactor_ = *std::move(reactor);
  }
  SmallServer& Serve(SmallServer::Handler handler) {
    servers_.push_back(std::make_unique<SmallServer>(std::move(handler)));
    options_.servers.push_back(servers_.back()->address());
    return *servers_.back();
  }
  void Start() {
    options_.timeout = timeout_;
    auto made = CaresResolver::Make(options_, *reactor_, clock_, timers_);
    ASSERT_TRUE(made.ok()) << made.status();
    resolver_ = *std::move(made);
  }
  void Turn() {
    reactor_->RunOnce(clock_.Now() + base::Duration::Milliseconds(2));
    clock_.Update();
    timers_.Advance(clock_.Now());
    for (const auto& server : servers_) server->Work();
  }
  Answer Ask(const std::string& name = "example.com", RecordType type = RecordType::kA) {
    if (resolver_ == nullptr) Start();
    std::optional<Answer> answer;
    resolver_->Resolve(name, type, [&answer](const Answer& found) { answer = found; });
    EXPECT_FALSE(answer.has_value());
    const base::Instant end = clock_.Now() + base::Duration::Seconds(20);
    while (!answer.has_value() && clock_.Now() < end) Turn();
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(Answer());
  }

  // Of a try. Tests in which nobody is silent wait for longer: they must not fail where the machine pauses.
  base::Duration timeout_ = base::Duration::Milliseconds(250);
  static constexpr base::Duration kLong = base::Duration::Seconds(6);
  QuietLog log_;
  io::SystemClock clock_;
  io::TimerWheel timers_{clock_.Now()};
  std::unique_ptr<io::Reactor> reactor_;
  std::vector<std::unique_ptr<SmallServer>> servers_;
  CaresResolver::Options options_;
  std::unique_ptr<CaresResolver> resolver_;
};

}  // namespace dns
