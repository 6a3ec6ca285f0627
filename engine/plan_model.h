// How long a site takes to be served, by its limits: the arithmetic of `sluice plan`. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/config/limits.h"
#include "engine/delivery/site_standing.h"
#include "engine/delivery/warmup.h"

namespace engine {

// How long a receiver takes on one connection.
struct PlanAssumptions {
  // All that it answers takes one round trip. A new connection takes six: TCP, greeting, EHLO, STARTTLS, the handshake,
  // EHLO; its end takes another, QUIT.
  static PlanAssumptions At(base::Duration round_trip) { return {round_trip, round_trip * 6, round_trip, {}}; }
  // With so many messages under way on each connection.
  PlanAssumptions WithInFlight(std::uint32_t messages) const {
    return {message / messages, open, close, commit / messages};
  }
  base::Duration message;  // From its first byte until it is accepted.
  base::Duration open;     // Until a new connection carries a message.
  base::Duration close;    // Until another one may be opened in its place.
  base::Duration commit;   // Until what is written down of a message before it leaves is durable.
};
inline constexpr base::Duration kAssumedRoundTrip = base::Duration::Milliseconds(50);

struct PlannedTime {
  double seconds = 0;
  // The limit's key; "window", "adaptive_rate" or "suspended", as it is known of the receiver; "retry": it is not due
  // before; or "round_trip": it would be as long without limits.
  std::string limited_by;
};

// The longer one.
PlannedTime Longer(PlannedTime a, PlannedTime b);
// What a rate owes (delivery::LimitGroup::Debts).
struct RateDebt {
  base::Duration debt;
  double ns_for_one = 0;  // At the rate that it is of; 0: not known.
  RateDebt After(base::Duration waited) const { return {std::max(base::Duration(), debt - waited), ns_for_one}; }
};
// Until `count` have passed, the first of them at once where nothing is owed.
double SecondsAtRate(std::uint64_t count, const base::Rate& rate, const RateDebt& owed = {});
// What several queues share: a number of connections, and a rate.
struct SharedLoad {
  std::uint64_t messages = 0;
  double work = 0;  // Seconds that it would all take on one connection.
  void Add(std::uint64_t more, const config::Limits& limits, const PlanAssumptions& assumptions);
  void Add(const SharedLoad& more);
};
// By the time until they are due: numbers of messages, and what these are to what they share.
using DueCounts = std::map<base::Duration, std::uint64_t>;
using DueLoads = std::map<base::Duration, SharedLoad>;
std::uint64_t CountOf(const DueCounts& due);
SharedLoad Total(const DueLoads& due);
void Add(const DueLoads& more, DueLoads& to);
// Of all of them, where messages that are due together take so long as `time_of` says, which begin then.
PlannedTime TimeOfDue(const DueLoads& due,
                      absl::FunctionRef<PlannedTime(const SharedLoad& load, base::Duration waited)> time_of);
// None: no such limit. The names are those of the limits' keys.
PlannedTime TimeOfShared(const SharedLoad& load, const std::optional<std::uint32_t>& connections,
                         std::string_view connections_key, const std::optional<base::Rate>& rate,
                         std::string_view rate_key, const RateDebt& owed = {});
// What will be known after that time: its rates owe less.
delivery::SiteStanding::Kept Later(delivery::SiteStanding::Kept known, base::Duration waited);
// Of `messages` to one site from one source, of which so much is known. Not how long it is suspended.
PlannedTime TimeOfSite(std::uint64_t messages, const config::Limits& limits, const PlanAssumptions& assumptions,
                       const delivery::SiteStanding::Kept& known = {});
// What a message costs on one core.
struct MessageCost {
  base::Duration signatures;  // Where they are to be made.
  base::Duration rest;        // Rendering, digests, TLS, SMTP, the ledger, the kernel.
};
struct MachineLoad {
  std::uint64_t messages = 0;
  std::uint64_t to_sign = 0;       // Of them; the others' signatures are sealed.
  std::uint64_t largest_site = 0;  // So many go there: that is on one core, and others only sign for it.
};
PlannedTime TimeOfMachine(const MessageCost& cost, const MachineLoad& load, std::uint32_t cores);
// What takes so long, once nothing is suspended any more.
PlannedTime After(base::Duration suspended, PlannedTime time);

// Of `messages` that a warm-up with these numbers, which stands so, lets go from `now` on, where each day is used and
// clean.
PlannedTime TimeOfWarmup(std::uint64_t messages, const std::vector<std::uint32_t>& numbers,
                         const delivery::Warmup::Kept& kept, base::WallTime now);

}  // namespace engine
