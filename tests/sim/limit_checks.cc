#include "tests/sim/limit_checks.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace sim {
namespace {

// A message may be this much later than the one before it: latency, replies that are awaited, bytes in fragments.
constexpr std::uint64_t kJitterSeconds = 2;

}  // namespace

std::string LimitChecks::Draw(base::Prng& prng, const sandbox::Personality& personality) {
  // A domain without MX goes to its own host, which is of no provider.
  const auto& faults = personality.dns.shares;
  if (std::any_of(faults.begin(), faults.end(),
                  [](const auto& one) { return one.fault == sandbox::DomainFault::kNoMx; }))
    return "";
  // Not max_message_rate: a domain with a block of its own is a site for itself.
  static constexpr const char* kKeys[] = {"provider_max_message_rate", "total_message_rate"};
  std::string text;
  for (std::size_t i = 0; i < personality.providers.size(); ++i) {
    if (!prng.Chance(0.3)) continue;
    const std::uint64_t per_minute = 10 + prng.Below(100), burst = 1 + prng.Below(20);
    absl::StrAppendFormat(
        &text, "[provider.\"limited%d\"]\nmatch = [{MXSuffix = \".p%d.example\"}]\n%s = \"%d/min,max_burst=%d\"\n", i,
        i, kKeys[prng.Below(2)], per_minute, burst);
    gates_.emplace(
        i, delivery::RateGate({per_minute, base::Duration::Minutes(1), burst + per_minute * kJitterSeconds / 60 + 1},
                              base::Instant()));
  }
  return text;
}

void LimitChecks::OnRecipient(std::size_t provider, base::Instant now) {
  const auto found = gates_.find(provider);
  if (found == gates_.end() || found->second.TryPass(now)) return;
  report_(absl::StrFormat("provider %d got more than its rate allows, %d ms from the start", provider,
                          (now - base::Instant()).milliseconds()));
}

}  // namespace sim
