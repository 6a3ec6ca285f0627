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
#include "engine/io/clock.h"
#include "engine/plan_host.h"
#include "engine/plan_loop.h"
#include "engine/plan_recipients.h"
#include "engine/plan_send.h"
#include "engine/plan_sites.h"
#include "engine/plan_trials.h"
#include "engine/roster/roster.h"

namespace engine {
namespace {

using Kind = delivery::HostLimits::Kind;

constexpr std::size_t kAskedAtOnce = 256;
constexpr std::size_t kSitesMax = 200'000;  // Kept apart; a domain beyond is a site of its own.

class Plan {
 public:
  Plan(io::Disk& disk, const PlanRequest& request)
      : disk_(disk),
        request_(request),
        shaping_(*request.shaping),
        host_(*request.campaign, request.now, request.Begin()),
        assumptions_(PlanAssumptions::At(request.round_trip.value_or(kAssumedRoundTrip))) {}
  absl::StatusOr<CampaignPlan> Make();

 private:
  absl::Status LookUp();
  void Take(std::uint64_t domain, const dns::Route& route);
  void Add(const std::string& name, const std::string& domain, std::vector<config::MailHost> hosts,
           const std::vector<delivery::PlannedHost>& exchangers, const std::vector<DueCounts>& counts);
  void TakeSite(const std::string& name, const PlanSite& site);
  PlannedTime TimeOfProvider(const std::string& provider, const std::string& source, const config::Limits& of,
                             const DueLoads& load);
  PlannedTime TimeOfWarmupAt(const PlanSite& site, const std::string& name, const std::string& provider,
                             std::size_t source, std::uint64_t recipients);
  const roster::Roster& roster() const { return recipients_->roster(); }
  bool IsWarm(const PlanSite& site, const std::string& name, const std::string& provider, std::size_t source);
  absl::Status PlanWhole();

  io::Disk& disk_;
  const PlanRequest& request_;
  const config::Shaping& shaping_;
  PlanHost host_;
  PlanAssumptions assumptions_;
  std::unique_ptr<PlanLoop> loop_;
  std::unique_ptr<const PlanRecipients> recipients_;
  PlanSites sites_;
  std::map<std::string, PlannedProvider> providers_;
  std::map<std::pair<std::string, std::string>, DueLoads> shared_;  // By provider and source; "": all of them.
  std::uint64_t queries_ = 0;
  std::uint64_t largest_site_ = 0;  // Recipients.
  CampaignPlan plan_;
};

// As a shard does: the last domain that has a block of its own says what holds for its site.
void Plan::Add(const std::string& name, const std::string& domain, std::vector<config::MailHost> hosts,
               const std::vector<delivery::PlannedHost>& exchangers, const std::vector<DueCounts>& counts) {
  const auto known = sites_.find(name);
  if (known == sites_.end() && sites_.size() >= kSitesMax) return TakeSite(name, {domain, std::move(hosts), counts});
  PlanSite& site = known == sites_.end() ? sites_[name] : known->second;
  if (known == sites_.end()) site = {domain, std::move(hosts), std::vector<DueCounts>(counts.size()), exchangers};
  if (shaping_.NamesDomain(domain)) site.domain = domain;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (const auto& [wait, count] : counts[i]) site.recipients[i][wait] += count;
  }
}

void Plan::Take(std::uint64_t index, const dns::Route& route) {
  const roster::DomainView domain = roster().Domain(index);
  const std::vector<DueCounts> counts = recipients_->Of(domain);
  std::uint64_t count = 0;
  for (const DueCounts& of_source : counts) count += CountOf(of_source);
  switch (route.kind) {
    case dns::RouteKind::kNullMx:
    case dns::RouteKind::kNoDomain:
    case dns::RouteKind::kNoAddress:
      plan_.without_route += count;
      return;
    case dns::RouteKind::kTemporary:
      plan_.without_answer += count;
      return;
    case dns::RouteKind::kHosts:
      break;
  }
  const std::string name(domain.name);
  std::vector<delivery::PlannedHost> exchangers;
  for (const dns::MxHost& host : route.hosts) exchangers.push_back({host.name, host.preference});
  Add(shaping_.HasOwnLimits(name) ? name : dns::SiteName(route.hosts), name, delivery::MailHostsOf(route), exchangers,
      counts);
}

// The allowed number of questions per second, and only so many answers at a time.
absl::Status Plan::LookUp() {
  // Many domains share a host, whose addresses may be wanted.
  dns::CachedResolver cache(*loop_->resolver, loop_->clock, loop_->timers, {});
  dns::MxLookup mx(cache);
  const dns::MxLookup::Families families = delivery::FamiliesFor(shaping_);
  std::uint64_t asked = 0, answered = 0;
  while (answered < roster().domains()) {
    if (!request_.go_on()) return absl::CancelledError("interrupted");
    for (; asked < roster().domains() && asked - answered < kAskedAtOnce; ++asked) {
      if (!recipients_->HasAny(roster().Domain(asked))) {
        ++answered;
        continue;
      }
      ++plan_.domains;
      mx.LookupMx(roster().Domain(asked).name, [&, this, index = asked](const dns::Route& route) {
        mx.AddAddresses(route, families, [&, this, index](const dns::Route& whole) {
          ++answered;
          const std::string& source = request_.sources->front().name;
          queries_ += AsksForPolicy(shaping_, roster().Domain(index).name, whole, source) ? 1 : 0;
          Take(index, whole);
        });
      });
    }
    if (answered < asked) loop_->Turn();
  }
  queries_ += loop_->resolver->queries();
  for (const auto& [name, site] : sites_) {  // The address of a host, and its TLSA records.
    const bool dane = shaping_.For(site.domain, site.hosts, request_.sources->front().name).enable_dane;
    queries_ += request_.config->dns.trust_ad && dane ? 2 : 1;
  }
  return absl::OkStatus();
}

// Of one (source, site).
PlannedTime TimeOfQueue(const DueLoads& due, const config::Limits& limits, const PlanAssumptions& assumptions,
                        const PlanHost::Site& host) {
  DueLoads after;  // That it is suspended.
  for (const auto& [wait, load] : due) after[std::max(base::Duration(), wait - host.suspended)].Add(load);
  return After(host.suspended, TimeOfDue(after, [&](const SharedLoad& load, base::Duration waited) {
                 return TimeOfSite(load.messages, limits, assumptions, Later(host.known, waited));
               }));
}

void Plan::TakeSite(const std::string& name, const PlanSite& site) {
  const std::string known = shaping_.ProviderFor(site.domain, site.hosts);
  const std::string provider = known.empty() ? std::string(delivery::kOtherProvider) : known;
  PlannedProvider& group = providers_[provider];
  group.provider = provider;
  ++group.sites;
  ++plan_.sites;
  DueLoads all;  // Of the site, over its sources.
  config::Limits last;
  for (std::size_t i = 0; i < site.recipients.size(); ++i) {
    const std::uint64_t messages = CountOf(site.recipients[i]);
    if (messages == 0) continue;
    const std::string& source = (*request_.sources)[i].name;
    last = shaping_.For(site.domain, site.hosts, source);
    const PlanAssumptions assumptions = AssumptionsFor(site.distance, last,
                                                       request_.campaign->delivery.max_message_rate.has_value() ||
                                                           (*request_.sources)[i].limits.max_message_rate.has_value(),
                                                       assumptions_);
    DueLoads load;  // Of this source.
    for (const auto& [wait, count] : site.recipients[i]) load[wait].Add(count, last, assumptions);
    engine::Add(load, shared_[{"", source}]);
    if (!known.empty()) group.time = Longer(group.time, TimeOfProvider(provider, source, last, load));
    for (const auto& [other, of] : shaping_.OtherProvidersFor(site.domain, site.hosts, source))
      group.time = Longer(group.time, TimeOfProvider(other, source, of, load));
    engine::Add(load, all);
    const PlanHost::Site host = host_.At(source, name);
    PlannedTime time = TimeOfQueue(load, last, assumptions, host);
    const std::uint64_t warming = known.empty() ? messages : Total(shared_[{provider, source}]).messages;
    const PlannedTime warmup = TimeOfWarmupAt(site, name, known, i, warming);
    if (known.empty()) time = Longer(time, warmup);
    group.time = Longer(group.time, warmup);
    group.recipients += messages;
    group.time = Longer(group.time, time);
    plan_.longest.push_back({name, source, provider, messages, time, {}, host.suspended});
    if (site.distance.has_value()) plan_.longest.back().round_trip = site.distance->round_trip;
  }
  largest_site_ = std::max(largest_site_, Total(all).messages);
  const RateDebt owed = host_.DebtOf({Kind::kSiteTotal, "", name});
  group.time = Longer(group.time, TimeOfDue(all, [&](const SharedLoad& load, base::Duration waited) {
                        return TimeOfShared(load, last.total_connection_limit, "total_connection_limit",
                                            last.total_message_rate, "total_message_rate", owed.After(waited));
                      }));
  if (plan_.longest.size() < 2 * CampaignPlan::kSitesShown) return;
  std::sort(plan_.longest.begin(), plan_.longest.end(),
            [](const PlannedSite& a, const PlannedSite& b) { return a.time.seconds > b.time.seconds; });
  plan_.longest.resize(CampaignPlan::kSitesShown);
}

// A provider's own limits are over its sites, for each source or for all of them. So much more goes there.
PlannedTime Plan::TimeOfProvider(const std::string& provider, const std::string& source, const config::Limits& of,
                                 const DueLoads& load) {
  DueLoads& own = shared_[{provider, source}];
  DueLoads& all = shared_[{provider, ""}];
  engine::Add(load, own);
  engine::Add(load, all);
  const RateDebt owed = host_.DebtOf({Kind::kProvider, source, provider});
  const RateDebt owed_in_all = host_.DebtOf({Kind::kProviderTotal, "", provider});
  return Longer(TimeOfDue(own,
                          [&](const SharedLoad& due, base::Duration waited) {
                            return TimeOfShared(due, of.provider_connection_limit, "provider_connection_limit",
                                                of.provider_max_message_rate, "provider_max_message_rate",
                                                owed.After(waited));
                          }),
                TimeOfDue(all, [&](const SharedLoad& due, base::Duration waited) {
                  return TimeOfShared(due, of.provider_total_connection_limit, "total_connection_limit",
                                      of.provider_total_message_rate, "total_message_rate", owed_in_all.After(waited));
                }));
}

bool Plan::IsWarm(const PlanSite& site, const std::string& name, const std::string& provider, std::size_t source) {
  const auto numbers = shaping_.For(site.domain, site.hosts, (*request_.sources)[source].name).warmup;
  return numbers.empty() ||
         host_.WarmupOf((*request_.sources)[source].name, name, provider, numbers).days >= numbers.size();
}

// Zero: it has none, or what is beyond it goes by a source that is warm. What others that are warming have left is not
// foreseen.
PlannedTime Plan::TimeOfWarmupAt(const PlanSite& site, const std::string& name, const std::string& provider,
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
  DueLoads all;
  PlannedTime of_sources;
  for (const delivery::Source& source : *request_.sources) {
    const DueLoads& load = shared_[{"", source.name}];
    of_sources = Longer(of_sources, host_.TimeOf(source, load));
    engine::Add(load, all);
  }
  if (const auto& rate = request_.campaign->delivery.max_message_rate; rate.has_value()) {
    const RateDebt owed = host_.DebtOf({Kind::kCampaign, "", request_.campaign->id});
    plan_.whole.push_back(TimeOfDue(all, [&](const SharedLoad& load, base::Duration waited) {
      return PlannedTime{SecondsAtRate(load.messages, *rate, owed.After(waited)), "campaign_rate"};
    }));
  }
  if (!of_sources.limited_by.empty()) plan_.whole.push_back(of_sources);
  if (routed > 0) {
    const absl::StatusOr<MessageCost> cost = MeasureMessages(roster(), *request_.keys, *request_.config, *request_.log);
    if (!cost.ok()) return cost.status();
    const std::uint32_t cores = std::min(request_.shards, std::max(1u, std::thread::hardware_concurrency()));
    const std::uint64_t to_sign = std::min(routed, recipients_->to_sign());
    plan_.whole.push_back(TimeOfMachine(*cost, {routed, to_sign, largest_site_}, cores));
  }
  if (queries_ > 0)
    plan_.whole.push_back(
        {static_cast<double>(queries_) / request_.config->dns.max_queries_per_second, "dns.max_queries_per_second"});
  for (const PlannedTime& time : plan_.whole) plan_.time = Longer(plan_.time, time);
  return absl::OkStatus();
}

absl::StatusOr<CampaignPlan> Plan::Make() {
  absl::StatusOr<std::unique_ptr<const PlanRecipients>> recipients = PlanRecipients::Open(disk_, request_);
  if (!recipients.ok()) return recipients.status();
  recipients_ = *std::move(recipients);
  host_.Take(recipients_->facts());
  plan_.state = recipients_->state().empty() ? "new" : recipients_->state();
  plan_.recipients = recipients_->left();
  plan_.done = roster().recipients() - recipients_->left();
  const absl::StatusOr<base::Duration> commit = MeasureCommit(disk_, request_.scratch);
  if (!commit.ok()) return commit.status();
  assumptions_.commit = *commit;
  if (!request_.host_state.empty()) host_.Read(disk_, request_.host_state, *request_.sources, request_.source_names);
  absl::StatusOr<std::unique_ptr<PlanLoop>> loop = PlanLoop::Make(*request_.config, *request_.log);
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  if (request_.config->smarthost.has_value()) {
    const std::string& host = request_.config->smarthost->host;
    for (std::uint64_t i = 0; i < roster().domains(); ++i) {
      if (!recipients_->HasAny(roster().Domain(i))) continue;
      ++plan_.domains;
      Add(host, host, {{host, {}}}, {{host, 0}}, recipients_->Of(roster().Domain(i)));
    }
  } else if (absl::Status status = LookUp(); !status.ok()) {
    return status;
  }
  if (!request_.round_trip.has_value()) {
    const absl::StatusOr<std::uint64_t> left_out = MeasureDistances(request_, host_, *loop_, sites_);
    if (!left_out.ok()) return left_out.status();
    plan_.not_connected_to = *left_out;
  }
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
