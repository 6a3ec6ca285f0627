#include "engine/delivery/budgets.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kNow = Instant::FromNanoseconds(1'000'000'000);

BudgetFact Fact(BudgetEvent event, std::string provider = "google", std::string source = "ip-1") {
  return {
      .event = event, .provider = std::move(provider), .source = std::move(source), .sample = "550 no", .attempted = 0};
}

TEST(Budgets, TheFifthAuthenticationFailurePausesTheCampaignWhereverItCameFrom) {
  Budgets budgets({});
  for (const char* provider : {"google", "yahoo", "other", "google"}) {
    EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kAuthenticationFailed, provider), kNow).has_value());
  }
  const auto pause = budgets.OnFact(Fact(BudgetEvent::kAuthenticationFailed, "apple"), kNow);
  ASSERT_TRUE(pause.has_value());
  EXPECT_TRUE(pause->scope.IsCampaign());
  EXPECT_EQ(pause->by, "auth");
  EXPECT_EQ(pause->sample, "550 no");
  EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kAuthenticationFailed), kNow).has_value()) << "it is said once";
}

TEST(Budgets, TwentyBlocksWithinAnHourPauseTheSourceAtTheProvider) {
  Budgets budgets({});
  Instant now = kNow;
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kBlocked), now).has_value());
  EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kBlocked, "google", "ip-2"), now).has_value());
  EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kBlocked, "yahoo"), now).has_value());
  now = now + Duration::Hours(1);  // The first ones are too old.
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kBlocked), now).has_value());
  const auto pause = budgets.OnFact(Fact(BudgetEvent::kBlocked), now);
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "blocked");
  EXPECT_EQ(pause->scope, (PauseScope{.provider = "google", .source = "ip-1"}));
}

TEST(Budgets, FiveRefusalsOfTheContentPauseTheProvider) {
  Budgets budgets({});
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kContent), kNow).has_value());
  EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kContent, "yahoo"), kNow).has_value());
  const auto pause = budgets.OnFact(Fact(BudgetEvent::kContent, "google", "ip-2"), kNow);
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "content");
  EXPECT_EQ(pause->scope, (PauseScope{.provider = "google", .source = ""}));
}

TEST(Budgets, AShareOfBouncesPausesTheProviderOnceEnoughWereTried) {
  Budgets budgets({});
  BudgetFact tried = Fact(BudgetEvent::kNone);
  tried.attempted = 199;
  EXPECT_FALSE(budgets.OnFact(tried, kNow).has_value());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(budgets.OnFact(Fact(BudgetEvent::kBounced), kNow).has_value());
  BudgetFact last = Fact(BudgetEvent::kBounced);
  last.attempted = 1;
  const auto pause = budgets.OnFact(last, kNow);
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "bounce");
  EXPECT_EQ(pause->reason, "google: 101 of 200 recipients bounced");

  Budgets clean({});
  tried.attempted = 1000;
  EXPECT_FALSE(clean.OnFact(tried, kNow).has_value());
  for (int i = 0; i < 80; ++i) EXPECT_FALSE(clean.OnFact(Fact(BudgetEvent::kBounced), kNow).has_value()) << "8 %";
  EXPECT_TRUE(clean.OnFact(Fact(BudgetEvent::kBounced), kNow).has_value());
}

TEST(Budgets, AreWhatTheCampaignSays) {
  campaign::Budget limits;
  limits.content = {.count = 1, .share = std::nullopt};
  limits.bounce = {};  // "off"
  Budgets budgets(limits);
  EXPECT_TRUE(budgets.OnFact(Fact(BudgetEvent::kContent), kNow).has_value());
  BudgetFact bounced = Fact(BudgetEvent::kBounced, "yahoo");
  bounced.attempted = 1;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(budgets.OnFact(bounced, kNow).has_value());
}

TEST(PauseScope, IsReadAsItIsWritten) {
  for (const PauseScope& scope :
       {PauseScope{}, PauseScope{.provider = "google", .source = ""}, PauseScope{.provider = "", .source = "ip-1"},
        PauseScope{.provider = "my provider", .source = "ip-1"}}) {
    EXPECT_EQ(PauseScope::Parse(scope.ToString()), scope) << scope.ToString();
  }
  EXPECT_EQ((PauseScope{.provider = "google", .source = "ip-1"}).ToString(), "source:ip-1 provider:google");
  EXPECT_TRUE((PauseScope{.provider = "google", .source = ""}).Holds("google", "ip-9"));
  EXPECT_EQ((PauseScope{.provider = "", .source = "ip-1"}).ToString(), "source:ip-1");
  EXPECT_TRUE((PauseScope{.provider = "", .source = "ip-1"}).Holds("google", "ip-1"));
  EXPECT_FALSE((PauseScope{.provider = "", .source = "ip-1"}).Holds("google", "ip-9"));
  EXPECT_FALSE((PauseScope{.provider = "", .source = "ip-1"}).IsCampaign());
  EXPECT_FALSE((PauseScope{.provider = "google", .source = "ip-1"}).Holds("google", "ip-9"));
  EXPECT_FALSE((PauseScope{.provider = "google", .source = ""}).Holds("yahoo", "ip-9"));
}

}  // namespace
}  // namespace delivery
