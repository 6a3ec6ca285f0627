// What receivers see of a simulated program's limits: over all shards, campaigns and sources, over the sites of a
// provider, and through crashes, never more than a limit allows (and, of rates, the path can bunch together). What is
// learned of receivers meanwhile allows nothing beyond. Where a limit changes, what was under way then may still arrive
// by the old one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/delivery/rate_gate.h"
#include "tests/sim/shaping_draw.h"

namespace sim {

// Where a connection arrives, or a message, and from whom.
struct Place {
  std::size_t provider = 0, site = 0;
  std::string source;  // Its address.
  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is under way arrives in this time: latency, replies that are awaited, bytes in fragments.
inline constexpr base::Duration kUnderWay = base::Duration::Seconds(2);
// Lets pass what the rate allows, and what the path bunches together.
delivery::RateGate GateOf(const base::Rate& rate);

class LimitChecks {
 public:
  explicit LimitChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Of a provider, from now on.
  void SetLimits(std::size_t provider, const ProviderLimits& limits, base::Instant now);
  // A campaign with a rate of its own.
  void AddCampaign(std::size_t campaign, const base::Rate& rate);
  // A server heard of a recipient of this campaign, on this connection.
  void OnRecipient(std::size_t campaign, const Place& place, std::uint64_t connection, base::Instant now);
  // A connection begins, or has ended.
  void OnConnection(const Place& place, bool begins, base::Instant now);

  std::uint32_t OpenAt(const Place& place) const;     // Connections.
  std::uint64_t reached() const { return reached_; }  // Connections that were the last one allowed.
  std::uint64_t reached_over_sites() const {
    return reached_over_sites_;
  }  // Of these, while the provider had some at
     // another site.

 private:
  using Scope = ProviderLimits::Scope;
  struct Known {
    ProviderLimits now, before;
    base::Instant changed_at;
    bool has_changed = false;
  };
  struct Gate {
    delivery::RateGate gate;
    std::optional<delivery::RateGate> before;  // The change.
  };
  struct Deliveries {
    std::uint32_t count = 0, limit = 0;  // The latter when it began.
  };
  enum class Kind : std::uint8_t { kMessages, kConnections };
  using GateKey = std::tuple<Kind, Scope, Place>;
  using OptionalRate = std::optional<base::Rate>;
  // What of a place a limit of this scope is about.
  static Place Widened(const Place& place, Scope scope);
  static bool IsChanging(const Known& known, base::Instant now) {
    return known.has_changed && now < known.changed_at + kUnderWay;
  }
  static const OptionalRate& RateOf(const ProviderLimits::Limit& limit, Kind kind) {
    return kind == Kind::kMessages ? limit.messages : limit.connection_rate;
  }
  void Pass(Kind kind, Scope scope, const Place& place, const Known& known, base::Instant now);
  void CheckOpen(Scope scope, const Place& place, const Known& known, base::Instant now);

  const std::function<void(std::string)> report_;
  std::map<std::size_t, Known> limits_;
  std::map<GateKey, Gate> gates_;
  std::map<std::size_t, delivery::RateGate> campaigns_;
  std::map<std::pair<Scope, Place>, std::uint32_t> open_;
  std::map<std::uint64_t, Deliveries> deliveries_;  // By connection.
  std::uint64_t reached_ = 0, reached_over_sites_ = 0;
};

}  // namespace sim
