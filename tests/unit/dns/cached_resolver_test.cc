#include "dns/cached_resolver.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/scripted_resolver.h"

namespace dns {
namespace {

using base::Duration;
using testing::ElementsAre;

class ManualClock final : public io::Clock {
 public:
  base::Instant Now() const override { return now; }
  base::WallTime WallNow() const override { return {}; }
  base::Instant now;
};

class CachedResolverTest : public testing::Test {
 protected:
  void Make(const CachedResolver::Options& options) {
    cache_ = std::make_unique<CachedResolver>(upstream_, clock_, timers_, options);
  }
  void Ask(const std::string& name, const std::string& tag = "") {
    cache_->Resolve(name, RecordType::kA, [this, tag](const Answer& answer) {
      heard_.push_back(tag);
      last_ = answer;
    });
  }
  void Pass(Duration time) {
    clock_.now = clock_.now + time;
    timers_.Advance(clock_.now);
  }
  // Whether the question goes on to the upstream; answers it then.
  bool IsAskedUpstream(const std::string& name, const Answer& answer = Addresses({"192.0.2.1"})) {
    Ask(name);
    const bool asked = upstream_.waiting() > 0;
    if (asked) upstream_.Reply(name, RecordType::kA, answer);
    Pass(Duration::Milliseconds(1));
    return asked;
  }

  ManualClock clock_;
  io::TimerWheel timers_{clock_.now};
  ScriptedResolver upstream_;
  std::unique_ptr<CachedResolver> cache_ =
      std::make_unique<CachedResolver>(upstream_, clock_, timers_, CachedResolver::Options());
  std::vector<std::string> heard_;
  Answer last_;
};

TEST_F(CachedResolverTest, KeepsAnAnswerForItsTtlAndTellsWhatIsLeft) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 10)));
  Pass(Duration::Seconds(9));
  EXPECT_FALSE(IsAskedUpstream("A.example."));
  EXPECT_EQ(last_.records.at(0).address.ToString(), "192.0.2.1");
  EXPECT_EQ(last_.ttl, Duration::Milliseconds(999));
  Pass(Duration::Seconds(1));
  EXPECT_TRUE(IsAskedUpstream("a.example"));
}

TEST_F(CachedResolverTest, WhoAsksAnewIsNotToldWhatIsKept) {
  EXPECT_TRUE(IsAskedUpstream("a.example"));
  const auto ask_anew = [this] {
    cache_->ResolveAnew("a.example", RecordType::kA, [this](const Answer& answer) { last_ = answer; });
  };
  ask_anew();
  ask_anew();
  ASSERT_EQ(upstream_.waiting(), 1U) << "once";
  upstream_.Reply("a.example", RecordType::kA, Addresses({"192.0.2.2"}));
  EXPECT_EQ(last_.records.at(0).address.ToString(), "192.0.2.2");
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  EXPECT_EQ(last_.records.at(0).address.ToString(), "192.0.2.2") << "that is kept now";
  ask_anew();
  upstream_.Reply("a.example", RecordType::kA, Nothing(AnswerKind::kTimeout));
  EXPECT_EQ(last_.kind, AnswerKind::kFound) << "what is known stands in";
}

// A domain bounces where it is told twice that it does not exist: one answer is not to count for two.
TEST_F(CachedResolverTest, WhoAsksAnewIsNotToldAnOldNoWhereTheQuestionFails) {
  for (const AnswerKind no : {AnswerKind::kNoDomain, AnswerKind::kNoData}) {
    Make({});
    EXPECT_TRUE(IsAskedUpstream("a.example", Nothing(no)));
    cache_->ResolveAnew("a.example", RecordType::kA, [this](const Answer& answer) { last_ = answer; });
    upstream_.Reply("a.example", RecordType::kA, Nothing(AnswerKind::kServerFail, 0, "SERVFAIL"));
    EXPECT_EQ(last_.kind, AnswerKind::kServerFail);
    EXPECT_FALSE(IsAskedUpstream("a.example"));
    EXPECT_EQ(last_.kind, no) << "others are told what still holds";
  }
}

TEST_F(CachedResolverTest, TypesAreKeptApart) {
  EXPECT_TRUE(IsAskedUpstream("a.example"));
  cache_->Resolve("a.example", RecordType::kAaaa, [](const Answer&) {});
  EXPECT_EQ(upstream_.waiting(), 1U);
}

TEST_F(CachedResolverTest, NeverCallsBackWithinTheCallAndKeepsTheOrder) {
  EXPECT_TRUE(IsAskedUpstream("a.example"));
  EXPECT_TRUE(IsAskedUpstream("b.example"));
  heard_.clear();
  Ask("b.example", "1");
  Ask("a.example", "2");
  Ask("b.example", "3");
  EXPECT_TRUE(heard_.empty());
  Pass(Duration::Milliseconds(1));
  EXPECT_THAT(heard_, ElementsAre("1", "2", "3"));
}

TEST_F(CachedResolverTest, EqualQuestionsUnderWayAreAskedOnce) {
  Ask("a.example", "1");
  Ask("A.EXAMPLE", "2");
  EXPECT_EQ(upstream_.waiting(), 1U);
  upstream_.Reply("a.example", RecordType::kA, Nothing(AnswerKind::kNoData, 0));
  EXPECT_THAT(heard_, ElementsAre("1", "2"));
  EXPECT_EQ(cache_->counters().coalesced, 1U);
}

TEST_F(CachedResolverTest, AVeryShortTtlIsStretched) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 0)));
  Pass(Duration::Seconds(4));
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  Pass(Duration::Seconds(1));
  EXPECT_TRUE(IsAskedUpstream("a.example"));
}

TEST_F(CachedResolverTest, ANegativeAnswerIsKeptForTheTimeAllowedAndNotLonger) {
  CachedResolver::Options options;
  options.negative_ttl_max = Duration::Seconds(30);
  Make(options);
  EXPECT_TRUE(IsAskedUpstream("none.example", Nothing(AnswerKind::kNoDomain, 3600)));
  Pass(Duration::Seconds(29));
  EXPECT_FALSE(IsAskedUpstream("none.example"));
  Pass(Duration::Seconds(1));
  EXPECT_TRUE(IsAskedUpstream("none.example"));
}

TEST_F(CachedResolverTest, WhatIsAskedForOftenIsRenewedBeforeItsTimeIsOver) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 100)));
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  Pass(Duration::Seconds(95));
  heard_.clear();
  Ask("a.example", "told");
  Ask("a.example", "at once");
  Pass(Duration::Milliseconds(1));
  EXPECT_THAT(heard_, ElementsAre("told", "at once"));
  ASSERT_EQ(upstream_.waiting(), 1U);
  upstream_.Reply("a.example", RecordType::kA, Addresses({"192.0.2.2"}, 100));
  Pass(Duration::Seconds(50));
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  EXPECT_EQ(last_.records.at(0).address.ToString(), "192.0.2.2");
  EXPECT_EQ(cache_->counters().prefetched, 1U);
}

// Also of records that never stand in afterwards.
TEST_F(CachedResolverTest, ARenewalThatFailsTakesNothingAway) {
  for (const RecordType type : {RecordType::kA, RecordType::kTlsa}) {
    const auto ask = [&] {
      cache_->Resolve("_25._tcp.mx.example", type, [this](const Answer& told) { last_ = told; });
      Pass(Duration::Milliseconds(1));
    };
    ask();
    upstream_.Reply("_25._tcp.mx.example", type, Nothing(AnswerKind::kNoData, 100));
    ask();
    Pass(Duration::Seconds(92));
    ask();
    ASSERT_EQ(upstream_.waiting(), 1U);
    upstream_.Reply("_25._tcp.mx.example", type, Nothing(AnswerKind::kServerFail, 0));
    ask();
    EXPECT_EQ(last_.kind, AnswerKind::kNoData);
    EXPECT_EQ(upstream_.waiting(), 0U);  // Not at once again.
    Pass(Duration::Seconds(6));
    ask();
    EXPECT_EQ(upstream_.waiting(), 1U);
    upstream_.Reply("_25._tcp.mx.example", type, Nothing(AnswerKind::kNoData, 100));
  }
}

TEST_F(CachedResolverTest, WhatIsAskedForOnceIsNotRenewed) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 100)));
  Pass(Duration::Seconds(95));
  EXPECT_FALSE(IsAskedUpstream("a.example"));
}

TEST_F(CachedResolverTest, AnOldAnswerStandsInForOneThatFails) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 60)));
  Pass(Duration::Hours(23));
  EXPECT_TRUE(IsAskedUpstream("a.example", Nothing(AnswerKind::kTimeout, 0, "silent")));
  ASSERT_EQ(last_.kind, AnswerKind::kFound);
  EXPECT_EQ(last_.ttl, Duration::Seconds(30));
  Pass(Duration::Seconds(20));
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  Pass(Duration::Seconds(10));
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.2"}, 60)));
  EXPECT_EQ(last_.records.at(0).address.ToString(), "192.0.2.2");
  Pass(Duration::Hours(25));
  EXPECT_TRUE(IsAskedUpstream("a.example", Nothing(AnswerKind::kServerFail, 0)));
  EXPECT_EQ(last_.kind, AnswerKind::kServerFail);
}

TEST_F(CachedResolverTest, ThatADomainIsGoneIsNeverTakenFromAnOldAnswer) {
  EXPECT_TRUE(IsAskedUpstream("gone.example", Nothing(AnswerKind::kNoDomain, 60)));
  Pass(Duration::Seconds(61));
  EXPECT_TRUE(IsAskedUpstream("gone.example", Nothing(AnswerKind::kTimeout, 0)));
  EXPECT_EQ(last_.kind, AnswerKind::kTimeout);
}

TEST_F(CachedResolverTest, D02_OldTlsaRecordsNeverStandIn) {
  const auto ask = [this](const Answer& answer) {
    cache_->Resolve("_25._tcp.mx.example", RecordType::kTlsa, [this](const Answer& told) { last_ = told; });
    upstream_.Reply("_25._tcp.mx.example", RecordType::kTlsa, answer);
  };
  ask(Nothing(AnswerKind::kNoData, 60));
  Pass(Duration::Seconds(61));
  ask(Nothing(AnswerKind::kServerFail, 0));
  EXPECT_EQ(last_.kind, AnswerKind::kServerFail);
}

TEST_F(CachedResolverTest, D02_OldAliasesNeverStandInOnTheWayToTlsaRecords) {
  const auto ask = [this](const Answer& answer) {
    cache_->Resolve("mx.example", RecordType::kCname, [this](const Answer& told) { last_ = told; });
    upstream_.Reply("mx.example", RecordType::kCname, answer);
  };
  ask(Nothing(AnswerKind::kNoData, 60));
  Pass(Duration::Seconds(61));
  ask(Nothing(AnswerKind::kServerFail, 0));
  EXPECT_EQ(last_.kind, AnswerKind::kServerFail);
}

TEST_F(CachedResolverTest, D01_WhatDnssecVouchedForNeverStandsIn) {
  Answer found = Addresses({"192.0.2.1"}, 60), nothing = Nothing(AnswerKind::kNoData, 60);
  for (Answer* answer : {&found, &nothing}) {
    for (const bool authenticated : {true, false}) {
      answer->authenticated = authenticated;
      EXPECT_TRUE(IsAskedUpstream("a.example", *answer));
      EXPECT_EQ(last_.authenticated, authenticated);
      Pass(Duration::Seconds(61));
      EXPECT_TRUE(IsAskedUpstream("a.example", Nothing(AnswerKind::kServerFail, 0)));
      EXPECT_EQ(last_.kind, authenticated ? AnswerKind::kServerFail : answer->kind);
      EXPECT_FALSE(last_.authenticated);
      Pass(Duration::Minutes(1));
    }
  }
}

TEST_F(CachedResolverTest, ATtlOfZeroIsNotKeptWhereNothingIsStretched) {
  CachedResolver::Options options;
  options.ttl_min = Duration();
  Make(options);
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 0)));
  EXPECT_TRUE(IsAskedUpstream("a.example"));
}

TEST_F(CachedResolverTest, NegativeAnswersAreKeptAndFailuresShortly) {
  EXPECT_TRUE(IsAskedUpstream("none.example", Nothing(AnswerKind::kNoDomain, 300)));
  EXPECT_TRUE(IsAskedUpstream("fail.example", Nothing(AnswerKind::kTimeout, 0, "silent")));
  Pass(Duration::Seconds(4));
  EXPECT_FALSE(IsAskedUpstream("fail.example"));
  EXPECT_EQ(last_.detail, "silent");
  Pass(Duration::Seconds(1));
  EXPECT_TRUE(IsAskedUpstream("fail.example"));
  EXPECT_FALSE(IsAskedUpstream("none.example"));
  EXPECT_EQ(last_.kind, AnswerKind::kNoDomain);
}

TEST_F(CachedResolverTest, AVeryLongTtlIsCut) {
  EXPECT_TRUE(IsAskedUpstream("a.example", Addresses({"192.0.2.1"}, 0x7FFF'FFFF)));
  Pass(Duration::Hours(24));
  EXPECT_TRUE(IsAskedUpstream("a.example"));
}

TEST_F(CachedResolverTest, TheLeastRecentlyUsedEntryGoesFirst) {
  CachedResolver::Options options;
  options.entries_max = 2;
  Make(options);
  IsAskedUpstream("a.example");
  IsAskedUpstream("b.example");
  IsAskedUpstream("a.example");
  IsAskedUpstream("c.example");
  EXPECT_EQ(cache_->entries(), 2U);
  EXPECT_EQ(cache_->counters().evicted, 1U);
  EXPECT_FALSE(IsAskedUpstream("a.example"));
  EXPECT_TRUE(IsAskedUpstream("b.example"));
}

TEST_F(CachedResolverTest, BytesAreBounded) {
  CachedResolver::Options options;
  options.bytes_max = 10'000;
  Make(options);
  for (int i = 0; i < 200; ++i) IsAskedUpstream(absl::StrCat("host", i, ".example"));
  EXPECT_LE(cache_->bytes(), 10'000U);
  EXPECT_GT(cache_->entries(), 5U);
  EXPECT_LT(cache_->entries(), 200U);
}

TEST_F(CachedResolverTest, ACallbackMayAskAgainOrEndTheResolver) {
  IsAskedUpstream("a.example");
  int heard = 0;
  cache_->Resolve("a.example", RecordType::kA, [&](const Answer&) {
    ++heard;
    cache_->Resolve("a.example", RecordType::kA, [&](const Answer&) {
      ++heard;
      cache_.reset();
    });
    cache_->Resolve("a.example", RecordType::kA, [&](const Answer&) { ++heard; });
  });
  Pass(Duration::Milliseconds(1));
  EXPECT_EQ(heard, 1);
  Pass(Duration::Milliseconds(1));
  EXPECT_EQ(heard, 2);
}

TEST_F(CachedResolverTest, NobodyIsCalledAfterTheEnd) {
  Ask("a.example");
  cache_.reset();
  upstream_.Reply("a.example", RecordType::kA, Addresses({"192.0.2.1"}));
  EXPECT_TRUE(heard_.empty());
}

}  // namespace
}  // namespace dns
