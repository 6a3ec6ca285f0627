#include "tests/sim/source_checks.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "tests/sim/limit_checks.h"

namespace sim {
namespace {

using base::Duration;

constexpr std::uint64_t kSalt = 0x50FACE;

// Slow beside their bursts: a program that forgets what it owes is to be told from one that does not.
base::Rate DrawRate(base::Prng& prng) {
  base::Rate rate{6 + prng.Below(60), Duration::Minutes(1), std::nullopt};
  if (prng.Chance(0.2)) rate = {60 * rate.count + prng.Below(60), Duration::Hours(1), std::nullopt};
  if (prng.Chance(0.2)) rate = {1 + prng.Below(4), Duration::Seconds(1), std::nullopt};
  if (prng.Chance(0.8)) rate.burst_max = 1 + prng.Below(30);
  return rate;
}

}  // namespace

SourceChecks::SourceChecks(std::uint64_t seed, std::function<void(std::string)> report)
    : report_(std::move(report)), prng_(base::StableHashCombine(seed, kSalt)), draws_(prng_.Chance(0.3)) {}

config::SourceLimits SourceChecks::DrawLimits() {
  config::SourceLimits limits;
  if (prng_.Chance(0.6)) limits.connection_limit = static_cast<std::uint32_t>(1 + prng_.Below(6));
  if (prng_.Chance(0.7)) limits.max_message_rate = DrawRate(prng_);
  return limits;
}

std::vector<delivery::Source> SourceChecks::Draw(std::vector<delivery::Source> sources, base::Instant now) {
  const bool is_first = known_.empty();
  if (!draws_ || (!is_first && !prng_.Chance(0.3))) return sources;
  changes_ += is_first ? 0 : 1;
  for (delivery::Source& source : sources) {
    source.limits = DrawLimits();
    Known& known = known_[source.address.has_value() ? source.address->ToString() : ""];
    known.limits = source.limits;
    known.rate.Set(source.limits.max_message_rate, now);
  }
  return sources;
}

void SourceChecks::Tell(Findings& findings) const {
  findings.at_source_limit = reached_;
  findings.source_changes = changes_;
}

SourceChecks::Known* SourceChecks::KnownOf(const base::IpAddress& client) {
  auto found = known_.find(client.ToString());
  if (found == known_.end()) found = known_.find("");
  return found == known_.end() ? nullptr : &found->second;
}

void SourceChecks::Report(std::string_view what, const base::IpAddress& client, base::Instant now) const {
  report_(absl::StrFormat("source %s: %s, %d ms from the start", client.ToString(), what,
                          (now - base::Instant()).milliseconds()));
}

void SourceChecks::OnRecipient(const base::IpAddress& client, base::Instant now) {
  Known* const known = KnownOf(client);
  if (known == nullptr) return;
  const Arrivals::Verdict verdict = known->arrivals.Add(known->rate, now, kUnderWay);
  if (verdict == Arrivals::Verdict::kLast) ++reached_;
  if (verdict == Arrivals::Verdict::kTooMany) Report("more messages than the rate allows", client, now);
}

void SourceChecks::OnConnection(const base::IpAddress& client, bool begins, base::Instant now) {
  Known* const known = KnownOf(client);
  if (known == nullptr) return;
  known->open += begins ? 1u : -1u;
  const std::uint32_t limit = known->limits.connection_limit.value_or(0);
  if (!begins || limit == 0) return;
  if (known->open == limit) ++reached_;
  if (known->open > limit)
    Report(absl::StrFormat("%d connections, where %d are allowed", known->open, limit), client, now);
}

}  // namespace sim
