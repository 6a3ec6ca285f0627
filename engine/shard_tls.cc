// The part of a shard that says under which TLS policy a domain's mail goes.

#include <algorithm>

#include "engine/delivery/mail_hosts.h"
#include "engine/shard.h"

namespace engine {

using delivery::Destination;
using delivery::Site;

std::unique_ptr<delivery::StsPolicies> Shard::MakeStsPolicies() const {
  if (seams_.policies == nullptr || seams_.sts_cache == nullptr || job_.smarthost.has_value()) return nullptr;
  return std::make_unique<delivery::StsPolicies>(
      delivery::StsPolicies::Seams{seams_.resolver, context_.mx, *seams_.policies, *seams_.sts_cache, seams_.clock,
                                   seams_.timers, seams_.log, job_.allow_private_destinations, seams_.tls_results});
}

// A provider's block may say otherwise, which is known with the domain's mail exchangers only.
bool Shard::WantsSts(const Destination& destination, const dns::Route* route) {
  std::vector<config::MailHost> hosts;
  if (route != nullptr) hosts = delivery::MailHostsOf(*route);
  return shaping_->For(destination.name, hosts, job_.sources[destination.key.share].name).enable_mta_sts;
}

dns::MxLookup::Families Shard::WantedFamilies() {
  return job_.smarthost.has_value() ? dns::MxLookup::Families() : delivery::FamiliesFor(*shaping_);
}

// The domain's own, not that of the domain for which the site was made: it may share the site with others.
tls::Policy Shard::TlsPolicyOf(const Destination& destination, const Site& site, const dns::Route& route) const {
  if (job_.smarthost.has_value()) return job_.smarthost->tls_policy();
  const config::Limits limits = LimitsOf(destination, site, route);
  tls::Policy policy = tls::Stricter(delivery::PolicyOf(limits.enable_tls), job_.tls_least);
  const bool enforces =
      limits.enable_mta_sts && destination.sts != nullptr && destination.sts->mode == tls::StsPolicy::Mode::kEnforce;
  if (enforces) {
    policy = tls::Stricter(policy, {tls::Policy::Use::kAlways, tls::Policy::Verification::kNameAndChain,
                                    options_.bugs.sts_any_host ? 0 : site.HostsWithout(*destination.sts)});
    if (options_.bugs.sts_any_certificate) policy.verification = tls::Policy::Verification::kNone;
  }
  const bool tests =
      limits.enable_mta_sts && destination.sts != nullptr && destination.sts->mode == tls::StsPolicy::Mode::kTesting;
  if (tests) policy.verification = std::max(policy.verification, tls::Policy::Verification::kObserved);
  policy.dane = limits.enable_dane && route.authenticated;
  return policy;
}

}  // namespace engine
