#include "engine/plan_model.h"

#include <cmath>

#include "gtest/gtest.h"

namespace engine {
namespace {

using base::Duration;

base::Rate Of(const char* text) { return *base::ParseRate(text); }

config::Limits LimitsOf(std::uint32_t connections, std::uint32_t deliveries) {
  config::Limits limits;
  limits.connection_limit = connections;
  limits.max_deliveries_per_connection = deliveries;
  return limits;
}

const PlanAssumptions kAssumptions = PlanAssumptions::At(Duration::Milliseconds(100));

TEST(PlanModel, ARateLetsItsBurstPassAtOnce) {
  EXPECT_DOUBLE_EQ(SecondsAtRate(0, Of("10/s")), 0);
  EXPECT_DOUBLE_EQ(SecondsAtRate(1, Of("10/s")), 0);
  EXPECT_DOUBLE_EQ(SecondsAtRate(101, Of("10/s")), 10);
  EXPECT_DOUBLE_EQ(SecondsAtRate(120, Of("10/s,max_burst=20")), 10);
  EXPECT_DOUBLE_EQ(SecondsAtRate(3601, Of("3600/h")), 3600);
  EXPECT_TRUE(std::isinf(SecondsAtRate(1, Of("0/s"))));
}

TEST(PlanModel, TheTightestLimitDecides) {
  config::Limits limits = LimitsOf(2, 10);
  // 100 messages on each of two connections, which are made anew ten times.
  const PlannedTime sessions = TimeOfSite(200, limits, kAssumptions);
  EXPECT_NEAR(sessions.seconds, 16.9, 1e-9);
  EXPECT_EQ(sessions.limited_by, "connection_limit");
  limits.max_connection_rate = Of("30/min");
  EXPECT_DOUBLE_EQ(TimeOfSite(200, limits, kAssumptions).seconds, 38);
  EXPECT_EQ(TimeOfSite(200, limits, kAssumptions).limited_by, "max_connection_rate");
  limits.max_message_rate = Of("2/s");
  EXPECT_DOUBLE_EQ(TimeOfSite(200, limits, kAssumptions).seconds, 99.5);
  EXPECT_EQ(TimeOfSite(200, limits, kAssumptions).limited_by, "max_message_rate");
}

TEST(PlanModel, TheLastMessagesAreWorthFewerConnections) {
  // 20 on each of four connections, and 14 on three.
  EXPECT_NEAR(TimeOfSite(120, LimitsOf(4, 20), kAssumptions).seconds, 3.4 + 2 * 0.6 + 0.1, 1e-9);
}

TEST(PlanModel, TheMachineSignsOnAllCoresAndServesASiteOnOne) {
  const MessageCost cost = {Duration::Microseconds(60), Duration::Microseconds(40)};
  const PlannedTime spread = TimeOfMachine(cost, {1'000'000, 1'000'000, 100'000}, 2);
  EXPECT_DOUBLE_EQ(spread.seconds, 50);
  EXPECT_EQ(spread.limited_by, "signing");
  const PlannedTime one_site = TimeOfMachine(cost, {1'000'000, 1'000'000, 900'000}, 8);
  EXPECT_DOUBLE_EQ(one_site.seconds, 36);
  EXPECT_EQ(one_site.limited_by, "machine");
  EXPECT_EQ(TimeOfMachine({{}, Duration::Microseconds(20)}, {1'000'000, 1'000'000, 10}, 1).limited_by, "machine");
}

TEST(PlanModel, WhatIsSealedIsNotSignedAgain) {
  const MessageCost cost = {Duration::Microseconds(60), Duration::Microseconds(20)};
  EXPECT_DOUBLE_EQ(TimeOfMachine(cost, {1'000'000, 0, 100'000}, 2).seconds, 10);
  EXPECT_EQ(TimeOfMachine(cost, {1'000'000, 0, 100'000}, 2).limited_by, "machine");
  EXPECT_DOUBLE_EQ(TimeOfMachine(cost, {1'000'000, 500'000, 100'000}, 2).seconds, 25);
  EXPECT_EQ(TimeOfMachine(cost, {1'000'000, 500'000, 100'000}, 2).limited_by, "signing");
}

TEST(PlanModel, WhoWaitsForARetryIsServedThen) {
  const auto at_ten_a_second = [](const SharedLoad& load, Duration) {
    return PlannedTime{static_cast<double>(load.messages) / 10, "max_message_rate"};
  };
  DueLoads due;
  due[Duration()].messages = 100;
  due[Duration::Seconds(5)].messages = 10;
  EXPECT_DOUBLE_EQ(TimeOfDue(due, at_ten_a_second).seconds, 11);  // They come while others are served.
  EXPECT_EQ(TimeOfDue(due, at_ten_a_second).limited_by, "max_message_rate");
  due[Duration::Seconds(20)].messages = 30;
  EXPECT_DOUBLE_EQ(TimeOfDue(due, at_ten_a_second).seconds, 23);
  EXPECT_EQ(TimeOfDue(due, at_ten_a_second).limited_by, "retry");
  due[Duration::Seconds(20)].messages = 400;
  EXPECT_DOUBLE_EQ(TimeOfDue(due, at_ten_a_second).seconds, 60);
  EXPECT_EQ(TimeOfDue(due, at_ten_a_second).limited_by, "max_message_rate");
  EXPECT_EQ(TimeOfDue(due, [](const SharedLoad&, Duration) { return PlannedTime(); }).limited_by, "");
}

TEST(PlanModel, WhatARateOwesComesFirst) {
  EXPECT_DOUBLE_EQ(SecondsAtRate(101, Of("10/s"), {Duration::Seconds(7), 1e8}), 17);
  EXPECT_DOUBLE_EQ(SecondsAtRate(5, Of("10/s,max_burst=20"), {Duration::Seconds(1), 1e8}), 0)
      << "the burst has room for it";
  EXPECT_DOUBLE_EQ(SecondsAtRate(1, Of("10/s"), {Duration::Seconds(100), 1e9}), 10) << "as many at the new rate";
  EXPECT_DOUBLE_EQ(SecondsAtRate(1, Of("1/s"), {Duration::Seconds(10), 1e8}), 10) << "or as long";
}

TEST(PlanModel, WhatIsKnownOfAReceiverCounts) {
  config::Limits limits = LimitsOf(10, 1000);
  limits.max_message_rate = Of("2/s");
  limits.max_connection_rate = Of("1/min");
  delivery::SiteStanding::Kept known;
  known.debts = {Duration::Minutes(5), Duration::Minutes(50), 5e8, 6e10};
  EXPECT_DOUBLE_EQ(TimeOfSite(201, limits, kAssumptions, known).seconds, 3000);
  EXPECT_EQ(TimeOfSite(201, limits, kAssumptions, known).limited_by, "max_connection_rate");
  known.debts.connections = {};
  EXPECT_DOUBLE_EQ(TimeOfSite(201, limits, kAssumptions, known).seconds, 400);
  EXPECT_EQ(TimeOfSite(201, limits, kAssumptions, known).limited_by, "max_message_rate");
  known.messages_per_second = 0.25;
  EXPECT_DOUBLE_EQ(TimeOfSite(201, limits, kAssumptions, known).seconds, 800);
  EXPECT_EQ(TimeOfSite(201, limits, kAssumptions, known).limited_by, "adaptive_rate");
  limits.adaptive = false;
  EXPECT_DOUBLE_EQ(TimeOfSite(201, limits, kAssumptions, known).seconds, 400) << "what was learned does not hold";
}

TEST(PlanModel, AReceiverThatIsNewIsMetWithAFewConnections) {
  config::Limits limits = LimitsOf(100, 1000);
  const PlannedTime grows = TimeOfSite(5000, limits, kAssumptions);
  EXPECT_NEAR(grows.seconds, 9.5 + 0.7, 1e-9);  // From 5 to 99 connections, 4,940 messages go.
  EXPECT_EQ(grows.limited_by, "window");
  limits.adaptive = false;
  EXPECT_NEAR(TimeOfSite(5000, limits, kAssumptions).seconds, 5.6, 1e-9);
  EXPECT_EQ(TimeOfSite(5000, limits, kAssumptions).limited_by, "connection_limit");
}

TEST(PlanModel, ASmallWindowGrows) {
  delivery::SiteStanding::Kept known;
  known.window = 1.5;
  // 1 + 2 + … + 9 messages in nine round trips; 15 more on ten connections.
  const PlannedTime time = TimeOfSite(60, LimitsOf(10, 6), kAssumptions, known);
  EXPECT_NEAR(time.seconds, 0.9 + 0.2 + 0.6, 1e-9);
  EXPECT_EQ(time.limited_by, "window");
  EXPECT_LT(TimeOfSite(60, LimitsOf(10, 6), kAssumptions).seconds, time.seconds);
}

TEST(PlanModel, ASuspensionIsWaitedForAndToldWhereItIsLonger) {
  EXPECT_DOUBLE_EQ(After(Duration::Minutes(10), {30, "round_trip"}).seconds, 630);
  EXPECT_EQ(After(Duration::Minutes(10), {30, "round_trip"}).limited_by, "suspended");
  EXPECT_EQ(After(Duration::Minutes(10), {3600, "max_message_rate"}).limited_by, "max_message_rate");
  EXPECT_EQ(After({}, {0, "round_trip"}).limited_by, "round_trip");
}

TEST(PlanModel, AFewMessagesTakeAFewRoundTrips) {
  const PlannedTime few = TimeOfSite(5, LimitsOf(100, 1000), kAssumptions);
  EXPECT_DOUBLE_EQ(few.seconds, 1.1);
  EXPECT_EQ(few.limited_by, "round_trip");
  PlanAssumptions slow_disk = kAssumptions;
  slow_disk.commit = Duration::Milliseconds(20);
  EXPECT_DOUBLE_EQ(TimeOfSite(5, LimitsOf(100, 1000), slow_disk).seconds, 1.2);
}

TEST(PlanModel, MessagesInFlightShareTheTimeOfARoundTrip) {
  const PlannedTime ten = TimeOfSite(1000, LimitsOf(1, 1000), kAssumptions.WithInFlight(10));
  EXPECT_NEAR(ten.seconds, 10 + 0.6, 1e-9);
  EXPECT_EQ(kAssumptions.WithInFlight(1).message, kAssumptions.message);
}

TEST(PlanModel, SitesShareAConnectionLimitAndARate) {
  SharedLoad load;
  load.Add(100, LimitsOf(50, 10), kAssumptions);  // 100 messages and 10 connections: 170 round trips.
  load.Add(40, LimitsOf(50, 100), kAssumptions);  // 47.
  EXPECT_EQ(load.messages, 140u);
  const PlannedTime connections = TimeOfShared(load, 2, "provider_connection_limit", std::nullopt, "");
  EXPECT_NEAR(connections.seconds, 10.85, 1e-9);
  EXPECT_EQ(connections.limited_by, "provider_connection_limit");
  const PlannedTime rate = TimeOfShared(load, 2, "provider_connection_limit", Of("1/s"), "provider_max_message_rate");
  EXPECT_DOUBLE_EQ(rate.seconds, 139);
  EXPECT_EQ(rate.limited_by, "provider_max_message_rate");
  EXPECT_EQ(TimeOfShared(load, std::nullopt, "", std::nullopt, "").seconds, 0);
}

TEST(PlanModel, AWarmUpTakesADayForEachNumber) {
  const base::WallTime evening = base::WallTime::FromSeconds(20'000LL * 86'400 + 20 * 3600);
  constexpr double kHour = 3600;
  EXPECT_DOUBLE_EQ(TimeOfWarmup(50, {50, 100}, {}, evening).seconds, 0);
  EXPECT_DOUBLE_EQ(TimeOfWarmup(150, {50, 100}, {}, evening).seconds, 4 * kHour);
  EXPECT_DOUBLE_EQ(TimeOfWarmup(1'000'000, {50, 100}, {}, evening).seconds, 28 * kHour);
  EXPECT_DOUBLE_EQ(TimeOfWarmup(120, {50, 100}, {.days = 1, .used = 10}, evening).seconds, 4 * kHour);
  EXPECT_DOUBLE_EQ(TimeOfWarmup(1'000'000, {50, 100}, {.days = 2}, evening).seconds, 0);
  EXPECT_EQ(TimeOfWarmup(150, {50, 100}, {}, evening).limited_by, "warmup");
}

}  // namespace
}  // namespace engine
