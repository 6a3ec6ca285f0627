#include "engine/delivery/sts_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace delivery {
namespace {

using base::Duration;
using tls::StsPolicy;

class ManualClock final : public io::Clock {
 public:
  base::Instant Now() const override { return now; }
  base::WallTime WallNow() const override {
    return base::WallTime::FromSeconds(1'800'000'000) + (now - base::Instant());
  }
  base::Instant now;
};

struct KeptLog final : base::Log {
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

// Answers at the next Turn.
class Names final : public dns::Resolver {
 public:
  void Resolve(std::string_view name, dns::RecordType type, Callback callback) override {
    asked.emplace_back(name);
    dns::Answer answer;
    answer.kind = dns::AnswerKind::kNoDomain;
    if (type == dns::RecordType::kTxt && !records.empty()) {
      answer.kind = dns::AnswerKind::kFound;
      for (const std::string& record : records) answer.records.emplace_back().text = record;
    }
    if (type == dns::RecordType::kA) {
      answer.kind = dns::AnswerKind::kFound;
      for (int i = 0; i < addresses; ++i) answer.records.emplace_back().address = address;
    }
    if (fails) answer = {};
    waiting.push_back([callback = std::move(callback), answer]() mutable { callback(answer); });
  }
  std::vector<std::string> records, asked;
  base::IpAddress address = *base::IpAddress::Parse("8.8.8.8");
  int addresses = 1;
  bool fails = false;
  std::deque<absl::AnyInvocable<void()>> waiting;
};

class Fetcher final : public tls::PolicyFetcher {
 public:
  void Fetch(std::string_view, std::vector<base::IpAddress> addresses, Callback callback) override {
    last_addresses = std::move(addresses);
    ++count;
    waiting.push_back(std::move(callback));
  }
  int count = 0;
  std::vector<base::IpAddress> last_addresses;
  std::deque<Callback> waiting;
};

constexpr char kEnforce[] = "version: STSv1\nmode: enforce\nmx: mx.one.example\nmax_age: 864000\n";

class StsPoliciesTest : public testing::Test {
 protected:
  void Turn() {
    while (!names_.waiting.empty()) {
      auto next = std::move(names_.waiting.front());
      names_.waiting.pop_front();
      next();
    }
  }
  // Null: no policy, or no answer yet.
  StsPolicies::Policy Ask() {
    has_answered_ = false;
    policies_.Lookup("one.example", /*anew=*/false, [this, told = &told_](const StsPolicies::Found& found) {
      has_answered_ = true;
      ASSERT_TRUE(found.has_value());
      *told = *found;
    });
    EXPECT_FALSE(has_answered_);
    Turn();
    return has_answered_ ? told_ : nullptr;
  }
  void Serve(absl::StatusOr<std::string> file) {
    ASSERT_FALSE(fetcher_.waiting.empty());
    auto callback = std::move(fetcher_.waiting.front());
    fetcher_.waiting.pop_front();
    callback(std::move(file));
  }

  ManualClock clock_;
  KeptLog log_;
  Names names_;
  Fetcher fetcher_;
  dns::MxLookup mx_{names_};
  tls::StsCache cache_;
  io::TimerWheel timers_{base::Instant()};
  StsPolicies policies_{{names_, mx_, fetcher_, cache_, clock_, timers_, log_}};
  bool has_answered_ = false;
  StsPolicies::Policy told_;
};

TEST_F(StsPoliciesTest, FourAddressesOfAHostWillDo) {
  names_.records = {"v=STSv1; id=1;"};
  names_.addresses = 100;
  Ask();
  EXPECT_EQ(fetcher_.last_addresses.size(), 4u);
}

TEST_F(StsPoliciesTest, M01_WithoutARecordNothingIsFetched) {
  EXPECT_EQ(Ask(), nullptr);
  EXPECT_TRUE(has_answered_);
  EXPECT_EQ(fetcher_.count, 0);
  EXPECT_THAT(names_.asked, testing::ElementsAre("_mta-sts.one.example"));
}

TEST_F(StsPoliciesTest, M02_ANewPolicyIsFetchedOnceAndHeldFor) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  Ask();
  EXPECT_FALSE(has_answered_);
  EXPECT_EQ(fetcher_.count, 1);
  Serve(std::string(kEnforce));
  EXPECT_TRUE(has_answered_);
  ASSERT_NE(told_, nullptr);
  EXPECT_EQ(told_->mode, StsPolicy::Mode::kEnforce);
  EXPECT_EQ(Ask()->id, "1");
  EXPECT_EQ(fetcher_.count, 1);
}

TEST_F(StsPoliciesTest, M02_PrivateAddressesAreNotAskedForPolicies) {
  names_.records = {"v=STSv1; id=1;"};
  names_.address = *base::IpAddress::Parse("10.0.0.1");
  EXPECT_EQ(Ask(), nullptr);
  EXPECT_TRUE(has_answered_);
  EXPECT_EQ(fetcher_.count, 0);
  EXPECT_EQ(log_.lines.size(), 1u);
}

TEST_F(StsPoliciesTest, M08_AFailureIsNotRepeatedAtOnceAndAKnownPolicyHolds) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  Serve(absl::UnavailableError("no"));
  EXPECT_TRUE(has_answered_);
  EXPECT_EQ(told_, nullptr);
  Ask();
  EXPECT_TRUE(has_answered_);
  EXPECT_EQ(fetcher_.count, 1);
  clock_.now = clock_.now + Duration::Minutes(11);
  Ask();
  EXPECT_EQ(fetcher_.count, 2);
  Serve(std::string(kEnforce));
  names_.records = {"v=STSv1; id=2;"};
  Ask();
  Serve(std::string("version: STSv2"));
  ASSERT_NE(told_, nullptr);
  EXPECT_EQ(told_->id, "1");
}

TEST_F(StsPoliciesTest, M02_WhereTheFetcherHasNoRoomTheMailWaits) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  for (int i = 2; i < 5; ++i) {
    Serve(absl::ResourceExhaustedError("too many"));
    EXPECT_FALSE(has_answered_);
    clock_.now = clock_.now + StsPolicies::kAskFetcherAgain;
    timers_.Advance(clock_.now);
    Turn();
    EXPECT_EQ(fetcher_.count, i);
  }
  Serve(std::string(kEnforce));
  EXPECT_TRUE(has_answered_);
  ASSERT_NE(told_, nullptr);
  EXPECT_TRUE(log_.lines.empty());
  // Nobody waits for a refresh.
  clock_.now = clock_.now + Duration::Hours(25);
  EXPECT_NE(Ask(), nullptr);
  Serve(absl::ResourceExhaustedError("too many"));
  EXPECT_FALSE(timers_.NextAt() < base::Instant::Never());
  EXPECT_NE(Ask(), nullptr);
  EXPECT_EQ(fetcher_.count, 6);
}

TEST_F(StsPoliciesTest, M02_SoManyWaitAtMostAndWhoIsKnownNeedsNoRoom) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  Serve(std::string(kEnforce));
  std::size_t told = 0, sent_away = 0;
  const auto ask = [&](const std::string& domain) {
    policies_.Lookup(domain, /*anew=*/false,
                     [&](const StsPolicies::Found& found) { ++(found.has_value() ? told : sent_away); });
    Turn();
  };
  for (std::size_t i = 0; i < StsPolicies::kWaitingMax; ++i) {
    EXPECT_EQ(policies_.room(), StsPolicies::kWaitingMax - i);
    ask("d" + std::to_string(i) + ".example");
  }
  EXPECT_EQ(told + sent_away, 0u);
  EXPECT_EQ(policies_.room(), 0u);
  ask("more.example");
  EXPECT_EQ(sent_away, 1u);
  EXPECT_EQ(fetcher_.waiting.size(), StsPolicies::kWaitingMax);
  EXPECT_NE(Ask(), nullptr);
  Serve(std::string(kEnforce));
  EXPECT_EQ(told, 1u);
  EXPECT_EQ(policies_.room(), 1u);
  ask("more.example");
  EXPECT_EQ(sent_away, 1u);
}

TEST_F(StsPoliciesTest, M08_WhatTheDnsHidesHoldsUntilItsTimeIsOver) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  Serve(std::string(kEnforce));
  names_.fails = true;
  EXPECT_NE(Ask(), nullptr);
  names_.fails = false;
  names_.records.clear();
  EXPECT_NE(Ask(), nullptr);
  clock_.now = clock_.now + Duration::Hours(24 * 10);
  EXPECT_EQ(Ask(), nullptr);
}

TEST_F(StsPoliciesTest, M08_AKnownPolicyIsRefreshedADayLaterWithoutWaiting) {
  names_.records = {"v=STSv1; id=1;"};
  Ask();
  Serve(std::string(kEnforce));
  clock_.now = clock_.now + Duration::Hours(25);
  EXPECT_NE(Ask(), nullptr);
  EXPECT_EQ(fetcher_.count, 2);
  Serve(std::string(kEnforce));
  clock_.now = clock_.now + Duration::Hours(24 * 9 + 23);
  names_.records.clear();
  EXPECT_NE(Ask(), nullptr);
}

}  // namespace
}  // namespace delivery
