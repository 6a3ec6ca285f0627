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

TEST(PlanModel, AFewMessagesTakeAFewRoundTrips) {
  const PlannedTime few = TimeOfSite(5, LimitsOf(100, 1000), kAssumptions);
  EXPECT_DOUBLE_EQ(few.seconds, 1.1);
  EXPECT_EQ(few.limited_by, "round_trip");
  PlanAssumptions slow_disk = kAssumptions;
  slow_disk.commit = Duration::Milliseconds(20);
  EXPECT_DOUBLE_EQ(TimeOfSite(5, LimitsOf(100, 1000), slow_disk).seconds, 1.2);
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
