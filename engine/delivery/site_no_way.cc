// The part of a site that acts where its mail exchangers have no address, or none that policy allows.

#include <utility>

#include "engine/delivery/site.h"
#include "engine/ledger/state.h"

namespace delivery {
namespace {

// `sweep` says whether they bounce or are deferred; why there is no way gives it its text and its code.
Sweep NoWay(Sweep sweep, HostPlan::Step step) {
  if (step == HostPlan::Step::kPrivate) {
    sweep.classification = "RoutingErrors";
    sweep.text = "every address of its mail exchangers is private or prohibited";
    sweep.enhanced[0] = sweep.kind == ledger::OutcomeKind::kBounced ? 5 : 4;
    sweep.enhanced[1] = sweep.enhanced[2] = 4;
  } else {
    sweep.classification = "BadDomain";
    sweep.text = "none of its mail exchangers has an address";
  }
  return sweep;
}

}  // namespace

// A resolver that lies is to bounce nobody. Whoever meets this is deferred, and his domain counts for whether the
// resolver is suspect; he bounces where the same is found one retry interval after it was found first, and the hosts
// were asked for anew. That is forgotten as soon as one of them has a usable address. `refused`: hosts that do not
// count under the policies that it is about.
void Site::OnNoWay(std::uint32_t refused, HostPlan::Step step) {
  const base::Instant now = context_.clock.Now();
  const base::Instant since = no_way_since_.try_emplace(refused, now).first->second;
  const base::Instant believed_at = since + context_.job.retry_plan.first();
  const bool is_second = now >= believed_at;
  if (is_second && !hosts_.WereAskedSince(believed_at, refused)) {
    hosts_.AskAgain(refused);
    return owner_.WantsPump(*this);
  }
  const Sweep deferred = [&] {
    Sweep sweep = SweepOfSite(ledger::OutcomeKind::kDeferred, "dns");
    sweep.only_due = true;
    return NoWay(std::move(sweep), step);
  }();
  const Sweep bounced = NoWay(SweepOfSite(ledger::OutcomeKind::kBounced, "dns"), step);
  for (std::size_t n = ready_.size(); n > 0; --n) {
    Destination& destination = ready_.front();
    const bool is_meant = refused == 0 || destination.tls.refused_hosts == refused;
    const bool was_told = destination.no_way_at >= since;
    if (!is_meant || (was_told && !is_second)) {
      MoveTo(destination, Destination::Place::kReady);
      continue;
    }
    owner_.StartSweep(destination, was_told ? bounced : deferred);
    MoveTo(destination, Destination::Place::kWaiting);
    if (was_told) continue;
    destination.no_way_at = now;
    if (refused != 0 && destination.sts != nullptr) destination.asks_policy_anew = true;
    if (!context_.job.resolver_trusted && !destination.queue.AllPendingHave(ledger::kNoDomain))
      context_.facts.OnDomain(destination.key.domain, /*missing=*/true);
  }
  if (is_second) return;
  last_failure_ = deferred.text;
  if (refused == 0) return Rest(believed_at);
  throttle_.Note("dns");
  SetTimer(believed_at);
}

}  // namespace delivery
