// What receivers see of a simulated program's limits: over all shards, campaigns and sources, over the sites of a
// provider, and through crashes, never more than a limit allows (and, of rates, the path can bunch together). What is
// learned of receivers meanwhile allows nothing beyond. Where a limit changes, what was under way then may still arrive
// by the old one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "tests/sim/rate_count.h"
#include "tests/sim/shaping_draw.h"

namespace sim {

// Where a connection arrives, or a message, and from whom.
struct Place {
  std::size_t provider = 0, site = 0;
  std::string source;  // Its address.
  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is under way arrives in this time: latency, replies that are awaited, bytes in fragments; it is also enough for
// new limits to reach all shards, and for the 5 ms that a message may come early where a rate has no burst of its own.
inline constexpr base::Duration kUnderWay = base::Duration::Seconds(2);

class LimitChecks {
 public:
  explicit LimitChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Of a source at a provider, from now on. "": of those that have none of their own.
  void SetLimits(std::size_t provider, const std::string& source, const ProviderLimits& limits, base::Instant now);
  // A campaign with a rate of its own.
  void AddCampaign(std::size_t campaign, const base::Rate& rate);
  // A server heard of a recipient of this campaign, on this connection.
  void OnRecipient(std::size_t campaign, const Place& place, std::uint64_t connection, base::Instant now);
  // A connection begins, or has ended.
  void OnConnection(const Place& place, bool begins, base::Instant now);

  std::uint32_t OpenAt(const Place& place) const;     // Connections.
  std::uint64_t reached() const { return reached_; }  // Connections that were the last one allowed.
  // Of these, while the provider had some at another site.
  std::uint64_t reached_over_sites() const { return reached_over_sites_; }
  // Messages and connections that were the last one that a rate allowed at that moment.
  std::uint64_t reached_rates() const { return reached_rates_; }

 private:
  using Scope = ProviderLimits::Scope;
  enum class Kind : std::uint8_t { kMessages, kConnections };
  struct Known {
    ProviderLimits now, before;
    base::Instant changed_at;
    bool has_changed = false;
    std::array<std::array<RateHistory, ProviderLimits::kScopes>, 2> rates = {};  // By kind.
  };
  struct Deliveries {
    std::uint32_t count = 0, limit = 0;  // The latter when it began.
  };
  struct CampaignRate {
    RateHistory rate;
    Arrivals arrivals;
  };
  using RateKey = std::tuple<Kind, Scope, Place>;
  // What of a place a limit of this scope is about.
  static Place Widened(const Place& place, Scope scope);
  static bool IsChanging(const Known& known, base::Instant now) {
    return known.has_changed && now < known.changed_at + kUnderWay;
  }
  static const std::optional<base::Rate>& RateOf(const ProviderLimits::Limit& limit, Kind kind) {
    return kind == Kind::kMessages ? limit.messages : limit.connection_rate;
  }
  // Null: the provider has no limits.
  const Known* KnownOf(const Place& place) const;
  void CountRate(Kind kind, Scope scope, const Place& place, const Known& known, base::Instant now);
  void CheckOpen(Scope scope, const Place& place, const Known& known, base::Instant now);

  const std::function<void(std::string)> report_;
  std::map<std::pair<std::size_t, std::string>, Known> limits_;  // By provider and source.
  std::map<RateKey, Arrivals> arrivals_;
  std::map<std::size_t, CampaignRate> campaigns_;
  std::map<std::pair<Scope, Place>, std::uint32_t> open_;
  std::map<std::uint64_t, Deliveries> deliveries_;  // By connection.
  std::uint64_t reached_ = 0, reached_over_sites_ = 0, reached_rates_ = 0;
};

}  // namespace sim
