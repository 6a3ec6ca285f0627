#include "engine/ledger/state.h"

#include <gtest/gtest.h>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::At;
using testing::AttemptOf;
using testing::OutcomeOf;
using testing::Table;

TEST(StateTable, ARecipientKeepsToTheSourceOfItsAttempt) {
  Table all;
  Attempt attempt = AttemptOf(3, 1);
  attempt.via = 2;
  all.table.Apply(attempt);
  all.table.Apply(OutcomeOf(3, OutcomeKind::kDeferred, 1));
  EXPECT_EQ(all.table[3].via, 2);
}

TEST(StateTable, AnAttemptIsOpenUntilItsOutcome) {
  Table all;
  StateTable& table = all.table;
  table.Apply(AttemptOf(3, 1));
  EXPECT_NE(table[3].flags & kAttemptOpen, 0);
  EXPECT_EQ(table[3].attempts, 1);
  EXPECT_EQ(table[3].state, State::kUnattempted);
  EXPECT_EQ(table[3].first_attempt_s, At(1).seconds());
  table.Apply(OutcomeOf(3, OutcomeKind::kDeferred, 1));
  EXPECT_EQ(table[3].flags & kAttemptOpen, 0);
  EXPECT_EQ(table[3].state, State::kDeferred);
  EXPECT_EQ(table[3].due_s, At(600).seconds());
  table.Apply(AttemptOf(3, 2));
  EXPECT_EQ(table[3].first_attempt_s, At(1).seconds()) << "the age counts from the first";
  EXPECT_EQ(table[2].flags | table[4].flags, 0);
}

TEST(StateTable, FinalOutcomesAreFinalStates) {
  const std::pair<OutcomeKind, State> finals[] = {
      {OutcomeKind::kDelivered, State::kDelivered}, {OutcomeKind::kBounced, State::kBounced},
      {OutcomeKind::kInDoubt, State::kInDoubt},     {OutcomeKind::kExpired, State::kExpired},
      {OutcomeKind::kWithdrawn, State::kWithdrawn}, {OutcomeKind::kCancelled, State::kCancelled}};
  Table all;
  for (const auto& [kind, state] : finals) {
    all.table.Apply(AttemptOf(1));
    all.table.Apply(OutcomeOf(1, kind));
    EXPECT_EQ(all.table[1].state, state);
    EXPECT_TRUE(IsFinal(state));
    EXPECT_EQ(all.table[1].flags & kAttemptOpen, 0);
  }
  EXPECT_FALSE(IsFinal(State::kUnattempted));
  EXPECT_FALSE(IsFinal(State::kDeferred));
}

TEST(StateTable, AHeldAttemptLeavesTheRecipientAsItWas) {
  Table all;
  StateTable& table = all.table;
  table.Apply(AttemptOf(1, 1));
  table.Apply(OutcomeOf(1, OutcomeKind::kHeld, 1));
  EXPECT_EQ(table[1].state, State::kUnattempted);
  EXPECT_EQ(table[1].attempts, 0);
  EXPECT_EQ(table[1].due_s, At(600).seconds());
  EXPECT_NE(table[1].flags & kHeld, 0);
  EXPECT_EQ(table[1].first_attempt_s, At(1).seconds()) << "held time counts for the age";

  table.Apply(AttemptOf(1, 1));
  table.Apply(OutcomeOf(1, OutcomeKind::kDeferred, 1));
  EXPECT_EQ(table[1].flags & kHeld, 0);
  table.Apply(AttemptOf(1, 2));
  table.Apply(OutcomeOf(1, OutcomeKind::kHeld, 2));
  EXPECT_EQ(table[1].state, State::kDeferred);
  EXPECT_EQ(table[1].attempts, 1);
}

TEST(StateTable, ADeferralWithoutAConnectionCountsAsAnAttempt) {
  Table all;
  all.table.Apply(OutcomeOf(1, OutcomeKind::kDeferred, 1));
  EXPECT_EQ(all.table[1].attempts, 1);
  EXPECT_EQ(all.table[1].state, State::kDeferred);
  EXPECT_GT(all.table[1].first_attempt_s, 0u);
}

TEST(StateTable, OnlyAResendTakesARecipientOutOfDoubt) {
  Table all;
  all.table.Apply(AttemptOf(1));
  all.table.Apply(OutcomeOf(1, OutcomeKind::kInDoubt));
  all.table.Apply(OutcomeOf(1, OutcomeKind::kResend));
  EXPECT_EQ(all.table[1].state, State::kDeferred);
  EXPECT_NE(all.table[1].flags & kEverInDoubt, 0) << "it stays marked";
  EXPECT_EQ(all.table[1].due_s, At(600).seconds());
}

TEST(CampaignFacts, CountRunsAndKeepTheFirstStart) {
  CampaignFacts facts;
  CampaignState running{
      .kind = CampaignStateKind::kRunning, .time = At(5), .scope = "campaign", .by = {}, .reason = {}, .sample = {}};
  facts.Apply(running);
  running.time = At(50);
  facts.Apply(running);
  EXPECT_EQ(facts.runs, 2u);
  EXPECT_EQ(facts.started_at, At(5));
  EXPECT_EQ(facts.kind, CampaignStateKind::kRunning);
}

TEST(CampaignFacts, KeepWhyItIsPaused) {
  CampaignFacts facts;
  facts.Apply(CampaignState{.kind = CampaignStateKind::kPaused,
                            .time = At(5),
                            .scope = "campaign",
                            .by = "auth",
                            .reason = "SPF fails",
                            .sample = "550 5.7.26"});
  EXPECT_EQ(facts.kind, CampaignStateKind::kPaused);
  EXPECT_EQ(facts.since, At(5));
  EXPECT_EQ(facts.pauses.at("campaign").by, "auth");
  EXPECT_EQ(facts.pauses.at("campaign").reason, "SPF fails");
  EXPECT_EQ(facts.pauses.at("campaign").sample, "550 5.7.26");
  EXPECT_EQ(facts.runs, 0u);
}

TEST(CampaignFacts, KeepThatTheResolverIsTrustedOnceItWasResumed) {
  CampaignFacts facts;
  CampaignState state{
      .kind = CampaignStateKind::kPaused, .time = At(1), .scope = "campaign", .by = "auth", .reason = "", .sample = ""};
  const auto apply = [&](CampaignStateKind kind, std::string_view by) {
    state.kind = kind;
    state.by = by;
    facts.Apply(state);
  };
  apply(CampaignStateKind::kPaused, "auth");
  apply(CampaignStateKind::kResumed, "operator");
  EXPECT_FALSE(facts.resolver_trusted);
  apply(CampaignStateKind::kPaused, kResolverSuspect);
  EXPECT_FALSE(facts.resolver_trusted);
  apply(CampaignStateKind::kResumed, "operator");
  EXPECT_TRUE(facts.resolver_trusted);
}

TEST(CampaignFacts, APauseOfAPartLeavesTheCampaignAsItIs) {
  CampaignFacts facts;
  CampaignState state{
      .kind = CampaignStateKind::kRunning, .time = At(1), .scope = "campaign", .by = "", .reason = "", .sample = ""};
  facts.Apply(state);
  state = {.kind = CampaignStateKind::kPaused,
           .time = At(5),
           .scope = "provider:google",
           .by = "content",
           .reason = "spam",
           .sample = "554"};
  facts.Apply(state);
  EXPECT_EQ(facts.kind, CampaignStateKind::kRunning);
  ASSERT_EQ(facts.pauses.size(), 1u);
  EXPECT_EQ(facts.pauses.at("provider:google").by, "content");
  EXPECT_EQ(facts.pauses.at("provider:google").since, At(5));
  state.kind = CampaignStateKind::kResumed;
  state.scope = "campaign";
  facts.Apply(state);
  EXPECT_TRUE(facts.pauses.empty());
}

TEST(CampaignFacts, ACancelledCampaignStaysSo) {
  CampaignFacts facts;
  for (const CampaignStateKind kind :
       {CampaignStateKind::kRunning, CampaignStateKind::kPaused, CampaignStateKind::kCancelled,
        CampaignStateKind::kResumed, CampaignStateKind::kInterrupted, CampaignStateKind::kFinished}) {
    facts.Apply(
        CampaignState{.kind = kind, .time = At(1), .scope = "campaign", .by = "operator", .reason = "", .sample = ""});
  }
  EXPECT_EQ(facts.kind, CampaignStateKind::kCancelled);
  EXPECT_TRUE(facts.pauses.empty());
  EXPECT_EQ(facts.runs, 1u);
}

TEST(CampaignFacts, KeepTheSuspensionsThatLast) {
  CampaignFacts facts;
  SiteState state{.time = At(0), .site = "a", .source = "s1", .until = At(60), .reason = "r", .sample = "550"};
  facts.Apply(state);
  state.source = "s2";
  facts.Apply(state);
  ASSERT_EQ(facts.suspensions.size(), 2u);
  EXPECT_EQ((facts.suspensions.at({"a", "s1"}).until), At(60));
  state.until = base::WallTime();
  facts.Apply(state);
  ASSERT_EQ(facts.suspensions.size(), 1u);
  EXPECT_EQ(facts.suspensions.begin()->first.source, "s1");
}

TEST(CampaignFacts, KnowSinceWhenASuspensionLasts) {
  CampaignFacts facts;
  SiteState state{.time = At(10), .site = "a", .source = "s1", .until = At(60), .reason = "r", .sample = "550"};
  facts.Apply(state);
  state.time = At(50);
  state.until = At(90);
  facts.Apply(state);
  EXPECT_EQ(facts.suspensions.begin()->second.since, At(10)) << "it went on";
  state.time = At(95);
  state.until = At(120);
  facts.Apply(state);
  EXPECT_EQ(facts.suspensions.begin()->second.since, At(95)) << "another one";
  state.time = At(80);
  state.until = At(85);
  facts.Apply(state);
  EXPECT_EQ(facts.suspensions.begin()->second.since, At(80)) << "the clock went back";
}

}  // namespace
}  // namespace ledger
