#include "engine/shard.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "dns/site_name.h"
#include "engine/base/check.h"
#include "engine/base/date.h"
#include "engine/base/stable_hash.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/roster/roster.h"
#include "engine/smtp/sasl.h"

namespace engine {

using delivery::Destination;
using delivery::DestinationKey;
using delivery::Site;

namespace {

constexpr base::Duration kRouteFloor = base::Duration::Minutes(1);  // A destination moves at most this often.

std::uint32_t HomeOf(std::string_view name, std::uint32_t shards) {
  return static_cast<std::uint32_t>(base::StableHash(name) % shards);
}

void NoteWhereFrom(const std::string& site, const std::vector<config::MailHost>& hosts, const dns::Route& route,
                   Destination& destination) {
  const std::size_t shared = delivery::SharedHosts(hosts, route);
  if (shared == 0) return;
  destination.came_from = site;
  destination.came_whole = shared == hosts.size();
}

}  // namespace

Shard::Shard(const delivery::Job& job, Options options, const Seams& seams)
    : job_(job),
      options_(std::move(options)),
      seams_(seams),
      commits_(seams.commit_log, options_.index, options_.bugs),
      settler_(job, seams.clock, commits_, options_.bugs),
      sealer_(job, seams.clock, seams.signer, options_.bugs),
      budget_(seams.sessions, options_.sessions_max, *this, {job.campaign_number, job.weight}),
      line_(seams.campaign_rate, seams.clock, seams.timers),
      mx_(seams.resolver),
      authenticator_(job.smarthost.has_value() && job.smarthost->account.has_value()
                         ? std::make_unique<smtp::Authenticator>(*job.smarthost->account)
                         : nullptr),
      context_{job,
               options_.bugs,
               options_.seed,
               seams.io,
               seams.clock,
               seams.timers,
               mx_,
               seams.tls,
               seams.limits.broken_tls(),
               commits_,
               settler_,
               sealer_,
               budget_,
               line_,
               *this,
               *this,
               seams.log,
               seams.tls_results,
               authenticator_.get()},
      sts_(MakeStsPolicies()),
      coordinator_(job.budget, job.roster->domains()),
      budgets_(options_.index, seams.links, seams.clock, seams.timers, [this] { LookIfBlocked(); }),
      router_(context_, sts_.get(), *this),
      sweeper_(settler_, commits_, [this](Destination& destination) { OnSwept(destination); }),
      shaping_(job.shaping),
      source_rests_until_(job.sources.size()),
      source_timer_([this] { OnSourceRested(); }),
      finish_timer_([this] { ExpireEveryone(); }),
      watch_timer_([this] { Watch(); }),
      domain_timer_([this] { EndDomainOverrides(seams_.clock.Now()); }) {
  for (const RestoredSuspension& old : options_.suspensions)
    suspensions_.emplace(std::pair(old.site, old.source), &old);
}

Shard::~Shard() {
  commits_.Cancel(*this);
  while (!to_pump_.empty()) to_pump_.PopFront();
  sites_.clear();  // Sessions first: they borrow from everything else.
  for (const auto& [key, destination] : destinations_) sweeper_.Cancel(*destination);
  retired_.clear();
}

void Shard::Start() {
  struct Entry {
    std::uint64_t count, domain;
  };
  std::vector<Entry> entries;
  for (std::uint64_t domain = 0; domain < job_.roster->domains(); ++domain) {
    const auto view = job_.roster->Domain(domain);
    if (HomeOf(view.name, options_.count) != options_.index) continue;
    entries.push_back({view.count, domain});
  }
  // The largest first: they take longest.
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(b.count, a.domain) < std::tie(a.count, b.domain); });
  std::vector<std::uint64_t> domains;
  domains.reserve(entries.size());
  for (const Entry& entry : entries) domains.push_back(entry.domain);
  router_.Feed(std::move(domains));
  for (const delivery::PauseReason& pause : options_.pauses) {
    coordinator_.OnRestored(pause);
    Hold(pause);
  }
  if (job_.finish_by.has_value()) {
    seams_.timers.Set(finish_timer_, seams_.clock.Now() + (*job_.finish_by - seams_.clock.WallNow()));
  }
  SetWatch();
}

// ---- destinations ----

Destination& Shard::MakeDestination(DestinationKey key) {
  const std::string_view name = job_.roster->Domain(key.domain).name;
  auto made = std::make_unique<Destination>(key, std::string(name), *job_.states, ShareOf(key),
                                            [this, key] { OnDestinationTimer(key); });
  const auto [position, inserted] = destinations_.emplace(key, std::move(made));
  CHECK(inserted);
  Destination& destination = *position->second;
  if (key.via == 0) destination.elsewhere = destination.queue.elsewhere();
  if (is_over_) Expire(destination);
  NoteMove();
  return destination;
}

Destination* Shard::FindDestination(DestinationKey key) {
  const auto found = destinations_.find(key);
  return found == destinations_.end() ? nullptr : found->second.get();
}

void Shard::RemoveDestination(Destination& destination) {
  CHECK(!destination.hook.IsLinked() && destination.queue.claimed() == 0);
  sweeper_.Cancel(destination);
  destinations_.erase(destination.key);
}

void Shard::OnDestinationTimer(DestinationKey key) {
  Destination* destination = FindDestination(key);
  CHECK(destination != nullptr);
  if (destination->site != nullptr) {
    destination->site->OnDue(*destination);
  } else if (phase_ == Phase::kRunning) {
    router_.OnTimer(*destination);
  }
}

void Shard::OnDestinationFinished(Destination& destination) {
  domain_overrides_.erase(destination.key);
  if (destination.key.via != 0) {
    Destination* const own = FindDestination({destination.key.domain, destination.key.share});
    if (own != nullptr) own->elsewhere.erase(destination.key.via);
  }
  RemoveDestination(destination);
}

void Shard::OnDestinationLeft(Destination& destination) {
  NoteMove();
  router_.Adopt(destination);
}

void Shard::OnRouteExpired(Destination& destination) { router_.Refresh(destination); }

void Shard::StartSweep(Destination& destination, delivery::Sweep sweep) {
  sweeper_.Start(destination, std::move(sweep));
}

void Shard::OnSwept(Destination& destination) {
  if (destination.site != nullptr) {
    destination.site->OnSwept(destination);
  } else {
    router_.OnSwept(destination);
  }
}

// ---- sites ----

void Shard::PlaceAtSite(Destination& destination, const dns::Route& route) {
  const std::string name = SiteNameOf(destination, route);
  const std::uint32_t owner = HomeOf(name, options_.count);
  if (destination.site == nullptr && owner == options_.index)
    RestoreDomainOverrides(destination, delivery::MailHostsOf(route), name);
  if (destination.site != nullptr) {  // A refreshed route.
    const delivery::SiteKey& key = destination.site->key();
    const bool is_same =
        key.name == name && key.hosts == HostsOf(destination, route) && key.domain == OverriddenDomain(destination);
    if (is_same || options_.bugs.keep_old_route) {
      destination.site->Refresh(destination, TlsPolicyOf(destination, *destination.site, route), route,
                                seams_.clock.Now() + std::max(route.ttl, kRouteFloor));
    } else {
      if (key.name != name) NoteWhereFrom(key.name, site_names_.at(destination.site->id()).hosts, route, destination);
      destination.site->SendAway(destination);
    }
    return;
  }
  const std::string left = std::exchange(destination.left, "");
  const auto old = sites_.lower_bound({left, "", 0});
  if (left != name && old != sites_.end() && old->first.name == left)
    NoteWhereFrom(left, site_names_.at(old->second->id()).hosts, route, destination);
  for (Site* const before : SitesOf(destination.came_from, SourceOf(destination))) before->EndUnused();
  if (owner != options_.index) {
    delivery::PlaceDestination message{
        destination.key, route, destination.sts, destination.came_from, destination.elsewhere, destination.came_whole};
    RemoveDestination(destination);
    seams_.links.Post(owner, std::move(message));
    return;
  }
  Site& site = SiteFor(destination, route);
  if (!job_.smarthost.has_value() && shaping_->NamesDomain(destination.name)) {
    SiteNames& names = site_names_[site.id()];
    names.domain = destination.name;
    site.SetAutomation(shaping_->AutomationFor(names.domain, names.hosts));
    SetLimits(site, LimitsOf(destination, site, route));
  }
  if (!destination.came_from.empty()) {
    seams_.limits.Inherit(job_.sources[site.key().source].name, std::exchange(destination.came_from, ""), name,
                          destination.came_whole, seams_.clock.Now());
    site.TakeUpSettings();
  }
  ApplyDomainOverrides(destination, site);
  site.Add(destination, TlsPolicyOf(destination, site, route), route,
           seams_.clock.Now() + std::max(route.ttl, kRouteFloor));
}

// A domain with mx_rollup = false is a site of its own.
bool Shard::IsAlone(const Destination& destination) const {
  return !job_.smarthost.has_value() && shaping_->HasOwnLimits(destination.name);
}

std::string Shard::SiteNameOf(const Destination& destination, const dns::Route& route) const {
  return IsAlone(destination) ? destination.name : dns::SiteName(route.hosts);
}

std::string Shard::HostsOf(const Destination& destination, const dns::Route& route) const {
  return IsAlone(destination) ? dns::SiteName(route.hosts) : "";
}

Site& Shard::SiteFor(Destination& destination, const dns::Route& route) {
  const std::uint32_t source = SourceOf(destination);
  const std::string name = SiteNameOf(destination, route);
  const delivery::SiteKey key{name, HostsOf(destination, route), source, OverriddenDomain(destination)};
  if (const auto known = sites_.find(key); known != sites_.end()) return *known->second;
  const std::vector<config::MailHost> hosts = delivery::MailHostsOf(route);
  const std::string& domain = job_.smarthost.has_value() ? job_.smarthost->host : destination.name;
  const std::string provider = shaping_->ProviderFor(domain, hosts);
  SiteNames names{domain, hosts};
  const config::Limits limits = LimitsAtFirst(key, names);
  Site::Owner& self = *this;
  auto site = std::make_unique<Site>(++sites_made_, key, provider, limits, SharedLimitsOf(key, names, provider, limits),
                                     route, context_, self);
  Site& made = *site;
  HoldSite(made);
  sites_by_id_.emplace(made.id(), &made);
  site_names_.emplace(made.id(), std::move(names));
  made.SetAutomation(shaping_->AutomationFor(domain, hosts));
  sites_.emplace(key, std::move(site));
  TakeUpPast(made);
  return made;
}

// What the campaign allows there stays, where others are at a site of the same name.
void Shard::RemoveSite(Site& site) {
  const delivery::SiteKey key = site.key();
  if (SitesOf(key.name, key.source).size() > 1) site.LeaveLimits();
  sites_by_id_.erase(site.id());
  site_names_.erase(site.id());
  sites_.erase(key);
  const auto same = SitesOf(key.name, key.source);
  if (!same.empty()) WantsLimits(*same.front());  // One says it for all.
}

// Several, where the mail exchangers of a domain that is a site of its own have changed, or domains have limits of
// their own for a while.
std::vector<Site*> Shard::SitesOf(const std::string& name, std::uint32_t source) const {
  std::vector<Site*> found;
  for (auto next = sites_.lower_bound({name, "", 0}); next != sites_.end() && next->first.name == name; ++next) {
    if (next->first.source == source) found.push_back(next->second.get());
  }
  return found;
}

Site* Shard::FindSite(std::uint64_t id) {
  const auto found = sites_by_id_.find(id);
  return found == sites_by_id_.end() ? nullptr : found->second;
}

void Shard::WantsPump(Site& site) {
  if (!site.pump_hook.IsLinked()) to_pump_.PushBack(site);
}

void Shard::Retire(std::unique_ptr<delivery::Session> session) { retired_.push_back(std::move(session)); }

std::uint64_t Shard::NextSessionId() {  // Unique over runs and shards.
  return (job_.run << 44) | (static_cast<std::uint64_t>(options_.index) << 34) | ++sessions_made_;
}

// ---- turns ----

void Shard::Handle(delivery::ShardMessage message) {
  struct Visitor {
    Shard& shard;
    void operator()(delivery::PlaceDestination& m) {
      if (shard.phase_ != Phase::kRunning || shard.FindDestination(m.key) != nullptr) return;
      Destination& destination = shard.MakeDestination(m.key);
      destination.counted = true;
      destination.sts = std::move(m.sts);
      destination.came_from = std::move(m.came_from);
      destination.came_whole = m.came_whole;
      destination.elsewhere = std::move(m.elsewhere);
      shard.PlaceAtSite(destination, m.route);
    }
    void operator()(delivery::CallSite& m) {
      if (Site* site = shard.FindSite(m.site)) site->OnCall(m.call);
    }
    void operator()(delivery::CallForSessions&) {}  // The turn's end looks.
    void operator()(delivery::DomainFact& m) { shard.Coordinate(shard.coordinator_.OnDomain(m.domain, m.missing)); }
    void operator()(delivery::SenderRefusedFact& m) {
      shard.Coordinate(shard.coordinator_.OnSenderRefused(m.site, m.normalized_text, m.invalid_sender, m.sample));
    }
    void operator()(delivery::BudgetFact& m) {
      shard.Coordinate(shard.coordinator_.OnBudget(m, shard.seams_.clock.Now()));
    }
    void operator()(delivery::ShardBlockedFact& m) {
      shard.Coordinate(shard.coordinator_.OnShardBlocked(m.shard, m.blocked, shard.options_.count));
    }
    void operator()(delivery::SigningFailedFact& m) { shard.Coordinate(shard.coordinator_.OnSigningFailed(m.why)); }
    void operator()(delivery::MessageFailedFact& m) {
      shard.Coordinate(delivery::Coordinator::OnMessageFailed(m.row, m.why));
    }
    void operator()(delivery::SmarthostUnusableFact& m) {
      shard.Coordinate(delivery::Coordinator::OnSmarthostUnusable(m.reason, m.sample));
    }
    void operator()(delivery::PauseCampaign& m) { shard.Pause(m); }
    void operator()(delivery::AskStatus& m) { shard.AnswerStatus(m.question); }
    void operator()(delivery::AskMetrics& m) { shard.AnswerMetrics(m.question); }
    void operator()(delivery::OperatorPause& m) { shard.PauseByOperator(std::move(m)); }
    void operator()(delivery::OperatorResume& m) { shard.ResumeByOperator(m.question); }
    void operator()(delivery::RecordsDurable& m) {
      shard.commits_.OnDurable(m.ticket);
      for (const ledger::RecipientId id : shard.commits_.TakeLearned()) shard.job_.on_learned(id);
    }
    void operator()(delivery::SuppressionChanged& m) { shard.settler_.SetSuppression(std::move(m.lists)); }
    void operator()(delivery::ShapingChanged& m) { shard.SetShaping(std::move(m.shaping)); }
    void operator()(delivery::LedgerFailed& m) {
      shard.failure_ = m.why;
      shard.Drain();
      shard.phase_ = Phase::kFailed;
    }
    void operator()(delivery::DrainShard&) { shard.Drain(); }
  };
  std::visit(Visitor{*this}, message);
}

void Shard::EndTurn() {
  if (phase_ == Phase::kFailed) return;
  commits_.Tell();
  Reshape();
  SetWantedLimits();
  TellSites();
  AnswerSurveys();
  LookOn();
  WatchSome();
  SendSomeBack();
  ExpireSome();
  if (!expires_) router_.Pump();
  sweeper_.Run();
  for (std::size_t n = to_pump_.size(); n > 0; --n) {
    Site& site = to_pump_.PopFront();
    site.Pump();
    if (site.IsUnused() && !site.pump_hook.IsLinked()) RemoveSite(site);
  }
  budget_.Serve();  // Now who is idle has nothing to do.
  seams_.signer.Serve();
  commits_.Flush();
  retired_.clear();
  if (phase_ == Phase::kDraining && IsQuiet()) phase_ = Phase::kDrained;
}

base::Instant Shard::NextWake() const {
  const bool has_more = !to_pump_.empty() || commits_.WantsTurn() || reshaped_before_.has_value() ||
                        !surveys_.empty() || !orders_.empty() || !want_limits_.empty() || send_back_from_.has_value() ||
                        look_from_.has_value() || waits_.site.has_value() || WantsToExpire();
  if (has_more || sweeper_.WantsTurn() || seams_.signer.WantsTurn()) return seams_.clock.Now();
  return seams_.timers.NextAt();
}

}  // namespace engine
