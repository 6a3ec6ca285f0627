#include "engine/delivery/router.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/delivery/site.h"
#include "engine/roster/roster.h"

namespace delivery {
namespace {

constexpr base::Duration kFirstBackoff = base::Duration::Seconds(15);
constexpr base::Duration kLongestBackoff = base::Duration::Minutes(15);
constexpr base::Duration kOldRouteFor = base::Duration::Minutes(1);  // Then it is asked for again.

// Bounces everyone: the domain takes no mail (RFC 7505), or does not exist.
Sweep BadDomain(std::string text, std::uint16_t detail) {
  Sweep sweep;
  sweep.kind = ledger::OutcomeKind::kBounced;
  sweep.classification = "BadDomain";
  sweep.text = std::move(text);
  sweep.command = "dns";
  sweep.enhanced[0] = 5;
  sweep.enhanced[1] = 1;
  sweep.enhanced[2] = detail;
  return sweep;
}

}  // namespace

// Of a sample, domains may have nobody.
std::optional<DestinationKey> Router::TakeUnfed() {
  while (unfed_.empty()) {
    if (fed_domains_ == unfed_domains_.size()) return std::nullopt;
    const std::uint64_t domain = unfed_domains_[fed_domains_++];
    for (const std::uint32_t share : owner_.SharesOf(domain)) unfed_.push_back({domain, share});
  }
  const DestinationKey key = unfed_.front();
  unfed_.pop_front();
  return key;
}

void Router::Pump() {
  for (std::size_t n = put_off_.empty() ? 0 : std::min(put_off_.size(), sts_->room()); n > 0 && MayBegin(); --n) {
    Destination* const destination = owner_.FindDestination(put_off_.front());
    put_off_.pop_front();
    if (destination != nullptr && destination->site == nullptr && !destination->sweeping) Adopt(*destination);
  }
  while (MayBegin()) {
    const std::optional<DestinationKey> key = TakeUnfed();
    if (!key.has_value()) break;
    Destination& destination = owner_.MakeDestination(*key);
    for (const std::uint16_t via : destination.elsewhere) unfed_.push_front({key->domain, key->share, via});
    if (destination.queue.IsFinished()) {
      owner_.RemoveDestination(destination);
      continue;
    }
    Adopt(destination);
  }
}

void Router::Adopt(Destination& destination) {
  destination.place = Destination::Place::kRouting;
  destination.site = nullptr;
  destination.leaving = false;
  const std::uint32_t due_s = destination.queue.NextDue();
  const std::uint32_t now_s = context_.settler.now_s();
  if (due_s <= now_s) {
    LookUp(destination);
  } else if (due_s != RecipientQueue::kNever) {
    WaitUntil(destination, context_.clock.Now() + base::Duration::Seconds(due_s - now_s));
  }
}

void Router::WaitUntil(Destination& destination, base::Instant at) { context_.timers.Set(destination.timer, at); }

void Router::OnTimer(Destination& destination) {
  if (destination.queue.NextDue() > context_.settler.now_s()) {  // The wall clock stepped back: not yet.
    Adopt(destination);
    return;
  }
  LookUp(destination);
}

void Router::Refresh(Destination& destination) {
  if (!destination.looking_up && !stopped_) LookUp(destination);
}

void Router::LookUp(Destination& destination) {
  if (stopped_ || destination.looking_up) return;  // The answer that is under way will do: twice it would count twice.
  ++looking_up_;
  destination.looking_up = true;
  const DestinationKey key = destination.key;
  if (context_.job.smarthost.has_value()) {
    LookUpSmarthost(key);
    return;
  }
  const auto lookup = std::make_shared<Lookup>();
  lookup->key = key;
  if (sts_ != nullptr && owner_.WantsSts(destination, nullptr))
    AskPolicy(lookup, destination);  // At the same time: it takes no longer so.
  // What is asked a second time is not to be answered by what was said the first time.
  const bool anew = destination.missing_before ||
                    (destination.site == nullptr && destination.queue.AllPendingHave(ledger::kNoDomain));
  context_.mx.LookupMx(
      destination.name,
      [this, lookup](const dns::Route& route) {
        context_.mx.AddAddresses(route, owner_.WantedFamilies(),
                                 [this, lookup](const dns::Route& whole) { OnRouteKnown(lookup, whole); });
      },
      anew);
}

void Router::AskPolicy(const std::shared_ptr<Lookup>& lookup, Destination& destination) {
  lookup->asks_policy = true;
  const bool anew = std::exchange(destination.asks_policy_anew, false);
  sts_->Lookup(destination.name, anew, [this, lookup](const StsPolicies::Found& found) {
    lookup->policy = found;
    lookup->knows_policy = true;
    if (lookup->route.has_value()) Finish(*lookup);
  });
}

void Router::OnRouteKnown(const std::shared_ptr<Lookup>& lookup, const dns::Route& route) {
  --looking_up_;
  lookup->route = route;
  Destination* const destination = owner_.FindDestination(lookup->key);
  const bool asks_now = !lookup->asks_policy && sts_ != nullptr && destination != nullptr &&
                        route.kind == dns::RouteKind::kHosts && owner_.WantsSts(*destination, &route);
  if (asks_now) AskPolicy(lookup, *destination);
  if (lookup->asks_policy && !lookup->knows_policy) return;  // A slow policy host holds up this domain alone.
  Finish(*lookup);
}

void Router::Finish(Lookup& lookup) {
  Destination* const destination = owner_.FindDestination(lookup.key);
  if (destination == nullptr) return;
  if (lookup.policy.has_value()) {
    destination->sts = *lookup.policy;
  } else if (destination->site == nullptr && lookup.route->kind == dns::RouteKind::kHosts) {
    destination->looking_up = false;
    put_off_.push_back(lookup.key);  // It alone waits; others are looked up meanwhile.
    return;
  }
  OnRoute(lookup.key, *lookup.route);
}

// One host takes the mail for every domain. Whatever the DNS says of it, it says nothing about the recipients.
void Router::LookUpSmarthost(DestinationKey key) {
  const std::string& host = context_.job.smarthost->host;
  context_.mx.LookupHost(host, /*want_v6=*/true, [this, key, &host](const dns::HostAddresses& answer) {
    --looking_up_;
    dns::Route route;
    route.ttl = answer.ttl;
    if (answer.kind == dns::AnswerKind::kFound) {
      route.kind = dns::RouteKind::kHosts;
      route.hosts.push_back({host, 0});
    } else {
      route.kind = dns::RouteKind::kTemporary;
      route.detail = "the smarthost has no address" + (answer.detail.empty() ? "" : ": " + answer.detail);
    }
    OnRoute(key, route);
  });
}

void Router::OnRoute(DestinationKey key, const dns::Route& route) {
  Destination* destination = owner_.FindDestination(key);
  if (destination == nullptr) return;
  destination->looking_up = false;
  if (stopped_) return;  // It would be placed at a site that sends, while the shard drains.
  if (route.kind != dns::RouteKind::kTemporary && destination->dns_backoff != base::Duration()) {
    destination->dns_backoff = base::Duration();
    if (destination->place == Destination::Place::kRouting) --unanswered_;
  }
  const bool missing = route.kind == dns::RouteKind::kNoDomain || route.kind == dns::RouteKind::kNoAddress;
  if (missing && !destination->missing_before)  // An earlier run may have heard so.
    destination->missing_before = destination->queue.AllPendingHave(ledger::kNoDomain);
  Count(*destination, route, missing);
  switch (route.kind) {
    case dns::RouteKind::kHosts:
      destination->missing_before = false;
      owner_.PlaceAtSite(*destination, route);
      return;
    case dns::RouteKind::kNullMx:
      if (destination->site == nullptr)
        owner_.StartSweep(*destination, BadDomain("the domain accepts no mail (null MX)", 10));
      return;
    case dns::RouteKind::kNoDomain:
    case dns::RouteKind::kNoAddress:
      OnMissing(*destination, route);
      return;
    case dns::RouteKind::kTemporary:
      OnNoAnswer(*destination, route);
      return;
  }
}

// Each domain once, whatever the number of sources; what an earlier run has counted says nothing new.
void Router::Count(Destination& destination, const dns::Route& route, bool missing) {
  if (destination.counted || route.kind == dns::RouteKind::kTemporary) return;
  destination.counted = true;
  if (context_.job.resolver_trusted || (missing && destination.missing_before)) return;
  if (counted_.empty()) counted_.resize(context_.job.roster->domains());
  if (counted_[destination.key.domain]) return;
  counted_[destination.key.domain] = true;
  context_.facts.OnDomain(destination.key.domain, missing);
}

// Deferred once; the same answer one retry interval later bounces. A domain that is at a site keeps its route until its
// recipients are asked for anew: what was there an hour ago is not gone by one answer.
void Router::OnMissing(Destination& destination, const dns::Route& route) {
  if (destination.site != nullptr) return;
  std::string text = route.detail.empty() ? "the domain does not exist or has no mail exchanger" : route.detail;
  if (destination.missing_before) {
    owner_.StartSweep(destination, BadDomain(std::move(text), 2));
    return;
  }
  destination.missing_before = true;
  Sweep sweep;
  sweep.kind = ledger::OutcomeKind::kDeferred;
  sweep.only_due = true;
  sweep.classification = "BadDomain";
  sweep.text = std::move(text);
  sweep.command = "dns";
  owner_.StartSweep(destination, std::move(sweep));
}

void Router::OnNoAnswer(Destination& destination, const dns::Route& route) {
  if (destination.site != nullptr) {
    const base::Instant now = context_.clock.Now();
    // RFC 7672 section 2.1.3: whoever can suppress the answer must gain nothing by it.
    if (destination.tls.dane && destination.route_expires <= now) return destination.site->SendAway(destination);
    destination.route_expires = now + kOldRouteFor;  // The old route is still the best there is, for a while.
    return;
  }
  if (destination.dns_backoff == base::Duration()) {
    if (unanswered_++ == 0) {
      context_.log.Warning(absl::StrFormat(
          "DNS gives no answer for %s (%s); its recipients are held, and it is asked again",
          context_.job.smarthost.has_value() ? context_.job.smarthost->host : destination.name, route.detail));
    }
    destination.dns_backoff = kFirstBackoff;
    destination.dns_since = context_.clock.Now();
  } else {
    destination.dns_backoff = std::min(destination.dns_backoff * 2, kLongestBackoff);
  }
  WaitUntil(destination, context_.clock.Now() + destination.dns_backoff);
}

void Router::OnSwept(Destination& destination) {
  if (destination.queue.IsFinished()) {
    owner_.RemoveDestination(destination);
    return;
  }
  Adopt(destination);
}

}  // namespace delivery
