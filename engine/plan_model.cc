#include "engine/plan_model.h"

#include <algorithm>
#include <limits>

#include "engine/delivery/rate_gate.h"
#include "engine/delivery/window.h"

namespace engine {
namespace {

constexpr std::uint64_t kMessagesForASession = 16;  // As the site has it: one more is opened for so many that wait.

std::uint64_t Ceiling(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

double Seconds(base::Duration time) { return static_cast<double>(time.nanoseconds()) / 1e9; }

// What goes before a window is as large as it need be: one connection more for each message on each of them.
struct Growth {
  std::uint64_t messages = 0;
  double seconds = 0;
};

Growth GrowthOf(std::uint64_t messages, std::uint64_t sessions, double window, const PlanAssumptions& assumptions) {
  Growth growth;
  for (auto size = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(window));
       size < sessions && growth.messages < messages; ++size) {
    growth.messages += std::min(size, messages - growth.messages);
    growth.seconds += Seconds(assumptions.message + assumptions.commit);
  }
  return growth;
}

// On so many connections, which are made anew; the last time as many as the messages that are left are worth.
double SecondsInTurns(std::uint64_t messages, std::uint64_t sessions, const config::Limits& limits,
                      const PlanAssumptions& assumptions) {
  const std::uint64_t per_connection = limits.max_deliveries_per_connection;
  const std::uint64_t full = messages / (sessions * per_connection), left = messages % (sessions * per_connection);
  const std::uint64_t worth = Ceiling(left, std::min(kMessagesForASession, per_connection));
  const std::uint64_t last = left == 0 ? 0 : Ceiling(left, full == 0 ? sessions : std::min(sessions, worth));
  const std::uint64_t turns = std::max<std::uint64_t>(1, full + (left > 0 ? 1 : 0));
  return static_cast<double>(full * per_connection + last) * Seconds(assumptions.message + assumptions.commit) +
         static_cast<double>(turns) * Seconds(assumptions.open) +
         static_cast<double>(turns - 1) * Seconds(assumptions.close);
}

}  // namespace

PlannedTime Longer(PlannedTime a, PlannedTime b) { return b.seconds > a.seconds ? b : a; }

double SecondsAtRate(std::uint64_t count, const base::Rate& rate, const RateDebt& owed) {
  const delivery::RateGate::Options gate = delivery::GateOptions(rate);
  if (count == 0) return 0;
  if (gate.count == 0) return std::numeric_limits<double>::infinity();
  const auto per_period = static_cast<double>(gate.count);
  double debt = Seconds(owed.debt);
  if (owed.ns_for_one > 0)  // As many messages, where that is less.
    debt = std::min(debt, debt * Seconds(gate.period) * 1e9 / per_period / owed.ns_for_one);
  const double paced = static_cast<double>(count) - static_cast<double>(gate.burst_max);
  return std::max(0.0, debt + paced * Seconds(gate.period) / per_period);
}

void SharedLoad::Add(std::uint64_t more, const config::Limits& limits, const PlanAssumptions& assumptions) {
  const std::uint64_t opened = Ceiling(more, limits.max_deliveries_per_connection);
  messages += more;
  work += static_cast<double>(more) * Seconds(assumptions.message + assumptions.commit) +
          static_cast<double>(opened) * Seconds(assumptions.open + assumptions.close);
}

void SharedLoad::Add(const SharedLoad& more) {
  messages += more.messages;
  work += more.work;
}

std::uint64_t CountOf(const DueCounts& due) {
  std::uint64_t count = 0;
  for (const auto& [wait, messages] : due) count += messages;
  return count;
}

SharedLoad Total(const DueLoads& due) {
  SharedLoad total;
  for (const auto& [wait, load] : due) total.Add(load);
  return total;
}

void Add(const DueLoads& more, DueLoads& to) {
  for (const auto& [wait, load] : more) to[wait].Add(load);
}

// Whoever is due at some time or later is not done before that, and all of them take their time.
PlannedTime TimeOfDue(const DueLoads& due,
                      absl::FunctionRef<PlannedTime(const SharedLoad& load, base::Duration waited)> time_of) {
  PlannedTime longest;
  SharedLoad from_here;
  for (auto next = due.rbegin(); next != due.rend(); ++next) {
    from_here.Add(next->second);
    const base::Duration wait = next->first;
    PlannedTime time = time_of(from_here, wait);
    if (time.limited_by.empty()) continue;  // Nothing holds it there.
    if (Seconds(wait) > time.seconds) time.limited_by = "retry";
    time.seconds += Seconds(wait);
    longest = longest.limited_by.empty() ? time : Longer(longest, time);
  }
  return longest;
}

PlannedTime TimeOfMachine(const MessageCost& cost, const MachineLoad& load, std::uint32_t cores) {
  const double signing = static_cast<double>(load.to_sign) * Seconds(cost.signatures);
  const double rest = static_cast<double>(load.messages) * Seconds(cost.rest);
  return Longer({(signing + rest) / cores, signing > rest ? "signing" : "machine"},
                {static_cast<double>(load.largest_site) * Seconds(cost.rest), "machine"});
}

PlannedTime TimeOfShared(const SharedLoad& load, const std::optional<std::uint32_t>& connections,
                         std::string_view connections_key, const std::optional<base::Rate>& rate,
                         std::string_view rate_key, const RateDebt& owed) {
  PlannedTime time;
  if (connections.has_value()) time = Longer(time, {load.work / *connections, std::string(connections_key)});
  if (rate.has_value()) time = Longer(time, {SecondsAtRate(load.messages, *rate, owed), std::string(rate_key)});
  return time;
}

delivery::SiteStanding::Kept Later(delivery::SiteStanding::Kept known, base::Duration waited) {
  known.debts.messages = std::max(base::Duration(), known.debts.messages - waited);
  known.debts.connections = std::max(base::Duration(), known.debts.connections - waited);
  return known;
}

PlannedTime TimeOfSite(std::uint64_t messages, const config::Limits& limits, const PlanAssumptions& assumptions,
                       const delivery::SiteStanding::Kept& known) {
  if (messages == 0) return {};
  const std::uint64_t per_connection = limits.max_deliveries_per_connection;
  const std::uint64_t wanted = Ceiling(messages, std::min(kMessagesForASession, per_connection));
  const std::uint64_t sessions = std::min<std::uint64_t>(limits.connection_limit, wanted);
  const double window = known.window > 0 ? known.window : delivery::Window(limits.connection_limit).exact_size();
  const Growth growth = limits.adaptive ? GrowthOf(messages, sessions, window, assumptions) : Growth();
  const double rest = SecondsInTurns(messages - growth.messages, sessions, limits, assumptions);
  PlannedTime time = {growth.seconds + rest, growth.seconds > rest ? "window"
                                             : wanted > sessions   ? "connection_limit"
                                                                   : "round_trip"};
  if (limits.max_connection_rate.has_value())
    time = Longer(time, {SecondsAtRate(Ceiling(messages, per_connection), *limits.max_connection_rate,
                                       {known.debts.connections, known.debts.ns_per_connection}),
                         "max_connection_rate"});
  if (limits.max_message_rate.has_value())
    time = Longer(
        time, {SecondsAtRate(messages, *limits.max_message_rate, {known.debts.messages, known.debts.ns_per_message}),
               "max_message_rate"});
  if (limits.adaptive && known.messages_per_second > 0)  // It is what the receiver takes, as far as anybody knows.
    time = Longer(time, {static_cast<double>(messages - 1) / known.messages_per_second, "adaptive_rate"});
  return time;
}

PlannedTime After(base::Duration suspended, PlannedTime time) {
  const double wait = Seconds(suspended);
  if (wait > time.seconds) time.limited_by = "suspended";
  time.seconds += wait;
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
