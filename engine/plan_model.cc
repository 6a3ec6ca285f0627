#include "engine/plan_model.h"

#include <algorithm>
#include <limits>

#include "engine/delivery/rate_gate.h"

namespace engine {
namespace {

constexpr std::uint64_t kMessagesForASession = 16;  // As the site has it: one more is opened for so many that wait.

std::uint64_t Ceiling(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

double Seconds(base::Duration time) { return static_cast<double>(time.nanoseconds()) / 1e9; }

}  // namespace

PlannedTime Longer(PlannedTime a, PlannedTime b) { return b.seconds > a.seconds ? b : a; }

double SecondsAtRate(std::uint64_t count, const base::Rate& rate) {
  const delivery::RateGate::Options gate = delivery::GateOptions(rate);
  if (count == 0) return 0;
  if (gate.count == 0) return std::numeric_limits<double>::infinity();
  const std::uint64_t at_once = std::min(count, gate.burst_max);
  return static_cast<double>(count - at_once) * Seconds(gate.period) / static_cast<double>(gate.count);
}

void SharedLoad::Add(std::uint64_t more, const config::Limits& limits, const PlanAssumptions& assumptions) {
  const std::uint64_t opened = Ceiling(more, limits.max_deliveries_per_connection);
  messages += more;
  work += static_cast<double>(more) * Seconds(assumptions.message + assumptions.commit) +
          static_cast<double>(opened) * Seconds(assumptions.open + assumptions.close);
}

PlannedTime TimeOfShared(const SharedLoad& load, const std::optional<std::uint32_t>& connections,
                         std::string_view connections_key, const std::optional<base::Rate>& rate,
                         std::string_view rate_key) {
  PlannedTime time;
  if (connections.has_value()) time = Longer(time, {load.work / *connections, std::string(connections_key)});
  if (rate.has_value()) time = Longer(time, {SecondsAtRate(load.messages, *rate), std::string(rate_key)});
  return time;
}

PlannedTime TimeOfSite(std::uint64_t messages, const config::Limits& limits, const PlanAssumptions& assumptions) {
  if (messages == 0) return {};
  const std::uint64_t per_connection = limits.max_deliveries_per_connection;
  const std::uint64_t wanted = Ceiling(messages, std::min(kMessagesForASession, per_connection));
  const std::uint64_t sessions = std::min<std::uint64_t>(limits.connection_limit, wanted);
  const std::uint64_t each = Ceiling(messages, sessions);
  const std::uint64_t opened = Ceiling(each, per_connection);
  PlannedTime time = {static_cast<double>(each) * Seconds(assumptions.message + assumptions.commit) +
                          static_cast<double>(opened) * Seconds(assumptions.open) +
                          static_cast<double>(opened - 1) * Seconds(assumptions.close),
                      wanted > sessions ? "connection_limit" : "round_trip"};
  if (limits.max_connection_rate.has_value())
    time = Longer(
        time, {SecondsAtRate(Ceiling(messages, per_connection), *limits.max_connection_rate), "max_connection_rate"});
  if (limits.max_message_rate.has_value())
    time = Longer(time, {SecondsAtRate(messages, *limits.max_message_rate), "max_message_rate"});
  return time;
}

PlannedTime TimeOfWarmup(std::uint64_t messages, const std::vector<std::uint32_t>& numbers,
                         const delivery::Warmup::Kept& kept, base::WallTime now) {
  std::uint64_t used = kept.used;
  base::WallTime at = now;
  for (std::size_t day = kept.days; day < numbers.size(); ++day) {
    const std::uint64_t room = numbers[day] - std::min<std::uint64_t>(used, numbers[day]);
    if (messages <= room) break;
    messages -= room;
    used = 0;
    at = delivery::Warmup::EndOfDay(at);
  }
  return {Seconds(at - now), std::string(delivery::kWarmupLimit)};
}

}  // namespace engine
