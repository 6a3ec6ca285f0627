#include "engine/delivery/site.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr int kSettledAtOnce = 256;
constexpr int kBegunInTurn = 8;  // Of a destination: its recipients, and what is known of it, are near each other.
constexpr base::Duration kLinger = base::Duration::Hours(1);         // Without destinations, where some have left.
constexpr base::Duration kRouteGrace = base::Duration::Minutes(1);   // Of a route that is asked for again.
constexpr base::Duration kAsksInPause = base::Duration::Minutes(5);  // For new routes, about so often.
constexpr base::Duration kAsksMore = base::Duration::Seconds(10);    // Where so many are being asked for.
constexpr std::size_t kAskedAtOnce = 4096;                           // Of its destinations are looked at.
constexpr base::Duration kKeepsTurn = base::Duration::Minutes(1);    // Until who left for a new route is back.

// Nothing goes by its route any more: it was asked for again, or nobody has sent for so long.
bool IsRouteOver(const Destination& destination, base::Instant now) {
  return destination.route_expires + kRouteGrace <= now && destination.queue.claimed() == 0 && !destination.sweeping;
}

std::vector<PlannedHost> PlanHosts(const dns::Route& route) {
  std::vector<PlannedHost> hosts;
  for (const auto& host : route.hosts) hosts.push_back({host.name, host.preference});
  return hosts;
}

}  // namespace

Site::Site(std::uint64_t id, SiteKey key, std::string provider, const config::Limits& limits,
           const SharedLimits& shared, const dns::Route& route, const Context& context, Owner& owner)
    : id_(id),
      key_(std::move(key)),
      provider_(std::move(provider)),
      limits_(limits),
      context_(context),
      scopes_(ScopesOf(context.job.campaign, context.job.tenant)),
      owner_(owner),
      timer_([this] { owner_.WantsPump(*this); }),
      hosts_(PlanHosts(route), PlanOptions()),
      writers_timer_([this] { ServeWriters(); }),
      automation_timer_([this] { TakeUpSettings(); }),
      dane_(hosts_.size()) {
  SetShared(shared);
}

Site::~Site() {
  EndTry();
  if (!leaves_limits_) standing_->Forget(context_.job.campaign_number, context_.clock.Now());
  if (own_ != nullptr) own_->Forget(context_.job.campaign_number, context_.clock.Now());
  context_.budget.Cancel(*this);
  context_.line.Cancel(*this);
  while (!writers_.empty()) writers_.PopFront();
  while (!ready_.empty()) ready_.PopFront();
  while (!waiting_.empty()) waiting_.PopFront();
  for (SessionList* list : {&opening_, &idle_, &busy_, &closing_}) {
    while (!list->empty()) {
      Session& session = list->PopFront();
      session.Abandon();
      delete &session;
    }
  }
  LeaveGroups();
}

// ---- destinations ----

void Site::MoveTo(Destination& destination, Destination::Place place) {
  if (destination.place == Destination::Place::kReady && destination.hook.IsLinked()) ready_.Remove(destination);
  if (destination.place == Destination::Place::kWaiting && destination.hook.IsLinked()) waiting_.Remove(destination);
  destination.place = place;
  destination.begun_in_turn = 0;
  if (place == Destination::Place::kReady) ready_.PushBack(destination);
  if (place == Destination::Place::kReady) demand_.MoveToBack(destination);
  if (place == Destination::Place::kWaiting) waiting_.PushBack(destination);
  CountDemand(destination);
}

void Site::Add(Destination& destination, const tls::Policy& policy, const dns::Route& route,
               base::Instant route_expires) {
  CHECK(destination.site == nullptr && !destination.hook.IsLinked());
  destination.site = this;
  Refresh(destination, policy, route, route_expires);
  destination.place = Destination::Place::kNowhere;
  Reconsider(destination);
}

void Site::Refresh(Destination& destination, const tls::Policy& policy, const dns::Route& route,
                   base::Instant route_expires) {
  demand_.Remove(destination);
  destination.tls = policy;
  destination.tls.host_order = OrderOf(route);
  destination.canonical = route.canonical;
  destination.route_expires = route_expires;
  CountDemand(destination);
}

// An order is forgotten some time after the last who wanted it.
std::uint32_t Site::OrderOf(const dns::Route& route) {
  if (hosts_.orders() > orders_max_) {
    std::set<std::uint32_t> used;
    for (auto* list : {&ready_, &waiting_}) {
      for (const Destination* d = list->empty() ? nullptr : &list->front(); d != nullptr; d = list->Next(*d))
        used.insert(d->tls.host_order);
    }
    for (const SessionList* list : {&opening_, &idle_, &busy_}) {
      for (const Session* s = list->empty() ? nullptr : &list->front(); s != nullptr; s = list->Next(*s))
        used.insert(s->options().tls.host_order);
    }
    for (const TlsFailure& failure : tls_failures_) used.insert(failure.policy.host_order);
    hosts_.KeepOrders(used);
    orders_max_ = std::max(orders_max_, 2 * hosts_.orders());
  }
  return hosts_.OrderOf(PlanHosts(route));
}

// Puts a destination into the list where it belongs now, or lets it go.
void Site::Reconsider(Destination& destination) {
  const bool in_flight = destination.queue.claimed() > 0;
  if (!in_flight && !destination.sweeping && (destination.leaving || destination.queue.IsFinished())) {
    MoveTo(destination, Destination::Place::kNowhere);
    context_.timers.Cancel(destination.timer);
    destination.site = nullptr;
    if (destination.queue.IsFinished()) {
      owner_.OnDestinationFinished(destination);
    } else {
      const bool counts = breaker_.HasRefused() || rests_since_ || dns_since_ || !no_way_since_.empty();
      if (counts) lingers_until_ = context_.clock.Now() + kLinger;  // It may come back, and is to count on.
      // Its route was over. A new site would stand at the end of the line, and so each time; and where it goes to other
      // hosts, what is known of these goes with it.
      if (context_.line.WasGiven(*this) || !destination.left.empty())
        lingers_until_ = std::max(lingers_until_, context_.clock.Now() + kKeepsTurn);
      owner_.OnDestinationLeft(destination);
    }
    owner_.WantsPump(*this);  // Without any it may go.
    return;
  }
  const std::uint32_t now_s = context_.settler.now_s();
  const std::uint32_t due_s = destination.queue.NextDue(now_s);
  const bool open = !destination.leaving && !destination.sweeping && !draining_;
  if (open && due_s <= now_s) {
    // After a rest its mail exchangers may be others: the old ones may be dead, or refuse its recipients.
    const bool has_rested =
        destination.place == Destination::Place::kWaiting && !in_flight && !context_.bugs.keep_old_route;
    if (has_rested && (destination.route_expires <= context_.clock.Now() || destination.asks_policy_anew)) {
      destination.left = key_.name;
      return SendAway(destination);
    }
    if (destination.place != Destination::Place::kReady) MoveTo(destination, Destination::Place::kReady);
    CountDemand(destination);
    owner_.WantsPump(*this);
    return;
  }
  if (destination.place != Destination::Place::kWaiting) MoveTo(destination, Destination::Place::kWaiting);
  if (open && due_s != RecipientQueue::kNever) {
    context_.timers.Set(destination.timer, context_.clock.Now() + base::Duration::Seconds(due_s - now_s));
  } else {
    context_.timers.Cancel(destination.timer);
  }
}

void Site::OnDue(Destination& destination) { Reconsider(destination); }

void Site::OnSwept(Destination& destination) { Reconsider(destination); }

void Site::SendAway(Destination& destination) {
  destination.leaving = true;
  Reconsider(destination);
}

// A deferring sweep keeps the destinations here; they come back when they are due.
void Site::SweepAll(const Sweep& sweep) {
  for (std::size_t n = ready_.size(); n > 0; --n) {
    Destination& destination = ready_.front();
    owner_.StartSweep(destination, sweep);
    MoveTo(destination, Destination::Place::kWaiting);
  }
  if (sweep.only_due) return;
  for (Destination* destination = waiting_.empty() ? nullptr : &waiting_.front(); destination != nullptr;
       destination = waiting_.Next(*destination)) {
    if (!destination->sweeping) owner_.StartSweep(*destination, sweep);
  }
}

// ---- moving ----

std::optional<base::Instant> Site::HeldUntil() const {
  const base::Instant now = context_.clock.Now();
  const base::Instant until = std::max({rests_until_, dns_until_, standing_->SuspendedUntil(scopes_)});
  if (until <= now) return std::nullopt;
  return until;
}

void Site::SetTimer(base::Instant at) {
  if (!timer_.IsSet() || at < timer_.at()) context_.timers.Set(timer_, at);
}

void Site::DoWhatCanBeDone() {
  if (!paused_) context_.timers.Cancel(timer_);
  message_blocker_ = connection_blocker_ = nullptr;
  waits_for_session_ = false;
  PumpNow();
  LeaveLines(message_blocker_, connection_blocker_);
  if (!waits_for_session_) context_.budget.Cancel(*this);
}

void Site::PumpNow() {
  if (draining_) return;
  if (paused_) return AskForRoutes();
  if (owner_.IsStopped(*this)) return;
  if (ready_.empty() && waiting_.empty() && sessions_ == 0) {  // It goes when nothing of the past holds it.
    SetTimer(RestedAt());
    return;
  }
  if (const auto until = HeldUntil()) {
    if (!ready_.empty()) {
      throttle_.Note(Hold());
      SetTimer(*until);
    }
    return;
  }
  while (!ready_.empty() && IsRouteOver(ready_.front(), context_.clock.Now()) && owner_.MayLookUp()) {
    ready_.front().left = key_.name;
    SendAway(ready_.front());
  }
  SendOverflow();
  for (Session* session = FittingSession(); session != nullptr; session = FittingSession()) {
    const bool has_begun = BeginNext(*session);
    if (HeldUntil().has_value()) return;                                  // A message could not be made or signed.
    if (!has_begun && NextFor(session->options().tls) != nullptr) break;  // The rate gate is shut.
  }
  if (!ready_.empty()) OpenSessions();
}

// The next recipient that may be tried now.
std::optional<Site::Claimed> Site::ClaimUnder(const tls::Policy& policy) {
  const base::Instant now = context_.clock.Now();
  int settled = 0;
  while (Destination* const next = NextFor(policy)) {
    if (settled == kSettledAtOnce) {  // A whole domain was put on a suppression list: others want their turn.
      owner_.WantsPump(*this);
      return std::nullopt;
    }
    if (RoomToBegin(kBeginAhead) == 0) return std::nullopt;
    if (!context_.line.HasToken(*this)) {
      throttle_.Note("campaign_rate");
      return std::nullopt;
    }
    Destination& destination = *next;
    if (IsRouteOver(destination, now) && owner_.MayLookUp()) {
      destination.left = key_.name;
      SendAway(destination);
      continue;
    }
    if (++destination.begun_in_turn >= kBegunInTurn)
      MoveTo(destination, Destination::Place::kReady);  // To the back: the destinations take turns.
    if (destination.route_expires <= now) owner_.OnRouteExpired(destination);
    const auto recipient = destination.queue.Claim(context_.settler.now_s());
    CountDemand(destination);
    if (!recipient.has_value()) {
      Reconsider(destination);
      continue;
    }
    if (context_.settler.SettleUntried(destination.queue, *recipient)) {
      ++settled;
      Reconsider(destination);
      continue;
    }
    if (!Try(*recipient) || !TakeOfWarmup()) {  // Another shard was faster.
      EndTryOf(*recipient);
      destination.queue.Unclaim(*recipient);
      Reconsider(destination);
      return std::nullopt;
    }
    context_.line.UseToken(*this);
    return Claimed{&destination, *recipient};
  }
  return std::nullopt;
}

// Begins a transaction on an idle session. False: nothing can be begun now.
bool Site::BeginNext(Session& session) {
  while (const std::optional<Claimed> next = ClaimUnder(session.options().tls)) {
    if (BeginTransaction(session, *next->destination, next->recipient)) return true;
    if (HeldUntil().has_value()) return false;  // The message could not be made.
  }
  return false;
}

void Site::OnSessionSlotFree() { owner_.WantsPump(*this); }

void Site::OnMayBegin() { owner_.WantsPump(*this); }

void Site::Drain() {
  draining_ = true;
  writes_until_ = context_.clock.Now() + kDrainPatience;
  StopBeginning();
  ServeWriters();
}

void Site::Pause(std::string_view reason) {
  pause_reason_ = std::string(reason);
  if (paused_) return;
  paused_ = true;
  paused_since_ = context_.clock.Now();
  StopBeginning();
  // Those that are paused together do not all ask at once.
  SetTimer(paused_since_ + kAsksInPause + base::Duration::Milliseconds(static_cast<std::int64_t>(id_ % 10'000)));
}

void Site::EndPause() {
  if (std::exchange(paused_, false)) owner_.WantsPump(*this);
}

// The mail exchangers of some may be another's by now, who is not paused.
void Site::AskForRoutes() {
  if (timer_.IsSet()) return;
  const base::Instant now = context_.clock.Now();
  std::size_t left = std::min(kAskedAtOnce, ready_.size());
  for (; left > 0 && !ready_.empty() && owner_.MayLookUp(); --left) {
    Destination& next = ready_.front();
    MoveTo(next, Destination::Place::kReady);  // To the back.
    if (next.route_expires <= now) owner_.OnRouteExpired(next);
  }
  SetTimer(now + (left == 0 ? kAsksInPause : kAsksMore));
}

void Site::Resume() {
  paused_ = false;
  if (breaker_.HasHeld()) {  // They begin anew with it: nobody bounces for what was before.
    for (auto* list : {&ready_, &waiting_}) {
      for (Destination* d = list->empty() ? nullptr : &list->front(); d != nullptr; d = list->Next(*d))
        d->queue.ClearFlag(ledger::kHeldByBreaker);
    }
  }
  breaker_ = Breaker();
  const base::Instant now = context_.clock.Now();
  for (const std::string& scope : standing_->Lift(scopes_, now)) WriteSuspension(scope, now, "resumed", "");
  if (own_ != nullptr) (void)own_->Lift(scopes_, now);  // It holds nothing, but what rules have set.
  TakeUpSettings();
  owner_.WantsPump(*this);
}

void Site::EndUnused() {
  if (HasDestinations()) return;
  StopBeginning();
  owner_.WantsPump(*this);
}

// What is in flight goes on.
void Site::StopBeginning() {
  context_.timers.Cancel(timer_);
  TellWarmup();
  context_.budget.Cancel(*this);
  context_.line.Cancel(*this);
  LeaveLines(nullptr, nullptr);
  StopAllSealing();
  while (!idle_.empty()) idle_.front().Quit();
  while (!opening_.empty()) {
    Session& session = opening_.front();
    session.Abandon();
    MoveSession(session, Session::Listing::kClosing);
    OnSessionEnded(session);
  }
}

void Site::RestoreSuspension(std::string_view scope, base::Instant until, std::string_view reason,
                             std::string_view sample) {
  (void)standing_->SuspendUntil(scope, until, context_.clock.Now(), reason, sample);
}

bool Site::IsUnused() const {
  return ready_.empty() && waiting_.empty() && sessions_ == 0 && RestedAt() <= context_.clock.Now();
}

base::Instant Site::RestedAt() const {
  return std::max({rests_until_, dns_until_, lingers_until_, automation_.RestedAt()});
}

}  // namespace delivery
