#include "tests/sim/limit_checks.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"

namespace sim {
namespace {

using Limits = ProviderLimits;

constexpr Limits::Scope kEveryScope[] = {Limits::kSite, Limits::kSiteTotal, Limits::kProvider, Limits::kProviderTotal};
constexpr std::size_t kAnySite = SIZE_MAX;

bool IsOverSites(Limits::Scope scope) { return scope == Limits::kProvider || scope == Limits::kProviderTotal; }
bool IsOverSources(Limits::Scope scope) { return scope == Limits::kSiteTotal || scope == Limits::kProviderTotal; }

std::string Describe(const Place& widened) {
  return absl::StrFormat("provider %d, %s, from %s", widened.provider,
                         widened.site == kAnySite ? "all sites" : absl::StrFormat("site %d", widened.site),
                         widened.source.empty() ? "all sources" : widened.source);
}

std::int64_t SinceStart(base::Instant now) { return (now - base::Instant()).milliseconds(); }

}  // namespace

delivery::RateGate GateOf(const base::Rate& rate) {
  const std::uint64_t bunched = rate.count * static_cast<std::uint64_t>(kUnderWay.nanoseconds()) /
                                static_cast<std::uint64_t>(rate.period.nanoseconds());
  return delivery::RateGate({rate.count, rate.period, rate.burst_max.value_or(1) + bunched + 1}, base::Instant());
}

Place LimitChecks::Widened(const Place& place, Scope scope) {
  return {place.provider, IsOverSites(scope) ? kAnySite : place.site, IsOverSources(scope) ? "" : place.source};
}

// What was owed at the old rate is owed at the new one.
void LimitChecks::SetLimits(std::size_t provider, const ProviderLimits& limits, base::Instant now) {
  const auto [found, is_new] = limits_.try_emplace(provider, Known{limits, {}, now});
  if (is_new) return;
  found->second = {limits, found->second.now, now, /*has_changed=*/true};
  for (auto next = gates_.begin(); next != gates_.end();) {
    const auto& [kind, scope, place] = next->first;
    const OptionalRate& rate = RateOf(limits.of[scope], kind);
    if (place.provider != provider || rate.has_value()) {
      Gate& gate = next->second;
      if (place.provider == provider) {
        gate.before = gate.gate;
        gate.gate.SetOptions(GateOf(*rate).options(), now);
      }
      ++next;
    } else {
      next = gates_.erase(next);
    }
  }
}

void LimitChecks::AddCampaign(std::size_t campaign, const base::Rate& rate) {
  campaigns_.emplace(campaign, GateOf(rate));
}

// While a limit changes, either rate will do; the old one may have been none.
void LimitChecks::Pass(Kind kind, Scope scope, const Place& place, const Known& known, base::Instant now) {
  const OptionalRate& rate = RateOf(known.now.of[scope], kind);
  if (!rate.has_value()) return;
  const Place widened = Widened(place, scope);
  Gate& gate = gates_.try_emplace({kind, scope, widened}, Gate{GateOf(*rate), {}}).first->second;
  const bool passes = gate.gate.TryPass(now);
  const bool passes_before = IsChanging(known, now) && (!gate.before.has_value() || gate.before->TryPass(now));
  if (passes || passes_before) return;
  report_(absl::StrFormat("%s: more %s than the rate allows, %d ms from the start", Describe(widened),
                          kind == Kind::kConnections ? "connections" : "messages", SinceStart(now)));
}

void LimitChecks::OnRecipient(std::size_t campaign, const Place& place, std::uint64_t connection, base::Instant now) {
  const auto own = campaigns_.find(campaign);
  if (own != campaigns_.end() && !own->second.TryPass(now))
    report_(absl::StrFormat("campaign %d sends more than its rate allows", campaign));
  const auto found = limits_.find(place.provider);
  if (found == limits_.end()) return;
  const Known& known = found->second;
  for (const Scope scope : kEveryScope) Pass(Kind::kMessages, scope, place, known, now);
  std::uint32_t limit = known.now.deliveries;
  if (limit != 0 && IsChanging(known, now))
    limit = known.before.deliveries == 0 ? 0 : std::max(limit, known.before.deliveries);
  // A connection that was there before a change may keep to what held then.
  Deliveries& deliveries = deliveries_.try_emplace(connection, Deliveries{0, limit}).first->second;
  ++deliveries.count;
  if (limit != 0) limit = deliveries.limit == 0 ? 0 : std::max(limit, deliveries.limit);
  if (limit != 0 && deliveries.count > limit)
    report_(absl::StrFormat("provider %d got %d messages in a connection, which has %d", place.provider,
                            deliveries.count, limit));
}

void LimitChecks::CheckOpen(Scope scope, const Place& place, const Known& known, base::Instant now) {
  std::uint32_t limit = known.now.of[scope].connections;
  if (limit == 0) return;
  if (IsChanging(known, now)) {
    const std::uint32_t before = known.before.of[scope].connections;
    if (before == 0) return;
    limit = std::max(limit, before);
  }
  const std::uint32_t open = open_[{scope, Widened(place, scope)}];
  if (open == limit) {
    ++reached_;
    Scope of_site = scope == Scope::kProviderTotal ? Scope::kSiteTotal : Scope::kSite;
    if (IsOverSites(scope) && open_[{of_site, Widened(place, of_site)}] < open) ++reached_over_sites_;
  }
  if (open > limit)
    report_(absl::StrFormat("%s: %d connections, where %d are allowed, %d ms from the start",
                            Describe(Widened(place, scope)), open, limit, SinceStart(now)));
}

void LimitChecks::OnConnection(const Place& place, bool begins, base::Instant now) {
  const auto found = limits_.find(place.provider);
  if (found == limits_.end()) return;
  for (const Scope scope : kEveryScope) {
    std::uint32_t& open = open_[{scope, Widened(place, scope)}];
    open += begins ? 1u : -1u;
    if (!begins) continue;
    CheckOpen(scope, place, found->second, now);
    Pass(Kind::kConnections, scope, place, found->second, now);
  }
}

std::uint32_t LimitChecks::OpenAt(const Place& place) const {
  const auto found = open_.find({Scope::kSite, place});
  return found == open_.end() ? 0 : found->second;
}

}  // namespace sim
