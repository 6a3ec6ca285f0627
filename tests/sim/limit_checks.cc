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

Place LimitChecks::Widened(const Place& place, Scope scope) {
  return {place.provider, IsOverSites(scope) ? kAnySite : place.site, IsOverSources(scope) ? "" : place.source};
}

void LimitChecks::SetLimits(std::size_t provider, const std::string& source, const ProviderLimits& limits,
                            base::Instant now) {
  const auto [found, is_new] = limits_.try_emplace({provider, source});
  Known& known = found->second;
  known.before = is_new ? limits : known.now;
  known.now = limits;
  known.changed_at = now;
  known.has_changed = !is_new;
  for (const Kind kind : {Kind::kMessages, Kind::kConnections}) {
    for (const Scope scope : kEveryScope)
      known.rates[static_cast<std::size_t>(kind)][scope].Set(RateOf(limits.of[scope], kind), now);
  }
}

// What holds over all sources is the same in each.
const LimitChecks::Known* LimitChecks::KnownOf(const Place& place) const {
  auto found = limits_.find({place.provider, place.source});
  if (found == limits_.end()) found = limits_.find({place.provider, ""});
  return found == limits_.end() ? nullptr : &found->second;
}

void LimitChecks::AddCampaign(std::size_t campaign, const base::Rate& rate) {
  campaigns_[campaign].rate.Set(rate, base::Instant());
}

void LimitChecks::CountRate(Kind kind, Scope scope, const Place& place, const Known& known, base::Instant now) {
  const RateHistory& rate = known.rates[static_cast<std::size_t>(kind)][scope];
  const Place widened = Widened(place, scope);
  const Arrivals::Verdict verdict = arrivals_[{kind, scope, widened}].Add(rate, now, kUnderWay);
  if (verdict == Arrivals::Verdict::kLast) ++reached_rates_;
  if (verdict != Arrivals::Verdict::kTooMany) return;
  report_(absl::StrFormat("%s: more %s than the rate allows, %d ms from the start", Describe(widened),
                          kind == Kind::kConnections ? "connections" : "messages", SinceStart(now)));
}

void LimitChecks::OnRecipient(std::size_t campaign, const Place& place, std::uint64_t connection, base::Instant now) {
  const auto own = campaigns_.find(campaign);
  if (own != campaigns_.end() &&
      own->second.arrivals.Add(own->second.rate, now, kUnderWay) == Arrivals::Verdict::kTooMany)
    report_(absl::StrFormat("campaign %d sends more than its rate allows", campaign));
  const Known* const found = KnownOf(place);
  if (found == nullptr) return;
  const Known& known = *found;
  for (const Scope scope : kEveryScope) CountRate(Kind::kMessages, scope, place, known, now);
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
  const Known* const known = KnownOf(place);
  if (known == nullptr) return;
  for (const Scope scope : kEveryScope) {
    std::uint32_t& open = open_[{scope, Widened(place, scope)}];
    open += begins ? 1u : -1u;
    if (!begins) continue;
    CheckOpen(scope, place, *known, now);
    CountRate(Kind::kConnections, scope, place, *known, now);
  }
}

std::uint32_t LimitChecks::OpenAt(const Place& place) const {
  const auto found = open_.find({Scope::kSite, place});
  return found == open_.end() ? 0 : found->second;
}

}  // namespace sim
