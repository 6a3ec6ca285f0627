// When recipients expire, in the whole shard: the verdicts' fourth section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

constexpr char kA[] = "a@one.example";
constexpr char kB[] = "b@two.example";
constexpr char kC[] = "c@three.example";
constexpr char kExpired[] = "expired MessageExpired";

TEST(Time, MaxAgeRunsFromTheFirstAttempt) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().max_age = Duration::Minutes(30);
  Receiver& receiver = scenario.Serve("one.example");
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kServerFail);
  scenario.RunFor(Duration::Minutes(50));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kFound);
  receiver.At(Point::kRcpt, "450 4.2.1 Later");
  EXPECT_TRUE(scenario.Finish());
  const std::string deferred = "deferred TransientFailure 450 4.2.1 RCPT";
  EXPECT_THAT(scenario.Story(kA),
              ElementsAre("attempt 1", deferred, "attempt 2", deferred, "attempt 3", deferred, kExpired));
  const std::vector<std::int64_t> times = scenario.Times(kA);
  EXPECT_GE(times.front(), 50 * 60);
  EXPECT_THAT(times.back() - times.front(), AllOf(Ge(1799), Le(1803)));
}

TEST(Time, DeferralsWithoutAConnectionCountAsAttempts) {
  Scenario scenario(
      {.addresses = {kA}, .shaping = "[\"default\"]\nconsecutive_connection_failures_before_delay = 1\n"});
  scenario.job().max_age = Duration::Minutes(30);
  scenario.Serve("one.example").resets_connections = true;
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.Last(kA), kExpired);
  EXPECT_THAT(scenario.Times(kA).back(), AllOf(Ge(1799), Le(1803)));
}

// Without an attempt there is no age: neither a DNS that does not answer nor a greeting that refuses makes one.
TEST(Time, WhoWasNeverAttemptedDoesNotExpire) {
  Scenario scenario({.addresses = {kA, kB}});
  scenario.job().max_age = Duration::Minutes(30);
  scenario.Serve("one.example");
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kTimeout);
  Receiver& refusing = scenario.Serve("two.example");
  refusing.At(Point::kGreeting, "554 5.3.2 No service");
  scenario.RunFor(Duration::Hours(24 * 5));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  EXPECT_THAT(scenario.Story(kB), IsEmpty());
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kFound);
  refusing.Forget();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 2u);
}

TEST(Time, HeldTimeCountsOnceAnAttemptWasMade) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().max_age = Duration::Minutes(30);
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, Always({"554 5.7.1 Blocked, see spamhaus.example"}));
  receiver.At(Point::kRcpt, First(1, {"450 4.2.1 Later"}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "deferred TransientFailure 450 4.2.1 RCPT", "attempt 2",
                                              "held SpamBlock 554 5.7.1 RCPT", kExpired));
  EXPECT_THAT(receiver.accepted(), IsEmpty());
}

TEST(Time, AtFinishByWhoeverIsPendingExpires) {
  for (const std::uint32_t shards : {1u, 3u}) {
    std::vector<std::string> addresses = {kA, kB, kC, "d@four.example", "e@five.example"};
    Scenario scenario({.addresses = addresses, .shards = shards});
    scenario.job().finish_by = scenario.world().wall_now() + Duration::Minutes(40);
    scenario.Serve("one.example");
    scenario.names().SetAnswer("one.example", dns::AnswerKind::kServerFail);           // Never routed.
    scenario.Serve("two.example").At(Point::kGreeting, "554 5.3.2 No service");        // Suspended, never attempted.
    scenario.Serve("three.example").At(Point::kRcpt, "450 4.2.1 Later");               // Deferred.
    scenario.Serve("four.example").At(Point::kRcpt, "554 5.7.1 Blocked by spamhaus");  // Held.
    Receiver& well = scenario.Serve("five.example");
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(well.accepted(), SizeIs(1));
    addresses.pop_back();
    for (const std::string& address : addresses) {
      EXPECT_EQ(scenario.Last(address), kExpired);
      EXPECT_THAT(scenario.Times(address).back(), AllOf(Ge(2400), Le(2402)));
    }
  }
}

TEST(Time, AMessageThatIsOnItsWayAtFinishByIsFinished) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().finish_by = scenario.world().wall_now() + Duration::Seconds(30);
  scenario.Serve("one.example").At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(60)}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(Time, NobodyIsTriedAgainAfterFinishBy) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().finish_by = scenario.world().wall_now() + Duration::Minutes(3);
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, "450 4.2.1 Later");
  EXPECT_TRUE(scenario.Finish());
  scenario.RunFor(Duration::Hours(3));
  EXPECT_EQ(receiver.CountOf("RCPT"), 2u);  // At 0 and about 60 s.
}

TEST(Time, ACampaignThatCanOnlyWaitSaysSoOnceAMinute) {
  Scenario scenario({.addresses = {kA}});
  scenario.Serve("one.example").At(Point::kGreeting, "554 5.3.2 No service");
  scenario.RunFor(Duration::Minutes(30) + Duration::Seconds(30));
  EXPECT_THAT(scenario.log().CountOf("waiting: "), AllOf(Ge(28u), Le(31u)));
  EXPECT_THAT(scenario.log().CountOf("is suspended"), Ge(28u));
}

// Everybody expires at once, which takes several turns: whenever the program ends in between, it ends in order.
TEST(FinishBy, AProgramMayEndWhileManyExpire) {
  for (int milliseconds = 0; milliseconds <= 30; milliseconds += 3) {
    Scenario scenario({.addresses = Many(30'000)});
    scenario.Serve("one.example").At(Point::kGreeting, Always({"", Answer::Then::kSilence}));
    scenario.job().finish_by = scenario.world().wall_now() + Duration::Seconds(1);
    scenario.RunFor(Duration::Seconds(1) + Duration::Milliseconds(milliseconds));
    scenario.Restart();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(scenario.CountLast("expired"), 30'000u);
  }
}

}  // namespace
}  // namespace sim
