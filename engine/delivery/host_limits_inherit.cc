// What is known of a receiver; it goes with it when its hosts change.

#include "engine/delivery/host_limits.h"

namespace delivery {
namespace {

constexpr std::size_t kInheritedMax = 100'000;  // Then it begins anew.

}  // namespace

// With the lock held. Whether nobody has gone that way before.
bool HostLimits::IsFirstOf(const std::string& source, const std::string& from, const std::string& to) {
  if (inherited_.size() >= kInheritedMax) inherited_.clear();
  return inherited_.emplace(source, from, to).second;
}

SiteStanding::Kept HostLimits::DoKeptOf(const SiteName& name, base::Instant now) const {
  if (const auto known = sites_.find(name); known != sites_.end()) return known->second->Keep(now, {});
  const auto old = old_sites_.find(name);
  return old == old_sites_.end() ? SiteStanding::Kept() : Now(old->second, now);
}

SiteStanding::Kept HostLimits::KeptOf(const std::string& source, const std::string& site, base::Instant now) const {
  const std::lock_guard lock(mutex_);
  return DoKeptOf({source, site}, now);
}

LimitGroup::Debts HostLimits::DebtsOf(const GroupName& name, base::Instant now) const {
  const std::lock_guard lock(mutex_);
  if (const auto known = groups_.find(name); known != groups_.end()) return known->second->debts(now);
  const auto old = old_groups_.find(name);
  return old == old_groups_.end() ? LimitGroup::Debts() : Now(old->second, now).debts;
}

void HostLimits::Inherit(const std::string& source, const std::string& from, const std::string& to, bool all_hosts,
                         base::Instant now) {
  const std::lock_guard lock(mutex_);
  InheritWarmup({Kind::kSite, source, from}, {Kind::kSite, source, to});
  InheritTotal(from, to, all_hosts, now);
  const auto heir = sites_.find({source, to});
  if (heir == sites_.end()) return;
  SiteStanding::Kept kept = DoKeptOf({source, from}, now);
  if (!IsFirstOf(source, from, to)) kept.window = kept.messages_per_second = 0;
  if (heir->second->Keep(now, {}).IsNew()) {
    heir->second->Restore(kept, now);
  } else if (all_hosts) {
    heir->second->Tighten(kept, now);
  }
  has_news_ = true;
}

// What holds over all sources: each of them that moves says so.
void HostLimits::InheritTotal(const std::string& from, const std::string& to, bool all_hosts, base::Instant now) {
  const auto heir = groups_.find({Kind::kSiteTotal, "", to});
  if (heir == groups_.end()) return;
  const LimitGroup::Debts own = heir->second->debts(now);
  const bool is_new = own.messages == base::Duration() && own.connections == base::Duration();
  if (!is_new && !all_hosts) return;
  const auto known = groups_.find({Kind::kSiteTotal, "", from});
  const auto old = old_groups_.find({Kind::kSiteTotal, "", from});
  if (known != groups_.end()) {
    heir->second->Tighten(known->second->debts(now), now);
  } else if (old != old_groups_.end()) {
    heir->second->Tighten(Now(old->second, now).debts, now);
  }
  has_news_ = true;
}

void HostLimits::InheritWarmup(const GroupName& from, const GroupName& to) {
  const auto heir = warmups_.find(to);
  if (heir == warmups_.end() || !heir->second->kept().IsNew()) return;
  const auto known = warmups_.find(from);
  const auto old = old_warmups_.find(from);
  if (known != warmups_.end()) {
    heir->second->Restore(known->second->kept());
  } else if (old != old_warmups_.end()) {
    heir->second->Restore(old->second);
  }
  has_news_ = true;
}

}  // namespace delivery
