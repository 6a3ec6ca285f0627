#include "engine/plan_sites.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "dns/mx_lookup.h"

namespace engine {
namespace {

using NamedSite = PlanSites::value_type;

constexpr std::size_t kProbed = 30;
constexpr base::Duration kProbeTime = base::Duration::Seconds(10);

// Those where a connection has most to carry.
std::vector<NamedSite*> Busiest(const PlanRequest& request, PlanSites& sites) {
  std::vector<std::pair<double, NamedSite*>> loads;
  for (NamedSite& named : sites) {
    const PlanSite& site = named.second;
    double load = 0;
    for (std::size_t i = 0; i < site.recipients.size(); ++i) {
      const config::Limits limits = request.shaping->For(site.domain, site.hosts, (*request.sources)[i].name);
      load = std::max(load, static_cast<double>(CountOf(site.recipients[i])) / limits.connection_limit);
    }
    loads.emplace_back(load, &named);
  }
  std::sort(loads.begin(), loads.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<NamedSite*> busiest;
  for (std::size_t i = 0; i < std::min(kProbed, loads.size()); ++i) busiest.push_back(loads[i].second);
  return busiest;
}

// The one that has most to send there, of those that may connect; null: none may.
const delivery::Source* ProbingSource(const PlanRequest& request, const PlanHost& host, const NamedSite& site) {
  std::optional<std::size_t> most;
  std::uint64_t messages = 0;
  for (std::size_t i = 0; i < site.second.recipients.size(); ++i) {
    const std::uint64_t count = CountOf(site.second.recipients[i]);
    if (count <= messages || !host.MayConnect((*request.sources)[i].name, site.first)) continue;
    most = i;
    messages = count;
  }
  return most.has_value() ? &(*request.sources)[*most] : nullptr;
}

ReceiverProbe::Target TargetOf(const PlanRequest& request, const PlanSite& site, const delivery::Source& source) {
  const config::Limits limits = request.shaping->For(site.domain, site.hosts, source.name);
  const auto& smarthost = request.config->smarthost;
  return {.hosts = site.exchangers,
          .allowed = {.allow_private = request.config->allow_private_destinations,
                      .prohibited = limits.prohibited_hosts,
                      .skipped = limits.skip_hosts},
          .source = source,
          .port = smarthost.has_value() ? smarthost->port : request.config->smtp.port};
}

}  // namespace

absl::StatusOr<std::uint64_t> MeasureDistances(const PlanRequest& request, const PlanHost& host, PlanLoop& loop,
                                               PlanSites& sites) {
  std::uint64_t left_out = 0;
  dns::MxLookup mx(*loop.resolver);
  std::vector<std::pair<PlanSite*, std::unique_ptr<ReceiverProbe>>> probes;
  for (NamedSite* const site : Busiest(request, sites)) {
    const delivery::Source* const source = ProbingSource(request, host, *site);
    if (source == nullptr) {
      ++left_out;
      continue;
    }
    probes.emplace_back(&site->second,
                        std::make_unique<ReceiverProbe>(TargetOf(request, site->second, *source),
                                                        ReceiverProbe::Seams{*loop.reactor, loop.clock, mx}));
    probes.back().second->Start();
  }
  const base::Instant end = loop.clock.Now() + kProbeTime;
  const auto is_done = [](const auto& entry) { return entry.second->IsDone(); };
  while (!std::all_of(probes.begin(), probes.end(), is_done) && loop.clock.Now() < end) {
    if (!request.go_on()) return absl::CancelledError("interrupted");
    loop.Turn();
  }
  for (const auto& [site, probe] : probes) site->distance = probe->distance();
  return left_out;
}

}  // namespace engine
