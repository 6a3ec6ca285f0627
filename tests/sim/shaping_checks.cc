#include "tests/sim/shaping_checks.h"

#include <utility>

#include "engine/base/check.h"
#include "tests/sim/provider_sites.h"

namespace sim {
namespace {

// "default" has no address of its own.
std::string AddressOf(const std::string& source, const std::vector<delivery::Source>& sources) {
  for (const delivery::Source& one : sources) {
    if (one.name == source && one.address.has_value()) return one.address->ToString();
  }
  return "";
}

}  // namespace

void ShapingChecks::Draw(const sandbox::Personality& personality, const std::vector<delivery::Source>& sources) {
  personality_ = &personality;
  sources_ = sources;
  drawn_ = DrawShaping(world_.prng(), personality, sources);
  TellLimits();
  for (const auto& [provider, rules] : drawn_.rules) rules_.Add(provider, rules);
  for (const auto& [provider, plan] : drawn_.warmups)
    warmups_.Add(provider, AddressOf(plan.source, sources), plan.numbers);
}

void ShapingChecks::TellLimits() {
  for (const auto& [provider, limits] : drawn_.limits) {
    for (const delivery::Source& source : sources_)
      limits_.SetLimits(provider, AddressOf(source.name, sources_), LimitsOf(drawn_, provider, source.name),
                        world_.now());
  }
}

ShapingChecks::Shaping ShapingChecks::Parse(const std::vector<config::Shaping::File>& others) {
  others_ = others;
  return ParseAgain();
}

ShapingChecks::Shaping ShapingChecks::ParseAgain() const {
  std::vector<config::Shaping::File> files = others_;
  files.push_back({"limits", TextOf(drawn_)});
  std::vector<std::string> warnings;
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Parse(files, warnings);
  CHECK(shaping.ok() && warnings.empty());
  return std::make_shared<const config::Shaping>(*std::move(shaping));
}

void ShapingChecks::PlanChanges(std::function<void(Shaping)> change) {
  base::Prng& prng = world_.prng();
  change_ = std::move(change);
  if (empty() || !prng.Chance(0.4)) return;
  base::Duration at;
  for (std::uint64_t n = 1 + prng.Below(3); n > 0; --n) {
    const std::uint64_t seconds = prng.Chance(0.7) ? 30 : 3600;
    at = at + base::Duration::Milliseconds(static_cast<std::int64_t>(3000 + prng.Below(seconds * 1000)));
    world_.After(at, [this] { Change(); });
  }
}

void ShapingChecks::Change() {
  ++changes_;
  DrawLimitsAnew(world_.prng(), drawn_);
  TellLimits();
  change_(ParseAgain());
}

Place ShapingChecks::PlaceOf(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server) const {
  return {provider, SiteOf(personality_->providers[provider], server), client.ToString()};
}

void ShapingChecks::OnRecipient(std::size_t campaign, const sandbox::Exchanger::Named& named) {
  const Place place = PlaceOf(named.provider, named.client, named.server);
  limits_.OnRecipient(campaign, place, named.connection, world_.now());
  rules_.OnRecipient(place, world_.now());
  warmups_.OnRecipient(place.provider, place.source, world_.wall_now());
}

void ShapingChecks::OnRefusal(const sandbox::Exchanger::Named& named, std::string_view reply) {
  rules_.OnRefusal(PlaceOf(named.provider, named.client, named.server), reply, world_.now());
}

void ShapingChecks::OnBreak(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server) {
  rules_.OnBreak(PlaceOf(provider, client, server), world_.now());
}

void ShapingChecks::OnConnection(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server,
                                 bool begins) {
  const Place place = PlaceOf(provider, client, server);
  limits_.OnConnection(place, begins, world_.now());
  if (begins) {
    rules_.OnConnection(place, limits_.OpenAt(place), world_.now());
  } else {
    warmups_.OnConnectionEnd(place.provider, place.source, world_.wall_now());
  }
}

void ShapingChecks::Tell(Findings& findings) const {
  findings.at_limit = limits_.reached();
  findings.at_limit_over_sites = limits_.reached_over_sites();
  findings.at_rate = limits_.reached_rates();
  findings.changes = changes_;
  findings.rules_fired = rules_.fired();
  findings.unheard = rules_.unheard();
  findings.days_used_up = warmups_.used_up();
}

}  // namespace sim
