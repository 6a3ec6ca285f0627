#include "engine/plan_host.h"

#include <algorithm>

#include "engine/delivery/suspensions.h"
#include "engine/host_state.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

std::vector<std::string> ScopesOf(const campaign::Campaign& campaign) {
  const auto tenant = campaign.meta.find("tenant");
  return delivery::ScopesOf(campaign.id, tenant == campaign.meta.end() ? "" : tenant->second);
}

}  // namespace

PlanHost::PlanHost(const campaign::Campaign& campaign, base::WallTime now, base::WallTime begin)
    : scopes_(ScopesOf(campaign)),
      wall_now_(now),
      begin_(begin),
      now_(io::SystemClock().Now()),
      begins_at_(now_ + (begin - now)) {}

void PlanHost::Read(io::Disk& disk, const std::string& directory, const std::vector<delivery::Source>& sources,
                    const std::string& names) {
  ReadLimits(disk, directory, sources, limits_);
  in_use_ = SourcesInUse(directory, names, sources);
}

void PlanHost::Take(const ledger::CampaignFacts& facts) { suspensions_ = facts.suspensions; }

PlanHost::Suspended PlanHost::SuspendedFor(const std::string& source, const std::string& site,
                                           const delivery::SiteStanding::Kept& known, base::WallTime from) const {
  Suspended suspended;
  const auto take = [&suspended](const std::string& scope, base::Duration rest) {
    if (rest <= base::Duration()) return;
    suspended.longest = std::max(suspended.longest, rest);
    suspended.is_everybody = suspended.is_everybody || scope == delivery::kEverybody;
  };
  for (const std::string& scope : scopes_) {
    for (const delivery::Suspensions::Kept& held : known.suspensions) {
      if (held.scope == scope) take(scope, held.rest);
    }
    const auto found = suspensions_.find({.site = site, .source = source, .scope = scope});
    if (found != suspensions_.end()) take(scope, found->second.until - from);
  }
  return suspended;
}

bool PlanHost::MayConnect(const std::string& source, const std::string& site) const {
  const delivery::SiteStanding::Kept known = limits_.KeptOf(source, site, now_);
  return !in_use_.contains(source) && SuspendedFor(source, site, known, wall_now_).longest == base::Duration();
}

PlanHost::Site PlanHost::At(const std::string& source, const std::string& site) const {
  Site at{.known = limits_.KeptOf(source, site, begins_at_), .suspended = {}};
  const Suspended suspended = SuspendedFor(source, site, at.known, begin_);
  at.suspended = suspended.longest;
  if (suspended.is_everybody) at.known.window = 1;  // It comes back with one connection.
  at.known = Later(at.known, at.suspended);
  return at;
}

RateDebt PlanHost::DebtOf(const delivery::HostLimits::GroupName& group) const {
  const delivery::LimitGroup::Debts debts = limits_.DebtsOf(group, begins_at_);
  return {debts.messages, debts.ns_per_message};
}

PlannedTime PlanHost::TimeOf(const delivery::Source& source, const DueLoads& due) const {
  using Kind = delivery::HostLimits::Kind;
  const RateDebt owed = DebtOf({Kind::kSource, source.name, delivery::HostLimits::kAllSites});
  return TimeOfDue(due, [&](const SharedLoad& load, base::Duration waited) {
    return TimeOfShared(load, source.limits.connection_limit, "source_connection_limit", source.limits.max_message_rate,
                        "source_message_rate", owed.After(waited));
  });
}

delivery::Warmup::Kept PlanHost::WarmupOf(const std::string& source, const std::string& site,
                                          const std::string& provider, const std::vector<std::uint32_t>& numbers) {
  using Kind = delivery::HostLimits::Kind;
  const delivery::HostLimits::GroupName name = provider.empty()
                                                   ? delivery::HostLimits::GroupName{Kind::kSite, source, site}
                                                   : delivery::HostLimits::GroupName{Kind::kProvider, source, provider};
  return limits_.WarmupOf(name, numbers)->Keep(begin_, /*exact=*/true);
}

}  // namespace engine
