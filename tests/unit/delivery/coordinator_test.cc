#include "engine/delivery/coordinator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace delivery {
namespace {

// The domains of a campaign, in the order in which they are looked up.
class Domains {
 public:
  explicit Domains(std::uint64_t domains = 1'000'000) : coordinator_({}, domains) {}
  std::optional<PauseReason> Next(bool missing) { return coordinator_.OnDomain(looked_up_++, missing); }
  Coordinator& coordinator() { return coordinator_; }

 private:
  Coordinator coordinator_;
  std::uint64_t looked_up_ = 0;
};

TEST(Coordinator, PausesWhenMoreThanFivePercentOfTheFirstThousandDomainsAreMissing) {
  Domains domains;
  for (int i = 0; i < 900; ++i) EXPECT_FALSE(domains.Next(false).has_value());
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(domains.Next(true).has_value());
  const auto pause = domains.Next(true);
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "resolver-suspect");
  EXPECT_FALSE(domains.Next(true).has_value()) << "it is said once";
}

TEST(Coordinator, DomainsAfterTheFirstThousandDoNotCount) {
  Domains domains;
  for (int i = 0; i < 1000; ++i) (void)domains.Next(false);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(domains.Next(true).has_value());
}

TEST(Coordinator, ADomainMayTurnOutToBeMissingLaterAndCountsOnce) {
  Domains domains;
  for (int i = 0; i < 2000; ++i) (void)domains.Next(false);
  Coordinator& coordinator = domains.coordinator();
  for (std::uint64_t i = 1000; i < 2000; ++i) EXPECT_FALSE(coordinator.OnDomain(i, true).has_value());
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_FALSE(coordinator.OnDomain(i, true).has_value());
    EXPECT_FALSE(coordinator.OnDomain(i, false).has_value());
    EXPECT_FALSE(coordinator.OnDomain(i, true).has_value());
  }
  EXPECT_TRUE(coordinator.OnDomain(50, true).has_value());
}

// How many domains may be missing of so many.
int MissingOf(std::uint64_t domains) {
  Coordinator coordinator({}, domains);
  for (std::uint64_t i = 0; i < domains; ++i) {
    if (coordinator.OnDomain(i, true).has_value()) return static_cast<int>(i);
  }
  return static_cast<int>(domains);
}

TEST(Coordinator, OfFewDomainsTenMayBeMissingButNotAll) {
  EXPECT_EQ(MissingOf(1), 1);
  EXPECT_EQ(MissingOf(2), 2);
  EXPECT_EQ(MissingOf(3), 2);
  EXPECT_EQ(MissingOf(11), 10);
  EXPECT_EQ(MissingOf(60), 10);
  EXPECT_EQ(MissingOf(400), 20);
  EXPECT_EQ(MissingOf(999), 49);
  EXPECT_EQ(MissingOf(5'000'000), 50);
}

TEST(Coordinator, TheSameRefusalOfTheSenderAtThreeSitesPauses) {
  Coordinator coordinator({});
  EXPECT_FALSE(coordinator.OnSenderRefused("a", "no", false, "550 no").has_value());
  EXPECT_FALSE(coordinator.OnSenderRefused("a", "no", false, "550 no").has_value());
  EXPECT_FALSE(coordinator.OnSenderRefused("b", "no", false, "550 no").has_value());
  EXPECT_FALSE(coordinator.OnSenderRefused("c", "other", false, "550 other").has_value());
  const auto pause = coordinator.OnSenderRefused("c", "no", false, "550 no");
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->sample, "550 no");
}

TEST(Coordinator, AnInvalidSenderPausesAtOnce) {
  Coordinator coordinator({});
  EXPECT_TRUE(coordinator.OnSenderRefused("a", "no", true, "550 5.1.8 no").has_value());
}

TEST(Coordinator, PausesTheCampaignWhenEveryShardHasOnlyPausedPartsLeft) {
  Coordinator coordinator({});
  EXPECT_FALSE(coordinator.OnShardBlocked(0, true, 1).has_value()) << "no part is paused";
  coordinator.OnRestored({"content", "google: 5 replies say that the content is spam", "554", {"google", ""}});
  EXPECT_FALSE(coordinator.OnShardBlocked(0, true, 2).has_value());
  EXPECT_FALSE(coordinator.OnShardBlocked(0, false, 2).has_value());
  EXPECT_FALSE(coordinator.OnShardBlocked(1, true, 2).has_value());
  const auto pause = coordinator.OnShardBlocked(0, true, 2);
  ASSERT_TRUE(pause.has_value());
  EXPECT_TRUE(pause->scope.IsCampaign());
  EXPECT_EQ(pause->by, "content");
  EXPECT_EQ(pause->sample, "554");
}

TEST(Coordinator, CountsAnewWhenEverythingIsResumed) {
  campaign::Budget limits;
  limits.content = {.count = 2, .share = std::nullopt};
  Coordinator coordinator(limits);
  const BudgetFact refused{
      .event = BudgetEvent::kContent, .provider = "p", .source = "s", .sample = "554", .attempted = 1};
  EXPECT_FALSE(coordinator.OnBudget(refused, base::Instant()).has_value());
  EXPECT_TRUE(coordinator.OnBudget(refused, base::Instant()).has_value());
  coordinator.OnResumed();
  EXPECT_FALSE(coordinator.OnShardBlocked(0, true, 1).has_value());  // No part is paused any more.
  EXPECT_FALSE(coordinator.OnBudget(refused, base::Instant()).has_value());
  EXPECT_TRUE(coordinator.OnBudget(refused, base::Instant()).has_value());
}

TEST(Coordinator, AKeyThatCannotSignPausesAtOnce) {
  Coordinator coordinator({});
  const auto pause = coordinator.OnSigningFailed("s1._domainkey.example.com: the key cannot sign");
  ASSERT_TRUE(pause.has_value());
  EXPECT_EQ(pause->by, "dkim");
  EXPECT_NE(pause->reason.find("s1._domainkey.example.com"), std::string::npos);
}

TEST(Coordinator, AMessageThatCannotBeMadePausesAtOnceAndSaysWhose) {
  const PauseReason pause = Coordinator::OnMessageFailed(7, "the envelope sender is none");
  EXPECT_EQ(pause.by, "message");
  EXPECT_EQ(pause.reason, "the message of row 7 cannot be made: the envelope sender is none");
}

TEST(Coordinator, ASmarthostThatRefusesTheLoginPausesAtOnceWithItsWords) {
  const PauseReason pause = Coordinator::OnSmarthostUnusable("the smarthost refuses the login", "535 5.7.8 no");
  EXPECT_EQ(pause.by, "smarthost");
  EXPECT_EQ(pause.reason, "the smarthost refuses the login");
  EXPECT_EQ(pause.sample, "535 5.7.8 no");
}

}  // namespace
}  // namespace delivery
