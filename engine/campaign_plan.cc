#include "engine/campaign_plan.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "dns/cached_resolver.h"
#include "dns/cares_resolver.h"
#include "dns/mx_lookup.h"
#include "dns/site_name.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/delivery/pause.h"
#include "engine/delivery/recipient_queue.h"
#include "engine/dkim/batch_rsa_signer.h"
#include "engine/host_state.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "engine/preparation.h"
#include "engine/roster/roster.h"
#include "engine/signing_keys.h"
#include "engine/suppression_watch.h"

namespace engine {
namespace {

constexpr std::size_t kAskedAtOnce = 256;
constexpr std::size_t kSitesMax = 200'000;  // Kept apart; a domain beyond is a site of its own.
constexpr base::Duration kSigningTrial = base::Duration::Milliseconds(200);

class Plan {
 public:
  Plan(io::Disk& disk, const PlanRequest& request)
      : disk_(disk), request_(request), shaping_(*request.shaping), assumptions_(request.assumptions) {}
  absl::StatusOr<CampaignPlan> Make();

 private:
  struct Site {
    std::string domain;  // What its limits are read by.
    std::vector<config::MailHost> hosts;
    std::vector<std::uint64_t> recipients;  // By source.
  };

  absl::Status Prepare();
  absl::Status LookUp();
  void Take(std::uint64_t domain, const dns::Route& route);
  void Add(const std::string& name, const std::string& domain, std::vector<config::MailHost> hosts,
           const std::vector<std::uint64_t>& counts);
  std::vector<std::uint64_t> CountsOf(const roster::DomainView& domain) const;
  void TakeSite(const std::string& name, const Site& site);
  void TakeShared(const std::string& provider, const std::string& source, std::uint64_t recipients,
                  const config::Limits& limits);
  PlannedTime TimeOfWarmupAt(const Site& site, const std::string& name, const std::string& provider, std::size_t source,
                             std::uint64_t recipients);
  bool IsWarm(const Site& site, const std::string& name, const std::string& provider, std::size_t source);
  delivery::Warmup::Kept WarmupOf(const std::string& name, const std::string& provider, std::size_t source,
                                  const std::vector<std::uint32_t>& numbers);
  absl::Status PlanWhole();
  absl::StatusOr<base::Duration> MeasureCommit() const;
  absl::StatusOr<double> SignaturesPerSecond() const;  // Messages', each with all its signatures.

  io::Disk& disk_;
  const PlanRequest& request_;
  const config::Shaping& shaping_;
  PlanAssumptions assumptions_;
  std::unique_ptr<const roster::Roster> roster_;
  std::map<std::string, Site> sites_;
  std::map<std::string, PlannedProvider> providers_;
  std::map<std::pair<std::string, std::string>, SharedLoad> shared_;  // By provider and source; "": all sources.
  delivery::HostLimits host_limits_;
  base::WallTime begin_;  // Of sending.
  std::uint64_t queries_ = 0;
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
               const std::vector<std::uint64_t>& counts) {
  const auto known = sites_.find(name);
  if (known == sites_.end() && sites_.size() >= kSitesMax) return TakeSite(name, {domain, std::move(hosts), counts});
  Site& site = known == sites_.end() ? sites_[name] : known->second;
  if (known == sites_.end()) site = {domain, std::move(hosts), std::vector<std::uint64_t>(counts.size())};
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
  Add(shaping_.HasOwnLimits(name) ? name : dns::SiteName(route.hosts), name, delivery::MailHostsOf(route),
      CountsOf(domain));
}

// The allowed number of questions per second, and only so many answers at a time.
absl::Status Plan::LookUp() {
  io::SystemClock clock;
  io::TimerWheel timers(clock.Now());
  absl::StatusOr<std::unique_ptr<io::Reactor>> reactor =
      io::MakeReactor({.backend = io::Backend::kEpoll}, *request_.log);
  if (!reactor.ok()) return reactor.status();
  absl::StatusOr<std::unique_ptr<dns::CaresResolver>> resolver = dns::CaresResolver::Make(
      {.servers = request_.config->dns.servers, .queries_per_second_max = request_.config->dns.max_queries_per_second},
      **reactor, clock, timers);
  if (!resolver.ok()) return resolver.status();
  dns::CachedResolver cache(**resolver, clock, timers,
                            {});  // Many domains share a host, whose addresses may be wanted.
  dns::MxLookup mx(cache);
  const dns::MxLookup::Families families = delivery::FamiliesFor(shaping_);
  std::uint64_t asked = 0, answered = 0;
  while (answered < roster_->domains()) {
    if (!request_.go_on()) return absl::CancelledError("interrupted");
    for (; asked < roster_->domains() && asked - answered < kAskedAtOnce; ++asked) {
      mx.LookupMx(roster_->Domain(asked).name, [&, this, index = asked](const dns::Route& route) {
        mx.AddAddresses(route, families, [&, this, index](const dns::Route& whole) {
          ++answered;
          Take(index, whole);
        });
      });
    }
    clock.Expire();
    (*reactor)->RunOnce(std::min(clock.Now() + base::Duration::Milliseconds(100), timers.NextAt()));
    timers.Advance(clock.Now());
  }
  queries_ = (*resolver)->queries() + sites_.size();  // And the address of a host of each.
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
    all.Add(site.recipients[i], last, assumptions_);
    if (!known.empty()) TakeShared(provider, source, site.recipients[i], last);
    PlannedTime time = TimeOfSite(site.recipients[i], last, assumptions_);
    const std::uint64_t warming = known.empty() ? site.recipients[i] : shared_[{provider, source}].messages;
    const PlannedTime warmup = TimeOfWarmupAt(site, name, known, i, warming);
    if (known.empty()) time = Longer(time, warmup);
    group.time = Longer(group.time, warmup);
    group.recipients += site.recipients[i];
    group.time = Longer(group.time, time);
    plan_.longest.push_back({name, source, provider, site.recipients[i], time});
  }
  group.time = Longer(group.time, TimeOfShared(all, last.total_connection_limit, "total_connection_limit",
                                               last.total_message_rate, "total_message_rate"));
  if (plan_.longest.size() < 2 * CampaignPlan::kSitesShown) return;
  std::sort(plan_.longest.begin(), plan_.longest.end(),
            [](const PlannedSite& a, const PlannedSite& b) { return a.time.seconds > b.time.seconds; });
  plan_.longest.resize(CampaignPlan::kSitesShown);
}

// A provider's own limits are over its sites, for each source or for all of them.
void Plan::TakeShared(const std::string& provider, const std::string& source, std::uint64_t recipients,
                      const config::Limits& limits) {
  SharedLoad& own = shared_[{provider, source}];
  SharedLoad& all = shared_[{provider, ""}];
  own.Add(recipients, limits, assumptions_);
  all.Add(recipients, limits, assumptions_);
  PlannedTime& time = providers_[provider].time;
  time = Longer(time, TimeOfShared(own, limits.provider_connection_limit, "provider_connection_limit",
                                   limits.provider_max_message_rate, "provider_max_message_rate"));
  time = Longer(time, TimeOfShared(all, limits.provider_total_connection_limit, "total_connection_limit",
                                   limits.provider_total_message_rate, "total_message_rate"));
}

delivery::Warmup::Kept Plan::WarmupOf(const std::string& name, const std::string& provider, std::size_t source,
                                      const std::vector<std::uint32_t>& numbers) {
  using Kind = delivery::HostLimits::Kind;
  const bool alone = provider.empty();
  const auto warmup = host_limits_.WarmupOf(
      {alone ? Kind::kSite : Kind::kProvider, (*request_.sources)[source].name, alone ? name : provider}, numbers);
  return warmup->Keep(begin_, /*exact=*/true);
}

bool Plan::IsWarm(const Site& site, const std::string& name, const std::string& provider, std::size_t source) {
  const auto numbers = shaping_.For(site.domain, site.hosts, (*request_.sources)[source].name).warmup;
  return numbers.empty() || WarmupOf(name, provider, source, numbers).days >= numbers.size();
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
  return TimeOfWarmup(recipients, limits.warmup, WarmupOf(name, provider, source, limits.warmup), begin_);
}

absl::StatusOr<double> Plan::SignaturesPerSecond() const {
  struct Request final : dkim::SignRequest {
    void OnSigned(const absl::Status&) override {}
  };
  const bool batches = request_.config->engine.signer == config::SignerChoice::kAuto;
  absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> signer =
      dkim::MakeDigestSigner(*request_.keys, batches, *request_.log);
  if (!signer.ok()) return signer.status();
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<dkim::SignRequest*> batch;
  for (std::size_t i = 0; i < (*signer)->batch_max(); ++i) {
    requests.push_back(std::make_unique<Request>());
    batch.push_back(requests.back().get());
  }
  std::uint64_t made = 0;
  const base::Instant begin = io::SystemClock().Now();
  base::Instant now = begin;
  while (now - begin < kSigningTrial) {
    std::vector<absl::Status> statuses(batch.size());
    for (dkim::SignRequest* const one : batch) one->key = static_cast<std::uint32_t>(made++ % request_.keys->size());
    (*signer)->SignDigests(batch, absl::MakeSpan(statuses));
    now = io::SystemClock().Now();
  }
  const double seconds = static_cast<double>((now - begin).nanoseconds()) / 1e9;
  return static_cast<double>(made) / seconds / static_cast<double>(request_.keys->size()) * request_.shards;
}

// How long an attempt waits for the disk: for its own commit, and for half of the one that is under way.
absl::StatusOr<base::Duration> Plan::MeasureCommit() const {
  constexpr int kTrials = 20;
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(request_.scratch + "/commits", io::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  const base::Instant begin = io::SystemClock().Now();
  for (int i = 0; i < kTrials; ++i) {
    absl::Status status = (*file)->WriteAt(static_cast<std::uint64_t>(i) * 4096, std::string(4096, 'x'));
    if (status.ok()) status = (*file)->Sync();
    if (!status.ok()) return status;
  }
  return (io::SystemClock().Now() - begin) / kTrials * 3 / 2;
}

absl::Status Plan::PlanWhole() {
  const std::uint64_t routed = plan_.recipients - plan_.without_route - plan_.without_answer;
  if (request_.campaign->delivery.max_message_rate.has_value())
    plan_.whole.push_back({SecondsAtRate(routed, *request_.campaign->delivery.max_message_rate), "campaign_rate"});
  if (!request_.keys->empty() && routed > 0) {
    const absl::StatusOr<double> rate = SignaturesPerSecond();
    if (!rate.ok()) return rate.status();
    plan_.whole.push_back({static_cast<double>(routed) / *rate, "signing"});
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
  const absl::StatusOr<base::Duration> commit = MeasureCommit();
  if (!commit.ok()) return commit.status();
  assumptions_.commit = *commit;
  begin_ = std::max(request_.now, request_.campaign->delivery.start.value_or(request_.now));
  if (!request_.host_state.empty()) ReadLimits(disk_, request_.host_state, *request_.sources, host_limits_);
  if (request_.config->smarthost.has_value()) {
    const std::string& host = request_.config->smarthost->host;
    for (std::uint64_t i = 0; i < roster_->domains(); ++i) Add(host, host, {{host, {}}}, CountsOf(roster_->Domain(i)));
  } else if (absl::Status status = LookUp(); !status.ok()) {
    return status;
  }
  for (const auto& [name, site] : sites_) TakeSite(name, site);
  if (absl::Status status = PlanWhole(); !status.ok()) return status;
  for (const auto& [name, provider] : providers_) {
    plan_.providers.push_back(provider);
    plan_.time = Longer(plan_.time, provider.time);
  }
  std::sort(plan_.providers.begin(), plan_.providers.end(),
            [](const PlannedProvider& a, const PlannedProvider& b) { return a.time.seconds > b.time.seconds; });
  std::sort(plan_.longest.begin(), plan_.longest.end(),
            [](const PlannedSite& a, const PlannedSite& b) { return a.time.seconds > b.time.seconds; });
  if (plan_.longest.size() > CampaignPlan::kSitesShown) plan_.longest.resize(CampaignPlan::kSitesShown);
  return std::move(plan_);
}

}  // namespace

absl::StatusOr<CampaignPlan> PlanCampaign(io::Disk& disk, const PlanRequest& request) {
  return Plan(disk, request).Make();
}

}  // namespace engine
