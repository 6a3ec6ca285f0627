// Limits of providers and campaigns, drawn for a simulated world, and what the receivers see of them: over all shards,
// campaigns and sources, and through crashes, never more than a limit allows (and, of rates, the path can bunch
// together). What is learned of receivers meanwhile allows nothing beyond.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/prng.h"
#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/delivery/rate_gate.h"
#include "tools/sandbox/exchanger.h"
#include "tools/sandbox/personality.h"

namespace sim {

class LimitChecks {
 public:
  explicit LimitChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Draws limits for some of the providers, whose mail exchangers are named mx1.pN.example and the like. Returns the
  // lines of the shaping file. Each provider that has limits is to be one site, with all its hosts.
  std::string Draw(base::Prng& prng, const sandbox::Personality& personality);
  // A campaign with a rate of its own.
  void AddCampaign(std::size_t campaign, const base::Rate& rate);
  // A server heard of a recipient of this campaign.
  void OnRecipient(std::size_t campaign, const sandbox::Exchanger::Named& named, base::Instant now);
  // A connection to a server of the provider begins, or has ended.
  void OnConnection(std::size_t provider, const base::IpAddress& client, bool begins, base::Instant now);

  bool IsLimited(std::size_t provider) const { return limits_.contains(provider); }
  bool empty() const { return limits_.empty(); }
  std::uint64_t reached() const { return reached_; }  // Connections that were the last one allowed.

 private:
  struct Limits {                                             // Of a provider. Zero, nullopt: none.
    std::uint32_t connections = 0, connections_in_total = 0;  // The former of each source.
    std::uint32_t deliveries = 0;                             // Of each connection.
    std::optional<base::Rate> messages, messages_in_total, connection_rate;
  };
  enum class Kind : std::uint8_t { kMessages, kMessagesInTotal, kConnections };
  using GateKey = std::tuple<Kind, std::size_t, std::string>;  // Provider, and source; the latter empty: of all.
  void Pass(const GateKey& key, const std::optional<base::Rate>& rate, base::Instant now);
  void CheckOpen(std::size_t provider, std::uint32_t open, std::uint32_t limit, std::string_view of_whom,
                 base::Instant now);

  const std::function<void(std::string)> report_;
  std::map<std::size_t, Limits> limits_;
  std::map<GateKey, delivery::RateGate> gates_;
  std::map<std::size_t, delivery::RateGate> campaigns_;
  std::map<std::pair<std::size_t, std::string>, std::uint32_t> open_;  // By provider and source.
  std::map<std::uint64_t, std::uint32_t> deliveries_;                  // By connection.
  std::uint64_t reached_ = 0;
};

}  // namespace sim
