// What is known of a receiver goes with it when its hosts change.

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

void HostLimits::Inherit(const std::string& source, const std::string& from, const std::string& to, bool all_hosts,
                         base::Instant now) {
  const std::lock_guard lock(mutex_);
  InheritWarmup({Kind::kSite, source, from}, {Kind::kSite, source, to});
  const auto heir = sites_.find({source, to});
  if (heir == sites_.end()) return;
  const auto known = sites_.find({source, from});
  const auto old = old_sites_.find({source, from});
  SiteStanding::Kept kept;
  if (known != sites_.end()) {
    kept = known->second->Keep(now, {});
  } else if (old != old_sites_.end()) {
    kept = Now(old->second, now);
  }
  if (!IsFirstOf(source, from, to)) kept.window = kept.messages_per_second = 0;
  if (heir->second->Keep(now, {}).IsNew()) {
    heir->second->Restore(kept, now);
  } else if (all_hosts) {
    heir->second->Tighten(kept, now);
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
