#include "tests/sim/limit_checks.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace sim {
namespace {

// What may be so much later than the one before it: by latency, replies that are awaited, bytes in fragments.
constexpr base::Duration kJitter = base::Duration::Seconds(2);

delivery::RateGate GateOf(const base::Rate& rate) {
  const std::uint64_t bunched = rate.count * static_cast<std::uint64_t>(kJitter.nanoseconds()) /
                                static_cast<std::uint64_t>(rate.period.nanoseconds());
  return delivery::RateGate({rate.count, rate.period, rate.burst_max.value_or(1) + bunched + 1}, base::Instant());
}

base::Rate DrawRate(base::Prng& prng, std::string_view key, std::string& text) {
  const base::Rate rate{10 + prng.Below(100), base::Duration::Minutes(1), 1 + prng.Below(20)};
  absl::StrAppendFormat(&text, "%s = \"%d/min,max_burst=%d\"\n", key, rate.count, *rate.burst_max);
  return rate;
}

std::uint32_t DrawCount(base::Prng& prng, std::uint64_t most, std::string_view key, std::string& text) {
  const auto count = static_cast<std::uint32_t>(1 + prng.Below(most));
  absl::StrAppendFormat(&text, "%s = %d\n", key, count);
  return count;
}

}  // namespace

std::string LimitChecks::Draw(base::Prng& prng, const sandbox::Personality& personality) {
  // A domain without MX goes to its own host, which is of no provider.
  const auto& faults = personality.dns.shares;
  if (std::any_of(faults.begin(), faults.end(),
                  [](const auto& one) { return one.fault == sandbox::DomainFault::kNoMx; }))
    return "";
  std::string text;
  for (std::size_t i = 0; i < personality.providers.size(); ++i) {
    if (!prng.Chance(0.5)) continue;
    Limits& limits = limits_[i];
    absl::StrAppendFormat(&text, "[provider.\"limited%d\"]\nmatch = [{MXSuffix = \".p%d.example\"}]\n", i, i);
    // The provider is one site: what holds for each of its sites is what holds for all of them.
    if (prng.Chance(0.4)) {
      limits.messages = DrawRate(prng, prng.Chance(0.5) ? "provider_max_message_rate" : "max_message_rate", text);
    }
    if (prng.Chance(0.2)) limits.messages_in_total = DrawRate(prng, "total_message_rate", text);
    if (prng.Chance(0.4)) {
      limits.connections =
          DrawCount(prng, 4, prng.Chance(0.5) ? "provider_connection_limit" : "connection_limit", text);
    }
    if (prng.Chance(0.3)) limits.connections_in_total = DrawCount(prng, 4, "total_connection_limit", text);
    if (prng.Chance(0.3)) limits.connection_rate = DrawRate(prng, "max_connection_rate", text);
    if (prng.Chance(0.5)) limits.deliveries = DrawCount(prng, 5, "max_deliveries_per_connection", text);
    // Who takes fewer connections than are allowed is to be learned.
    if (personality.providers[i].connections_per_source == 0 && prng.Chance(0.2)) text += "adaptive = false\n";
  }
  return text;
}

void LimitChecks::AddCampaign(std::size_t campaign, const base::Rate& rate) {
  campaigns_.emplace(campaign, GateOf(rate));
}

void LimitChecks::Pass(const GateKey& key, const std::optional<base::Rate>& rate, base::Instant now) {
  if (!rate.has_value()) return;
  delivery::RateGate& gate = gates_.try_emplace(key, GateOf(*rate)).first->second;
  if (gate.TryPass(now)) return;
  const auto& [kind, provider, source] = key;
  report_(absl::StrFormat("provider %d got more %s from %s than its rate allows, %d ms from the start", provider,
                          kind == Kind::kConnections ? "connections" : "messages",
                          source.empty() ? "all sources" : source, (now - base::Instant()).milliseconds()));
}

void LimitChecks::OnRecipient(std::size_t campaign, const sandbox::Exchanger::Named& named, base::Instant now) {
  const auto own = campaigns_.find(campaign);
  if (own != campaigns_.end() && !own->second.TryPass(now))
    report_(absl::StrFormat("campaign %d sends more than its rate allows", campaign));
  const auto found = limits_.find(named.provider);
  if (found == limits_.end()) return;
  const Limits& limits = found->second;
  Pass({Kind::kMessages, named.provider, named.client.ToString()}, limits.messages, now);
  Pass({Kind::kMessagesInTotal, named.provider, ""}, limits.messages_in_total, now);
  const std::uint32_t deliveries = ++deliveries_[named.connection];
  if (limits.deliveries != 0 && deliveries > limits.deliveries)
    report_(absl::StrFormat("provider %d got %d messages in a connection, which has %d", named.provider, deliveries,
                            limits.deliveries));
}

void LimitChecks::CheckOpen(std::size_t provider, std::uint32_t open, std::uint32_t limit, std::string_view of_whom,
                            base::Instant now) {
  if (limit == 0) return;
  reached_ += open == limit ? 1 : 0;
  if (open > limit)
    report_(absl::StrFormat("provider %d has %d connections of %s, where %d are allowed, %d ms from the start",
                            provider, open, of_whom, limit, (now - base::Instant()).milliseconds()));
}

void LimitChecks::OnConnection(std::size_t provider, const base::IpAddress& client, bool begins, base::Instant now) {
  const auto found = limits_.find(provider);
  if (found == limits_.end()) return;
  const Limits& limits = found->second;
  const std::string source = client.ToString();
  if (!begins) {
    --open_[{provider, source}];
    return;
  }
  const std::uint32_t open = ++open_[{provider, source}];
  std::uint32_t in_total = 0;
  for (const auto& [whose, count] : open_) in_total += whose.first == provider ? count : 0;
  CheckOpen(provider, open, limits.connections, source, now);
  CheckOpen(provider, in_total, limits.connections_in_total, "all sources", now);
  Pass({Kind::kConnections, provider, source}, limits.connection_rate, now);
}

}  // namespace sim
