#include "tools/bench/settings.h"

#include <algorithm>

namespace bench {
namespace {

// By default each site has a few connections: windows grow by one per window's worth of successes.
constexpr std::uint32_t kSites = 32;
// Messages per second and shard that no machine reaches.
constexpr std::uint64_t kPlainMost = 200'000, kTlsMost = 120'000, kRsaMost = 12'000, kEd25519Most = 50'000,
                        kSealedMost = 90'000;

std::uint64_t MostPerSecond(const Scenario& scenario) {
  switch (scenario.signing) {
    case Signing::kNone:
    case Signing::kShared:
      return scenario.tls ? kTlsMost : kPlainMost;
    case Signing::kRsa:
      return kRsaMost;
    case Signing::kEd25519:
      return kEd25519Most;
    case Signing::kSealed:
      return kSealedMost;
  }
  return kPlainMost;
}

}  // namespace

std::uint32_t Settings::SitesInUse() const {
  if (target.has_value()) return 1;
  return scenario.sites != 0 ? scenario.sites : std::min(kSites, connections);
}

std::uint64_t Settings::DomainsInUse() const { return std::max<std::uint64_t>(domains, SitesInUse()); }

std::uint32_t Settings::ConnectionsOfFirstSite() const {
  return scenario.skew == 0 ? ConnectionsPerSite() : std::max(1u, connections * scenario.skew / 100);
}

std::uint32_t Settings::ConnectionsPerSite() const {
  const std::uint32_t sites = SitesInUse();
  if (scenario.skew == 0 || sites == 1) return std::max(1u, connections / sites);
  return std::max(1u, (connections - std::min(connections, ConnectionsOfFirstSite())) / (sites - 1));
}

std::optional<double> Settings::RoundTripsPerSecond() const {
  const double rtt_s = static_cast<double>(scenario.rtt.nanoseconds()) / 1e9;
  if (rtt_s <= 0) return std::nullopt;
  return ConnectionsInUse() / rtt_s;
}

std::uint32_t Settings::ConnectionsInUse() const {
  return std::min(connections, ConnectionsOfFirstSite() + (SitesInUse() - 1) * ConnectionsPerSite());
}

base::Duration Settings::WarmUp() const { return base::Duration::Milliseconds(500) + scenario.rtt * 10; }

base::Duration Settings::FloodTime() const {
  const base::Duration measured =
      is_timed() ? seconds : base::Duration::Microseconds(static_cast<std::int64_t>(recipients) * 20);
  return std::clamp(measured / 4, base::Duration::Milliseconds(25), base::Duration::Milliseconds(500));
}

std::uint32_t Settings::FloodConnections() const { return std::clamp(connections, 32u, 256u); }

std::uint64_t Settings::RecipientsToPrepare() const {
  if (!is_timed()) return recipients;
  double per_second = static_cast<double>(MostPerSecond(scenario) * scenario.shards);
  per_second = std::min(per_second, RoundTripsPerSecond().value_or(per_second));
  const double span_s = static_cast<double>((seconds + WarmUp()).nanoseconds()) / 1e9 + 0.5;
  return static_cast<std::uint64_t>(per_second * span_s) + 1'000;
}

}  // namespace bench
