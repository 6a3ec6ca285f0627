// The part of a shard that puts together what holds for a site: the shaping files, what automation rules have set for
// a while, for a site or for one domain, and the groups whose limits it shares.

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/config/automation.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/roster/roster.h"
#include "engine/shard.h"
#include "engine/visit_some.h"

namespace engine {

using delivery::Destination;
using delivery::DestinationKey;
using delivery::Site;

namespace {

using Group = delivery::LimitGroup;

constexpr int kReshapedAtOnce = 256;

Group::Options OptionsOf(const std::optional<std::uint32_t>& connections, const std::optional<base::Rate>& messages) {
  return {connections.value_or(Group::kNoLimit), std::nullopt, messages};
}

void PlantRateBugs(const delivery::PlantedBugs& bugs, std::optional<base::Rate>& rate) {
  if (!rate.has_value()) return;
  if (bugs.larger_bursts) rate->burst_max = delivery::GateOptions(*rate).burst_max + 1;
  if (bugs.faster_rates) *rate = {rate->count * 11, rate->period * 10, rate->burst_max};
}

}  // namespace

// A domain with limits of its own keeps those of the others, too: it is the same receiver.
config::Limits Shard::LimitsOfOthers(const delivery::SiteKey& key, const SiteNames& names,
                                     const config::Limits& limits) const {
  if (key.domain.empty()) return limits;
  const auto others = sites_.find({key.name, key.hosts, key.source});
  return others != sites_.end() ? others->second->limits()
                                : LimitsAtFirst({key.name, key.hosts, key.source, ""}, names);
}

delivery::SharedLimits Shard::SharedLimitsOf(const delivery::SiteKey& key, const SiteNames& names,
                                             const std::string& provider, const config::Limits& limits) const {
  using Kind = delivery::HostLimits::Kind;
  const base::Instant now = seams_.clock.Now();
  const std::string& source = job_.sources[key.source].name;
  const delivery::PlantedBugs& bugs = options_.bugs;
  const std::string of_whom = (bugs.limits_of_each_shard ? absl::StrFormat(" %d", options_.index) : "") +
                              (bugs.limits_of_each_campaign ? absl::StrFormat(" %d", job_.campaign_number) : "");
  const auto own = [&bugs](const config::Limits& of) {
    Group::Options options{of.connection_limit, of.max_connection_rate, of.max_message_rate};
    if (bugs.window_without_limit) options.connections = Group::kNoLimit;
    if (bugs.no_connection_rate) options.connection_rate.reset();
    PlantRateBugs(bugs, options.message_rate);
    return options;
  };
  const config::Limits others = LimitsOfOthers(key, names, limits);
  const auto also = shaping_->OtherProvidersFor(names.domain, names.hosts, source);
  delivery::SharedLimits shared;
  shared.standing =
      seams_.limits.Site(source, key.name + of_whom, job_.campaign_number, {own(others), others.adaptive}, now);
  const auto add = [&](Kind kind, const std::string& of_source, const std::string& name, Group::Options options) {
    PlantRateBugs(bugs, options.message_rate);
    const bool is_limited = options != Group::Options() || shaping_->RulesSetSharedLimits();
    if (name.empty() || !is_limited) return;
    const bool is_apart = kind == Kind::kSource ? bugs.sources_at_each_site : bugs.limits_of_each_site;
    const std::string of_site = is_apart ? " " + key.name : "";
    shared.groups.push_back({seams_.limits.Group({kind, of_source, name + of_whom + of_site}, options, now), options});
  };
  if (const config::SourceLimits& of = job_.sources[key.source].limits; of.Any())
    add(Kind::kSource, source, delivery::HostLimits::kAllSites, OptionsOf(of.connection_limit, of.max_message_rate));
  for (const auto& [name, of] : also)
    add(Kind::kProviderTotal, "", name, OptionsOf(of.provider_total_connection_limit, of.provider_total_message_rate));
  add(Kind::kProviderTotal, "", provider,
      Strictest(OptionsOf(others.provider_total_connection_limit, others.provider_total_message_rate),
                OptionsOf(limits.provider_total_connection_limit, limits.provider_total_message_rate)));
  for (const auto& [name, of] : also)
    add(Kind::kProvider, source, name, OptionsOf(of.provider_connection_limit, of.provider_max_message_rate));
  add(Kind::kProvider, source, provider,
      Strictest(OptionsOf(others.provider_connection_limit, others.provider_max_message_rate),
                OptionsOf(limits.provider_connection_limit, limits.provider_max_message_rate)));
  add(Kind::kSiteTotal, "", key.name, OptionsOf(others.total_connection_limit, others.total_message_rate));
  if (!key.domain.empty()) {
    shared.own =
        seams_.limits.Site(source, key.Title() + of_whom, job_.campaign_number, {own(limits), /*adaptive=*/false}, now);
    add(Kind::kSiteTotal, "", key.Title(), OptionsOf(limits.total_connection_limit, limits.total_message_rate));
  }
  if (job_.max_message_rate.has_value())
    add(Kind::kCampaign, "", job_.campaign, OptionsOf(std::nullopt, job_.max_message_rate));
  shared.warmup = WarmupOf(key, provider, limits);
  return shared;
}

// Of a site that is made: of the files, and of what rules have set there before, from the first moment. At the rate of
// the files it would owe less.
config::Limits Shard::LimitsAtFirst(const delivery::SiteKey& key, const SiteNames& names) const {
  const std::string& source = job_.sources[key.source].name;
  const config::AutomationRules rules = shaping_->AutomationFor(names.domain, names.hosts);
  std::vector<config::Shaping::Change> changes;
  for (const delivery::RuleSetting& setting : seams_.limits.SettingsOf(source, key.Title(), seams_.clock.Now())) {
    if (auto set = OverrideOf(rules, setting); set.has_value()) changes.push_back(std::move(set->change));
  }
  return shaping_->For(names.domain, names.hosts, source, changes);
}

// Domains there that the files do not speak of have the same, as long as they are up to date and nobody is known by
// addresses, which may have changed.
config::Limits Shard::LimitsOf(const Destination& destination, const Site& site, const dns::Route& route) const {
  const bool is_up_to_date = !reshaped_before_.has_value() && !delivery::FamiliesFor(*shaping_).Any();
  if (is_up_to_date && !shaping_->SpeaksOf(destination.name) && !shaping_->SpeaksOf(site_names_.at(site.id()).domain)) {
    return site.limits();
  }
  return shaping_->For(destination.name, delivery::MailHostsOf(route), job_.sources[site.key().source].name,
                       site.overrides());
}

void Shard::SetLimits(Site& site, const config::Limits& limits) {
  if (options_.bugs.forget_at_new_limits) {
    config::Limits without = limits;
    without.max_message_rate = without.provider_max_message_rate = without.provider_total_message_rate = std::nullopt;
    site.SetLimits(without, SharedLimitsOf(site.key(), site_names_.at(site.id()), site.provider(), without));
  }
  site.SetLimits(limits, SharedLimitsOf(site.key(), site_names_.at(site.id()), site.provider(), limits));
}

void Shard::CallSite(std::uint64_t site, delivery::GroupMember::Call call) {
  seams_.links.Post(options_.index, delivery::CallSite{site, call});
}

void Shard::CallForSessions() { seams_.links.Post(options_.index, delivery::CallForSessions()); }

// Of the shaping files, and of what rules have set there.
void Shard::SetLimitsOfFiles(Site& site) {
  const SiteNames& names = site_names_.at(site.id());
  SetLimits(site, shaping_->For(names.domain, names.hosts, job_.sources[site.key().source].name, site.overrides()));
}

// Not at once: the site may be in the middle of a reply, and what follows ends messages that wait for their turn.
void Shard::WantsLimits(Site& site) { want_limits_.insert(site.key()); }

// Some in each turn. Domains with limits of their own there keep these, too: their sites follow in the list.
void Shard::SetWantedLimits() {
  for (int n = 0; n < kReshapedAtOnce && !want_limits_.empty(); ++n) {
    const delivery::SiteKey key = *want_limits_.begin();
    want_limits_.erase(want_limits_.begin());
    auto next = sites_.find(key);
    if (next == sites_.end()) continue;
    SetLimitsOfFiles(*next->second);
    if (!key.domain.empty()) continue;
    for (++next; next != sites_.end() && std::tie(next->first.name, next->first.hosts, next->first.source) ==
                                             std::tie(key.name, key.hosts, key.source);
         ++next)
      want_limits_.insert(next->first);
  }
}

// The TLS policy of domains that are at their sites stays as it is.
void Shard::SetShaping(std::shared_ptr<const config::Shaping> shaping) {
  new_shaping_ = std::move(shaping);
  shaping_ = new_shaping_.get();
  if (!options_.bugs.keep_old_limits) reshaped_before_ = delivery::SiteKey();
  for (const auto& entry : domain_overrides_) {  // Of those that are on their way to a site: when they are there.
    const Destination* const destination = FindDestination(entry.first);
    if (destination != nullptr && destination->site != nullptr)
      KeepOverridesOfRules(*destination, site_names_.at(destination->site->id()).hosts);
  }
  EndDomainOverrides(seams_.clock.Now());
}

// Some sites in each turn, so that mail goes on meanwhile.
void Shard::Reshape() {
  int left = kReshapedAtOnce;
  VisitSome(sites_, reshaped_before_, left, [this](const delivery::SiteKey&, Site& site) {
    const SiteNames& names = site_names_.at(site.id());
    if (std::string provider = shaping_->ProviderFor(names.domain, names.hosts); provider != site.provider()) {
      site.SetProvider(std::move(provider));
      HoldSite(site);
    }
    site.SetAutomation(shaping_->AutomationFor(names.domain, names.hosts));
    SetLimitsOfFiles(site);
  });
}

// Of a site that is new: what rules have set there, which it knows, and suspensions of earlier runs.
void Shard::TakeUpPast(Site& site) {
  if (!site.overrides().empty()) SetLimitsOfFiles(site);
  // Another campaign may have set limits of the domain's own since they were looked for.
  if (seams_.limits.HasDomainSettings()) CallSite(site.id(), delivery::GroupMember::Call::kSettings);
  const std::string& name = site.key().name;
  const std::string& source = job_.sources[site.key().source].name;
  const base::WallTime now = seams_.clock.WallNow();
  const auto [begin, end] = suspensions_.equal_range({name, source});
  if (begin == end || suspensions_lifted_ || seams_.limits.WasLifted(source, name)) return;
  for (auto next = begin; next != end; ++next) {
    const RestoredSuspension& old = *next->second;
    if (old.until > now)
      site.RestoreSuspension(old.scope, seams_.clock.Now() + (old.until - now), old.reason, old.sample);
  }
}

// ---- domains with limits of their own for a while ----

// Its site for so long has the same name, hosts and shard as that of the others, and shares all that they share.
std::string Shard::OverriddenDomain(const Destination& destination) const {
  return domain_overrides_.contains(destination.key) ? destination.name : "";
}

// Which rules have set before: in an earlier program, or by another campaign.
void Shard::RestoreDomainOverrides(const Destination& destination, const std::vector<config::MailHost>& hosts,
                                   const std::string& place) {
  KeepOverridesOfRules(destination, hosts);
  if (const auto found = domain_overrides_.find(destination.key);
      found != domain_overrides_.end() && found->second.empty())
    domain_overrides_.erase(found);
  if (!seams_.limits.HasDomainSettings() || job_.smarthost.has_value() || IsAlone(destination)) return;
  const delivery::RuleSettings kept = seams_.limits.SettingsOf(job_.sources[SourceOf(destination)].name,
                                                               destination.name + "@" + place, seams_.clock.Now());
  if (kept.empty() || domain_overrides_.contains(destination.key)) return;
  const config::AutomationRules rules = shaping_->AutomationFor(destination.name, hosts);
  for (const delivery::RuleSetting& setting : kept) {
    auto override = OverrideOf(rules, setting);
    if (setting.of_domain && override.has_value()) (void)AddDomainOverride(destination.key, *std::move(override));
  }
}

void Shard::ApplyDomainOverrides(const Destination& destination, Site& site) {
  const auto found = domain_overrides_.find(destination.key);
  if (found == domain_overrides_.end()) return;
  for (const delivery::Automation::Override& override : found->second) site.Override(override);
}

// The others are of rules that the files have no more.
void Shard::KeepOverridesOfRules(const Destination& destination, absl::Span<const config::MailHost> hosts) {
  const auto found = domain_overrides_.find(destination.key);
  if (found == domain_overrides_.end()) return;
  const config::AutomationRules rules = shaping_->AutomationFor(destination.name, hosts);
  std::erase_if(found->second, [&rules](const delivery::Automation::Override& one) {
    return !OverrideOf(rules, SettingOf(one)).has_value();
  });
}

// False: the same held already, and does so for longer now.
bool Shard::AddDomainOverride(DestinationKey key, delivery::Automation::Override override) {
  if (!domain_timer_.IsSet() || override.until < domain_timer_.at()) seams_.timers.Set(domain_timer_, override.until);
  auto& overrides = domain_overrides_[key];
  bool held_already = false;
  std::erase_if(overrides, [&](const auto& one) {
    const bool is_of_key = one.change.setting.key == override.change.setting.key;
    held_already = held_already || (is_of_key && one.change.setting.value == override.change.setting.value);
    return is_of_key;
  });
  overrides.push_back(std::move(override));
  return !held_already;
}

// It is remembered at once: until nothing is in flight any more the domain is still at the site of the others.
bool Shard::OverrideDomain(Destination& destination, delivery::Automation::Override override) {
  const bool is_overridden = domain_overrides_.contains(destination.key);
  const bool has_own_site = shaping_->HasOwnLimits(destination.name) || job_.smarthost.has_value();
  if (has_own_site && !is_overridden) return destination.site->Override(std::move(override));
  if (has_own_site || (is_overridden && !destination.leaving)) {
    destination.site->Override(override);
  } else {
    seams_.limits.RememberSetting(job_.sources[destination.site->key().source].name,
                                  destination.name + "@" + destination.site->key().name, SettingOf(override),
                                  seams_.clock.Now());
  }
  const bool is_news = AddDomainOverride(destination.key, std::move(override));
  if (!is_overridden) {
    destination.leaving = true;
    destination.site->standing().AddOwnDomain(destination.name);
  }
  return is_news;
}

void Shard::OnOwnDomain(Site& site, const std::string& domain) {
  const std::optional<std::uint64_t> index = job_.roster->FindDomain(domain);
  if (!index.has_value() || !site.key().domain.empty()) return;
  std::vector<Destination*> here;
  for (auto next = destinations_.lower_bound({*index, 0}); next != destinations_.end(); ++next) {
    if (next->first.domain != *index) break;
    if (next->second->site == &site && !domain_overrides_.contains(next->first)) here.push_back(next->second.get());
  }
  for (Destination* const destination : here) {
    RestoreDomainOverrides(*destination, site_names_.at(site.id()).hosts, site.key().name);
    if (domain_overrides_.contains(destination->key)) site.SendAway(*destination);
  }
}

// Domains whose time is over go back to the others.
void Shard::EndDomainOverrides(base::Instant now) {
  std::vector<DestinationKey> over;
  std::optional<base::Instant> next;
  for (auto& [key, overrides] : domain_overrides_) {
    std::erase_if(overrides, [now](const auto& one) { return one.until <= now; });
    if (overrides.empty()) over.push_back(key);
    for (const auto& one : overrides) next = std::min(next.value_or(one.until), one.until);
  }
  if (next.has_value()) seams_.timers.Set(domain_timer_, *next);
  for (const DestinationKey& key : over) {
    domain_overrides_.erase(key);
    Destination* const destination = FindDestination(key);
    if (destination != nullptr && destination->site != nullptr) destination->site->SendAway(*destination);
  }
}

}  // namespace engine
