#include "engine/campaign_plan.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "dns/cached_resolver.h"
#include "dns/mx_lookup.h"
#include "dns/site_name.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/delivery/pause.h"
#include "engine/delivery/recipient_queue.h"
#include "engine/io/clock.h"
#include "engine/plan_host.h"
#include "engine/plan_loop.h"
#include "engine/plan_send.h"
#include "engine/plan_trials.h"
#include "engine/preparation.h"
#include "engine/receiver_probe.h"
#include "engine/roster/roster.h"
#include "engine/signing_keys.h"
#include "engine/suppression_watch.h"

namespace engine {
namespace {

using Kind = delivery::HostLimits::Kind;

constexpr std::size_t kAskedAtOnce = 256;
constexpr std::size_t kSitesMax = 200'000;                          // Kept apart; a domain beyond is a site of its own.
constexpr std::size_t kProbed = 30;                                 // Sites…
constexpr base::Duration kProbeTime = base::Duration::Seconds(10);  // …all at once, and so long at most.

class Plan {
 public:
  Plan(io::Disk& disk, const PlanRequest& request)
      : disk_(disk),
        request_(request),
        shaping_(*request.shaping),
        host_(*request.campaign, request.now,
              std::max(request.now, request.campaign->delivery.start.value_or(request.now))),
        assumptions_(PlanAssumptions::At(request.round_trip.value_or(kAssumedRoundTrip))) {}
  absl::StatusOr<CampaignPlan> Make();

 private:
  struct Site {
    std::string domain;  // What its limits are read by.
    std::vector<config::MailHost> hosts;
    std::vector<std::uint64_t> recipients;  // By source.
    std::vector<delivery::PlannedHost> exchangers = {};
    std::optional<ReceiverProbe::Distance> distance = std::nullopt;  // As it was measured.
  };
  using NamedSite = std::pair<const std::string, Site>;

  absl::Status Prepare();
  absl::Status LookUp();
  void Take(std::uint64_t domain, const dns::Route& route);
  void Add(const std::string& name, const std::string& domain, std::vector<config::MailHost> hosts,
           const std::vector<delivery::PlannedHost>& exchangers, const std::vector<std::uint64_t>& counts);
  std::vector<NamedSite*> Busiest();
  absl::Status Probe();
  const delivery::Source* ProbingSource(const NamedSite& site) const;
  ReceiverProbe::Target TargetOf(const Site& site, const delivery::Source& source) const;
  std::vector<std::uint64_t> CountsOf(const roster::DomainView& domain) const;
  void TakeSite(const std::string& name, const Site& site);
  PlannedTime TimeOfProvider(const std::string& provider, const std::string& source, const config::Limits& of,
                             const SharedLoad& load);
  PlannedTime TimeOfWarmupAt(const Site& site, const std::string& name, const std::string& provider, std::size_t source,
                             std::uint64_t recipients);
  bool IsWarm(const Site& site, const std::string& name, const std::string& provider, std::size_t source);
  absl::Status PlanWhole();

  io::Disk& disk_;
  const PlanRequest& request_;
  const config::Shaping& shaping_;
  PlanHost host_;
  PlanAssumptions assumptions_;
  std::unique_ptr<PlanLoop> loop_;
  std::unique_ptr<const roster::Roster> roster_;
  std::map<std::string, Site> sites_;
  std::map<std::string, PlannedProvider> providers_;
  std::map<std::pair<std::string, std::string>, SharedLoad> shared_;  // By provider and source; "": all of them.
  std::uint64_t queries_ = 0;
  std::uint64_t largest_site_ = 0;  // Recipients.
  CampaignPlan plan_;
};

absl::Status Plan::Prepare() {
  SuppressionWatch suppression(disk_, SuppressionFilesOf(*request_.config, *request_.campaign));
  if (absl::Status status = suppression.Load(); !status.ok()) return status;
  const auto progress = [this](std::uint64_t, std::uint64_t) { return request_.go_on(); };
  const absl::Status status = PrepareCampaign(disk_, {.campaign = request_.campaign,
                                                      .suppression = suppression.lists().get(),
                                                      .directory = request_.scratch,
                                                      .dkim_keys = DescribeKeys(*request_.keys),
                                                      .now = request_.now,
                                                      .progress = progress});
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk_, request_.scratch);
  if (roster.ok()) roster_ = *std::move(roster);
  return roster.status();
}

std::vector<std::uint64_t> Plan::CountsOf(const roster::DomainView& domain) const {
  std::vector<std::uint64_t> counts;
  std::uint32_t total = 0, begin = 0;
  for (const delivery::Source& source : *request_.sources) total += source.weight;
  for (const delivery::Source& source : *request_.sources) {
    const delivery::RecipientShare share{.first = domain.first,
                                         .count = domain.count,
                                         .weight_begin = begin,
                                         .weight_end = begin + source.weight,
                                         .weight_total = total};
    begin += source.weight;
    std::uint64_t count = request_.sources->size() == 1 ? domain.count : 0;
    for (std::uint64_t i = 0; request_.sources->size() > 1 && i < domain.count; ++i)
      count += share.Contains(domain.first + i) ? 1 : 0;
    counts.push_back(count);
  }
  return counts;
}

// As a shard does: the last domain that has a block of its own says what holds for its site.
void Plan::Add(const std::string& name, const std::string& domain, std::vector<config::MailHost> hosts,
               const std::vector<delivery::PlannedHost>& exchangers, const std::vector<std::uint64_t>& counts) {
  const auto known = sites_.find(name);
  if (known == sites_.end() && sites_.size() >= kSitesMax) return TakeSite(name, {domain, std::move(hosts), counts});
  Site& site = known == sites_.end() ? sites_[name] : known->second;
  if (known == sites_.end()) site = {domain, std::move(hosts), std::vector<std::uint64_t>(counts.size()), exchangers};
  if (shaping_.NamesDomain(domain)) site.domain = domain;
  for (std::size_t i = 0; i < counts.size(); ++i) site.recipients[i] += counts[i];
}

void Plan::Take(std::uint64_t index, const dns::Route& route) {
  const roster::DomainView domain = roster_->Domain(index);
  switch (route.kind) {
    case dns::RouteKind::kNullMx:
    case dns::RouteKind::kNoDomain:
    case dns::RouteKind::kNoAddress:
      plan_.without_route += domain.count;
      return;
    case dns::RouteKind::kTemporary:
      plan_.without_answer += domain.count;
      return;
    case dns::RouteKind::kHosts:
      break;
  }
  const std::string name(domain.name);
  std::vector<delivery::PlannedHost> exchangers;
  for (const dns::MxHost& host : route.hosts) exchangers.push_back({host.name, host.preference});
  Add(shaping_.HasOwnLimits(name) ? name : dns::SiteName(route.hosts), name, delivery::MailHostsOf(route), exchangers,
      CountsOf(domain));
}

// The allowed number of questions per second, and only so many answers at a time.
absl::Status Plan::LookUp() {
  // Many domains share a host, whose addresses may be wanted.
  dns::CachedResolver cache(*loop_->resolver, loop_->clock, loop_->timers, {});
  dns::MxLookup mx(cache);
  const dns::MxLookup::Families families = delivery::FamiliesFor(shaping_);
  std::uint64_t asked = 0, answered = 0;
  while (answered < roster_->domains()) {
    if (!request_.go_on()) return absl::CancelledError("interrupted");
    for (; asked < roster_->domains() && asked - answered < kAskedAtOnce; ++asked) {
      mx.LookupMx(roster_->Domain(asked).name, [&, this, index = asked](const dns::Route& route) {
        mx.AddAddresses(route, families, [&, this, index](const dns::Route& whole) {
          ++answered;
          const std::string& source = request_.sources->front().name;
          queries_ += AsksForPolicy(shaping_, roster_->Domain(index).name, whole, source) ? 1 : 0;
          Take(index, whole);
        });
      });
    }
    loop_->Turn();
  }
  queries_ += loop_->resolver->queries();
  for (const auto& [name, site] : sites_) {  // The address of a host, and its TLSA records.
    const bool dane = shaping_.For(site.domain, site.hosts, request_.sources->front().name).enable_dane;
    queries_ += request_.config->dns.trust_ad && dane ? 2 : 1;
  }
  return absl::OkStatus();
}

// ---- how far away they are ----

// Those where a connection has most to carry.
std::vector<Plan::NamedSite*> Plan::Busiest() {
  std::vector<std::pair<double, NamedSite*>> loads;
  for (NamedSite& named : sites_) {
    const Site& site = named.second;
    double load = 0;
    for (std::size_t i = 0; i < site.recipients.size(); ++i) {
      const config::Limits limits = shaping_.For(site.domain, site.hosts, (*request_.sources)[i].name);
      load = std::max(load, static_cast<double>(site.recipients[i]) / limits.connection_limit);
    }
    loads.emplace_back(load, &named);
  }
  std::sort(loads.begin(), loads.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<NamedSite*> busiest;
  for (std::size_t i = 0; i < std::min(kProbed, loads.size()); ++i) busiest.push_back(loads[i].second);
  return busiest;
}

// The one that has most to send there, of those that may connect; null: none may.
const delivery::Source* Plan::ProbingSource(const NamedSite& site) const {
  const std::vector<std::uint64_t>& recipients = site.second.recipients;
  std::optional<std::size_t> most;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const bool has_more = recipients[i] > (most.has_value() ? recipients[*most] : 0);
    if (has_more && host_.MayConnect((*request_.sources)[i].name, site.first)) most = i;
  }
  return most.has_value() ? &(*request_.sources)[*most] : nullptr;
}

ReceiverProbe::Target Plan::TargetOf(const Site& site, const delivery::Source& source) const {
  const config::Limits limits = shaping_.For(site.domain, site.hosts, source.name);
  const auto& smarthost = request_.config->smarthost;
  return {.hosts = site.exchangers,
          .allowed = {.allow_private = request_.config->allow_private_destinations,
                      .prohibited = limits.prohibited_hosts,
                      .skipped = limits.skip_hosts},
          .source = source,
          .port = smarthost.has_value() ? smarthost->port : request_.config->smtp.port};
}

absl::Status Plan::Probe() {
  dns::MxLookup mx(*loop_->resolver);
  std::vector<std::pair<Site*, std::unique_ptr<ReceiverProbe>>> probes;
  for (NamedSite* const site : Busiest()) {
    const delivery::Source* const source = ProbingSource(*site);
    if (source == nullptr) {
      ++plan_.not_connected_to;
      continue;
    }
    probes.emplace_back(&site->second,
                        std::make_unique<ReceiverProbe>(TargetOf(site->second, *source),
                                                        ReceiverProbe::Seams{*loop_->reactor, loop_->clock, mx}));
    probes.back().second->Start();
  }
  const base::Instant end = loop_->clock.Now() + kProbeTime;
  const auto is_done = [](const auto& entry) { return entry.second->IsDone(); };
  while (!std::all_of(probes.begin(), probes.end(), is_done) && loop_->clock.Now() < end) {
    if (!request_.go_on()) return absl::CancelledError("interrupted");
    loop_->Turn();
  }
  for (const auto& [site, probe] : probes) site->distance = probe->distance();
  return absl::OkStatus();
}

void Plan::TakeSite(const std::string& name, const Site& site) {
  const std::string known = shaping_.ProviderFor(site.domain, site.hosts);
  const std::string provider = known.empty() ? std::string(delivery::kOtherProvider) : known;
  PlannedProvider& group = providers_[provider];
  group.provider = provider;
  ++group.sites;
  ++plan_.sites;
  SharedLoad all;  // Of the site, over its sources.
  config::Limits last;
  for (std::size_t i = 0; i < site.recipients.size(); ++i) {
    if (site.recipients[i] == 0) continue;
    const std::string& source = (*request_.sources)[i].name;
    last = shaping_.For(site.domain, site.hosts, source);
    const PlanAssumptions assumptions = AssumptionsFor(site.distance, last,
                                                       request_.campaign->delivery.max_message_rate.has_value() ||
                                                           (*request_.sources)[i].limits.max_message_rate.has_value(),
                                                       assumptions_);
    SharedLoad load;  // Of this source.
    load.Add(site.recipients[i], last, assumptions);
    shared_[{"", source}].Add(load);
    if (!known.empty()) group.time = Longer(group.time, TimeOfProvider(provider, source, last, load));
    for (const auto& [other, of] : shaping_.OtherProvidersFor(site.domain, site.hosts, source))
      group.time = Longer(group.time, TimeOfProvider(other, source, of, load));
    all.Add(load);
    const PlanHost::Site host = host_.At(source, name);
    PlannedTime time = TimeOfSite(site.recipients[i], last, assumptions, host.known);
    const std::uint64_t warming = known.empty() ? site.recipients[i] : shared_[{provider, source}].messages;
    const PlannedTime warmup = TimeOfWarmupAt(site, name, known, i, warming);
    if (known.empty()) time = Longer(time, warmup);
    time = After(host.suspended, time);
    group.time = Longer(group.time, warmup);
    group.recipients += site.recipients[i];
    group.time = Longer(group.time, time);
    plan_.longest.push_back({name, source, provider, site.recipients[i], time, {}, host.suspended});
    if (site.distance.has_value()) plan_.longest.back().round_trip = site.distance->round_trip;
  }
  largest_site_ = std::max(largest_site_, all.messages);
  group.time = Longer(group.time,
                      TimeOfShared(all, last.total_connection_limit, "total_connection_limit", last.total_message_rate,
                                   "total_message_rate", host_.DebtOf({Kind::kSiteTotal, "", name})));
  if (plan_.longest.size() < 2 * CampaignPlan::kSitesShown) return;
  std::sort(plan_.longest.begin(), plan_.longest.end(),
            [](const PlannedSite& a, const PlannedSite& b) { return a.time.seconds > b.time.seconds; });
  plan_.longest.resize(CampaignPlan::kSitesShown);
}

// A provider's own limits are over its sites, for each source or for all of them. So much more goes there.
PlannedTime Plan::TimeOfProvider(const std::string& provider, const std::string& source, const config::Limits& of,
                                 const SharedLoad& load) {
  SharedLoad& own = shared_[{provider, source}];
  SharedLoad& all = shared_[{provider, ""}];
  own.Add(load);
  all.Add(load);
  return Longer(
      TimeOfShared(own, of.provider_connection_limit, "provider_connection_limit", of.provider_max_message_rate,
                   "provider_max_message_rate", host_.DebtOf({Kind::kProvider, source, provider})),
      TimeOfShared(all, of.provider_total_connection_limit, "total_connection_limit", of.provider_total_message_rate,
                   "total_message_rate", host_.DebtOf({Kind::kProviderTotal, "", provider})));
}

bool Plan::IsWarm(const Site& site, const std::string& name, const std::string& provider, std::size_t source) {
  const auto numbers = shaping_.For(site.domain, site.hosts, (*request_.sources)[source].name).warmup;
  return numbers.empty() ||
         host_.WarmupOf((*request_.sources)[source].name, name, provider, numbers).days >= numbers.size();
}

// Zero: it has none, or what is beyond it goes by a source that is warm. What others that are warming have left is not
// foreseen.
PlannedTime Plan::TimeOfWarmupAt(const Site& site, const std::string& name, const std::string& provider,
                                 std::size_t source, std::uint64_t recipients) {
  const config::Limits limits = shaping_.For(site.domain, site.hosts, (*request_.sources)[source].name);
  if (limits.warmup.empty()) return {};
  for (std::size_t i = 0; limits.overflow == config::Overflow::kWarm && i < request_.sources->size(); ++i) {
    if (i != source && IsWarm(site, name, provider, i)) return {};
  }
  return TimeOfWarmup(recipients, limits.warmup,
                      host_.WarmupOf((*request_.sources)[source].name, name, provider, limits.warmup), host_.begin());
}

absl::Status Plan::PlanWhole() {
  const std::uint64_t routed = plan_.recipients - plan_.without_route - plan_.without_answer;
  if (const auto& rate = request_.campaign->delivery.max_message_rate; rate.has_value()) {
    const RateDebt owed = host_.DebtOf({Kind::kCampaign, "", request_.campaign->id});
    plan_.whole.push_back({SecondsAtRate(routed, *rate, owed), "campaign_rate"});
  }
  PlannedTime of_sources;
  for (const delivery::Source& source : *request_.sources)
    of_sources = Longer(of_sources, host_.TimeOf(source, shared_[{"", source.name}]));
  if (!of_sources.limited_by.empty()) plan_.whole.push_back(of_sources);
  if (routed > 0) {
    const absl::StatusOr<MessageCost> cost = MeasureMessages(*roster_, *request_.keys, *request_.config, *request_.log);
    if (!cost.ok()) return cost.status();
    const std::uint32_t cores = std::min(request_.shards, std::max(1u, std::thread::hardware_concurrency()));
    plan_.whole.push_back(TimeOfMachine(*cost, routed, largest_site_, cores));
  }
  if (queries_ > 0)
    plan_.whole.push_back(
        {static_cast<double>(queries_) / request_.config->dns.max_queries_per_second, "dns.max_queries_per_second"});
  for (const PlannedTime& time : plan_.whole) plan_.time = Longer(plan_.time, time);
  return absl::OkStatus();
}

absl::StatusOr<CampaignPlan> Plan::Make() {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  plan_.recipients = roster_->recipients();
  plan_.domains = roster_->domains();
  const absl::StatusOr<base::Duration> commit = MeasureCommit(disk_, request_.scratch);
  if (!commit.ok()) return commit.status();
  assumptions_.commit = *commit;
  if (!request_.host_state.empty()) host_.Read(disk_, request_.host_state, *request_.sources, request_.source_names);
  absl::StatusOr<std::unique_ptr<PlanLoop>> loop = PlanLoop::Make(*request_.config, *request_.log);
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  if (request_.config->smarthost.has_value()) {
    const std::string& host = request_.config->smarthost->host;
    for (std::uint64_t i = 0; i < roster_->domains(); ++i)
      Add(host, host, {{host, {}}}, {{host, 0}}, CountsOf(roster_->Domain(i)));
  } else if (absl::Status status = LookUp(); !status.ok()) {
    return status;
  }
  const bool is_told = request_.round_trip.has_value();
  if (absl::Status status = is_told ? absl::OkStatus() : Probe(); !status.ok()) return status;
  for (const auto& [name, site] : sites_) TakeSite(name, site);
  if (absl::Status status = PlanWhole(); !status.ok()) return status;
  for (const auto& [name, provider] : providers_) {
    plan_.providers.push_back(provider);
    plan_.time = Longer(plan_.time, provider.time);
  }
  const auto is_longer = [](const auto& a, const auto& b) { return a.time.seconds > b.time.seconds; };
  std::sort(plan_.providers.begin(), plan_.providers.end(), is_longer);
  std::sort(plan_.longest.begin(), plan_.longest.end(), is_longer);
  if (plan_.longest.size() > CampaignPlan::kSitesShown) plan_.longest.resize(CampaignPlan::kSitesShown);
  return std::move(plan_);
}

}  // namespace

absl::StatusOr<CampaignPlan> PlanCampaign(io::Disk& disk, const PlanRequest& request) {
  return Plan(disk, request).Make();
}

}  // namespace engine
