#include "engine/dkim_watch.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/scripted_resolver.h"

namespace engine {
namespace {

using base::Duration;
using testing::HasSubstr;

constexpr char kName[] = "s1._domainkey.example.com";
constexpr char kRecord[] = "v=DKIM1; k=rsa; p=AAAA";

dns::Answer Text(const std::string& text) {
  dns::Answer answer;
  answer.kind = dns::AnswerKind::kFound;
  answer.records.emplace_back().text = text;
  return answer;
}

class DkimWatchTest : public testing::Test {
 protected:
  // Nothing is asked before this much time has gone by, unless it is `at_once`, and then this is the answer.
  std::optional<delivery::PauseReason> After(Duration time, const dns::Answer& answer, bool at_once = false) {
    if (!at_once) {
      EXPECT_FALSE(watch_.Poll(now_ + time - Duration::Milliseconds(1)).has_value());
    }
    EXPECT_EQ(resolver_.waiting(), 0u);
    now_ = now_ + time;
    EXPECT_FALSE(watch_.Poll(now_).has_value());
    EXPECT_EQ(resolver_.waiting(), 1u);
    resolver_.Reply(kName, dns::RecordType::kTxt, answer);
    return watch_.Poll(now_);
  }

  void SetUp() override {  // It was looked at before the start, where the DNS gave an answer in time.
    EXPECT_FALSE(After(Duration::Minutes(1), first_).has_value());
  }

  dns::Answer first_ = Text(kRecord);
  dns::ScriptedResolver resolver_;
  base::Instant now_;
  DkimWatch watch_{{{kName, "example.com", "", kRecord}}, resolver_, {}, now_};
};

class UnansweredDkimWatchTest : public DkimWatchTest {
 protected:
  UnansweredDkimWatchTest() { first_ = dns::Nothing(dns::AnswerKind::kTimeout); }
};

TEST_F(UnansweredDkimWatchTest, WhatNobodyCouldTellBeforeTheStartIsAskedForEachMinute) {
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(After(Duration::Minutes(1), dns::Nothing(dns::AnswerKind::kServerFail)).has_value());
  EXPECT_FALSE(After(Duration::Minutes(1), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());
  EXPECT_TRUE(After(Duration::Seconds(61), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());
}

TEST_F(DkimWatchTest, LooksEveryHour) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(After(Duration::Hours(1), Text(kRecord)).has_value());
}

TEST_F(DkimWatchTest, TwoAnswersThatItIsGonePauseTheCampaign) {
  EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());
  // The resolver remembers the first answer for its time to live: it is asked again after that.
  const auto pause = After(Duration::Seconds(61), dns::Nothing(dns::AnswerKind::kNoData));
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "dkim");
  EXPECT_TRUE(pause->scope.IsCampaign());
  EXPECT_EQ(
      pause->reason,
      "s1._domainkey.example.com is not published; publish: s1._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=AAAA\"");
}

TEST(DkimWatch, AnAnswerThatTheResolverRemembersCountsOnceWhereItLooksOften) {
  dns::ScriptedResolver resolver;
  base::Instant now;
  DkimWatch watch({{kName, "example.com", "", kRecord}}, resolver, DkimWatch::Every(Duration::Seconds(10)), now);
  dns::Answer gone = dns::Nothing(dns::AnswerKind::kNoDomain);
  gone.ttl = Duration::Minutes(5);
  now = now + Duration::Seconds(10);
  EXPECT_FALSE(watch.Poll(now).has_value());
  resolver.Reply(kName, dns::RecordType::kTxt, gone);
  EXPECT_FALSE(watch.Poll(now).has_value());
  now = now + Duration::Minutes(5);
  EXPECT_FALSE(watch.Poll(now).has_value());
  EXPECT_EQ(resolver.waiting(), 0u);
  now = now + Duration::Seconds(1);
  EXPECT_FALSE(watch.Poll(now).has_value());
  EXPECT_EQ(resolver.waiting(), 1u);
}

TEST_F(DkimWatchTest, AnotherKeyPausesToo) {
  EXPECT_FALSE(After(Duration::Hours(1), Text("v=DKIM1; p=BBBB")).has_value());
  const auto pause = After(Duration::Minutes(1), Text("v=DKIM1; p="));
  ASSERT_TRUE(pause.has_value());
  EXPECT_THAT(pause->reason, HasSubstr("revoked"));
}

TEST_F(DkimWatchTest, AGoodAnswerBetweenForgives) {
  EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());
  EXPECT_FALSE(After(Duration::Seconds(61), Text(kRecord)).has_value());
  EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());
}

TEST_F(DkimWatchTest, WhoeverResumesHasItLookedUpAtOnceAndOneAnswerWillDo) {
  now_ = now_ + Duration::Minutes(10);
  EXPECT_FALSE(watch_.Poll(now_).has_value());
  watch_.LookNow();
  EXPECT_TRUE(After(Duration::Milliseconds(1), dns::Nothing(dns::AnswerKind::kNoDomain), /*at_once=*/true).has_value());
  watch_.LookNow();
  EXPECT_FALSE(After(Duration::Milliseconds(1), Text(kRecord), /*at_once=*/true).has_value());
  EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kNoDomain)).has_value());  // The usual again.
}

TEST_F(DkimWatchTest, ItIsToldOnceUntilItIsGoodAgain) {
  const auto gone = dns::Nothing(dns::AnswerKind::kNoDomain);
  EXPECT_FALSE(After(Duration::Hours(1), gone).has_value());
  EXPECT_TRUE(After(Duration::Seconds(61), gone).has_value());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(After(Duration::Seconds(61), gone).has_value());
  EXPECT_FALSE(After(Duration::Seconds(61), Text(kRecord)).has_value());
  EXPECT_FALSE(After(Duration::Hours(1), gone).has_value());
  EXPECT_TRUE(After(Duration::Seconds(61), gone).has_value());
}

TEST_F(DkimWatchTest, WithoutAnAnswerNothingIsKnown) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kTimeout)).has_value());
    EXPECT_FALSE(After(Duration::Hours(1), dns::Nothing(dns::AnswerKind::kServerFail)).has_value());
  }
}

}  // namespace
}  // namespace engine
