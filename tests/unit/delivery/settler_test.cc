#include "engine/delivery/settler.h"

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/delivery/small_job.h"

namespace delivery {
namespace {

using base::Duration;
using ledger::OutcomeKind;
using ledger::State;
using testing::SmallJob;

class SettlerTest : public ::testing::Test {
 protected:
  // Claims recipient 0, begins an attempt, and settles it so.
  void Attempt(OutcomeKind kind) {
    ASSERT_EQ(queue.Claim(small.settler.now_s()), 0u);
    small.settler.BeginAttempt(0, /*session=*/9);
    ledger::Outcome outcome;
    outcome.kind = kind;
    outcome.due = small.clock.WallNow() + Duration::Minutes(1);
    small.settler.Settle(queue, 0, outcome, /*attempted=*/true);
  }
  const ledger::RecipientEntry& entry() { return small.states[0]; }
  const std::vector<ledger::Record>& Records() { return small.commits.batch().records(); }
  const ledger::Outcome& LastOutcome() { return std::get<ledger::Outcome>(small.commits.batch().records().back()); }

  SmallJob small{1};
  RecipientQueue queue{small.states, small.Everybody()};
};

TEST_F(SettlerTest, WritesTheAttemptBeforeAnythingElse) {
  ASSERT_TRUE(queue.Claim(small.settler.now_s()).has_value());
  EXPECT_EQ(small.settler.BeginAttempt(0, 9), 1);
  ASSERT_EQ(Records().size(), 1u);
  const auto& attempt = std::get<ledger::Attempt>(Records()[0]);
  EXPECT_EQ(attempt.recipient, 0u);
  EXPECT_EQ(attempt.number, 1);
  EXPECT_EQ(attempt.session, 9u);
  EXPECT_EQ(attempt.time, small.clock.WallNow());
  EXPECT_NE(entry().flags & ledger::kAttemptOpen, 0);
}

TEST_F(SettlerTest, AFinalOutcomeReleasesForGood) {
  Attempt(OutcomeKind::kDelivered);
  EXPECT_EQ(entry().state, State::kDelivered);
  EXPECT_TRUE(queue.IsFinished());
  EXPECT_EQ(LastOutcome().number, 1);
  EXPECT_EQ(LastOutcome().time, small.clock.WallNow());
}

TEST_F(SettlerTest, ADeferralComesBackByTheRetryPlan) {
  Attempt(OutcomeKind::kDeferred);
  const Duration wait = LastOutcome().due - small.clock.WallNow();
  EXPECT_GE(wait, Duration::Minutes(1));
  EXPECT_LE(wait, Duration::Minutes(1) * 9 / 8);
  EXPECT_EQ(queue.NextDue(), static_cast<std::uint32_t>(LastOutcome().due.seconds()));
  small.clock.passed = Duration::Minutes(2);
  Attempt(OutcomeKind::kDeferred);
  EXPECT_EQ(LastOutcome().number, 2);
  EXPECT_GE(LastOutcome().due - small.clock.WallNow(), Duration::Minutes(5));
}

TEST_F(SettlerTest, AHeldAttemptIsNoAttempt) {
  Attempt(OutcomeKind::kHeld);
  EXPECT_EQ(entry().attempts, 0);
  EXPECT_EQ(entry().state, State::kUnattempted);
  EXPECT_EQ(queue.NextDue(), static_cast<std::uint32_t>((small.clock.WallNow() + Duration::Minutes(1)).seconds()));
  small.clock.passed = Duration::Minutes(2);
  Attempt(OutcomeKind::kDeferred);
  EXPECT_EQ(LastOutcome().number, 1);
}

TEST_F(SettlerTest, InDoubtIsFinalUnlessItIsToBeResent) {
  Attempt(OutcomeKind::kInDoubt);
  EXPECT_EQ(entry().state, State::kInDoubt);
  EXPECT_TRUE(queue.IsFinished());
}

TEST_F(SettlerTest, InDoubtIsDueAgainAtOnceWhereItIsToBeResent) {
  small.job.resend_in_doubt = true;
  Attempt(OutcomeKind::kInDoubt);
  EXPECT_EQ(LastOutcome().kind, OutcomeKind::kResend);
  EXPECT_EQ(entry().state, State::kDeferred);
  EXPECT_NE(entry().flags & ledger::kEverInDoubt, 0);
  EXPECT_EQ(queue.NextDue(), small.settler.now_s());
  EXPECT_EQ(queue.claimed(), 0u);
}

TEST_F(SettlerTest, ARetryIsNotLaterThanTheAgeAllows) {
  small.job.max_age = Duration::Seconds(30);
  Attempt(OutcomeKind::kDeferred);
  EXPECT_LE(LastOutcome().due, small.clock.WallNow() + Duration::Seconds(30));
  EXPECT_EQ(entry().state, State::kDeferred);
  small.clock.passed = Duration::Seconds(30);
  EXPECT_TRUE(small.settler.IsExpired(0));
}

TEST_F(SettlerTest, ADeferralAfterItsAgeExpires) {
  small.job.max_age = Duration::Minutes(10);
  Attempt(OutcomeKind::kDeferred);
  small.clock.passed = Duration::Minutes(11);
  Attempt(OutcomeKind::kDeferred);
  EXPECT_EQ(LastOutcome().kind, OutcomeKind::kExpired);
  EXPECT_EQ(LastOutcome().classification, "MessageExpired");
  EXPECT_EQ(entry().state, State::kExpired);
  EXPECT_TRUE(queue.IsFinished());
}

TEST_F(SettlerTest, WhoIsHeldAfterTheEndExpires) {
  small.job.finish_by = small.clock.WallNow() + Duration::Minutes(1);
  Attempt(OutcomeKind::kHeld);
  EXPECT_EQ(entry().state, State::kUnattempted);
  small.clock.passed = Duration::Minutes(2);
  Attempt(OutcomeKind::kHeld);
  EXPECT_EQ(entry().state, State::kExpired);
  EXPECT_TRUE(queue.IsFinished());
}

TEST_F(SettlerTest, WhoWasNeverTriedExpiresByTheEndOfTheCampaignOnly) {
  small.job.max_age = Duration::Minutes(10);
  small.clock.passed = Duration::Hours(24 * 30);
  EXPECT_FALSE(small.settler.IsExpired(0));
  small.job.finish_by = small.clock.WallNow();
  EXPECT_TRUE(small.settler.IsExpired(0));
}

TEST_F(SettlerTest, WhatHappensWithoutAConnectionCountsAsAnAttempt) {
  ASSERT_TRUE(queue.Claim(small.settler.now_s()).has_value());
  ledger::Outcome outcome;
  outcome.kind = OutcomeKind::kDeferred;
  small.settler.Settle(queue, 0, outcome, /*attempted=*/false);
  EXPECT_EQ(LastOutcome().number, 1);
  EXPECT_EQ(entry().attempts, 1);
  ASSERT_EQ(Records().size(), 1u) << "there is no record of an attempt: nothing could have been accepted";
}

TEST_F(SettlerTest, WhoIsSuppressedMeanwhileIsWithdrawn) {
  const auto lists = [](std::string_view text) {
    auto list = std::make_shared<campaign::Suppression>();
    EXPECT_TRUE(list->Add(text, "stop.txt").ok());
    list->Seal();
    auto joined = std::make_shared<campaign::SuppressionLists>();
    joined->Add(std::move(list));
    return joined;
  };
  ASSERT_EQ(queue.Claim(small.settler.now_s()), 0u);
  EXPECT_FALSE(small.settler.SettleUntried(queue, 0));
  small.settler.SetSuppression(lists("other@d.example\n"));
  EXPECT_FALSE(small.settler.SettleUntried(queue, 0));
  small.settler.SetSuppression(lists("USER0@D.example\n"));
  EXPECT_TRUE(small.settler.SettleUntried(queue, 0));
  EXPECT_EQ(entry().state, State::kWithdrawn);
  EXPECT_EQ(entry().attempts, 0);
  EXPECT_TRUE(queue.IsFinished());
  EXPECT_EQ(LastOutcome().kind, OutcomeKind::kWithdrawn);
  EXPECT_EQ(LastOutcome().reply_text, "on a suppression list that has changed since the start");
}

TEST_F(SettlerTest, AnAttemptThatIsUnderWayIsNotWithdrawn) {
  auto list = std::make_shared<campaign::Suppression>();
  ASSERT_TRUE(list->Add("@d.example", "stop.txt").ok());
  list->Seal();
  auto lists = std::make_shared<campaign::SuppressionLists>();
  lists->Add(std::move(list));
  ASSERT_EQ(queue.Claim(small.settler.now_s()), 0u);
  small.settler.BeginAttempt(0, 9);
  small.settler.SetSuppression(lists);
  ledger::Outcome outcome;
  outcome.kind = OutcomeKind::kDeferred;
  small.settler.Settle(queue, 0, outcome, /*attempted=*/true);
  EXPECT_EQ(entry().state, State::kDeferred);
  small.clock.passed = Duration::Hours(1);
  ASSERT_EQ(queue.Claim(small.settler.now_s()), 0u);  // But the next one does not begin.
  EXPECT_TRUE(small.settler.SettleUntried(queue, 0));
  EXPECT_EQ(entry().state, State::kWithdrawn);
  EXPECT_EQ(entry().attempts, 1);
}

TEST(SettlerLearning, BouncesOfTheseClassesAreToldWhenTheyAreDurable) {
  SmallJob small{3};
  small.job.learned_classes = {"InvalidRecipient", "BadDomain"};
  RecipientQueue queue{small.states, small.Everybody()};
  const auto settle = [&](OutcomeKind kind, std::string_view classification) {
    const auto id = queue.Claim(small.settler.now_s());
    ASSERT_TRUE(id.has_value());
    ledger::Outcome outcome;
    outcome.kind = kind;
    outcome.classification = classification;
    small.settler.Settle(queue, *id, outcome, /*attempted=*/false);
  };
  settle(OutcomeKind::kBounced, "QuotaIssues");
  settle(OutcomeKind::kDeferred, "InvalidRecipient");
  settle(OutcomeKind::kBounced, "BadDomain");
  small.commits.Flush();
  EXPECT_TRUE(small.commits.TakeLearned().empty());
  small.commits.OnDurable(small.log.submitted.back().ticket);
  EXPECT_EQ(small.commits.TakeLearned(), std::vector<ledger::RecipientId>{2});
  EXPECT_TRUE(small.commits.TakeLearned().empty());
}

}  // namespace
}  // namespace delivery
