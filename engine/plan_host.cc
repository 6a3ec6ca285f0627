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
    : scopes_(ScopesOf(campaign)), begin_(begin), now_(io::SystemClock().Now()), begins_at_(now_ + (begin - now)) {}

void PlanHost::Read(io::Disk& disk, const std::string& directory, const std::vector<delivery::Source>& sources,
                    const std::string& names) {
  ReadLimits(disk, directory, sources, limits_);
  in_use_ = SourcesInUse(directory, names, sources);
}

base::Duration PlanHost::SuspendedFor(const delivery::SiteStanding::Kept& known) const {
  base::Duration longest;
  for (const delivery::Suspensions::Kept& held : known.suspensions) {
    if (std::find(scopes_.begin(), scopes_.end(), held.scope) != scopes_.end()) longest = std::max(longest, held.rest);
  }
  return longest;
}

bool PlanHost::MayConnect(const std::string& source, const std::string& site) const {
  return !in_use_.contains(source) && SuspendedFor(limits_.KeptOf(source, site, now_)) == base::Duration();
}

PlanHost::Site PlanHost::At(const std::string& source, const std::string& site) const {
  Site at{.known = limits_.KeptOf(source, site, begins_at_), .suspended = {}};
  at.suspended = SuspendedFor(at.known);
  for (const delivery::Suspensions::Kept& held : at.known.suspensions) {
    if (held.scope == delivery::kEverybody) at.known.window = 1;  // It comes back with one connection.
  }
  at.known.debts.messages = std::max(base::Duration(), at.known.debts.messages - at.suspended);
  at.known.debts.connections = std::max(base::Duration(), at.known.debts.connections - at.suspended);
  return at;
}

RateDebt PlanHost::DebtOf(const delivery::HostLimits::GroupName& group) const {
  const delivery::LimitGroup::Debts debts = limits_.DebtsOf(group, begins_at_);
  return {debts.messages, debts.ns_per_message};
}

PlannedTime PlanHost::TimeOf(const delivery::Source& source, const SharedLoad& load) const {
  using Kind = delivery::HostLimits::Kind;
  return TimeOfShared(load, source.limits.connection_limit, "source_connection_limit", source.limits.max_message_rate,
                      "source_message_rate", DebtOf({Kind::kSource, source.name, delivery::HostLimits::kAllSites}));
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
