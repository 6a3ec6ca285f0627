#include "engine/delivery/site.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr std::uint64_t kMessagesForASession = 8;             // That wait.
constexpr base::Duration kSlow = base::Duration::Seconds(5);  // A session that takes longer for a message.

std::vector<PlannedHost> PlanHosts(const dns::Route& route) {
  std::vector<PlannedHost> hosts;
  for (const auto& host : route.hosts) hosts.push_back({host.name, host.preference});
  return hosts;
}

HostPlan::Options PlanOptions(const Context& context, const config::Limits& limits) {
  HostPlan::Options options;
  options.allow_private = context.job.allow_private_destinations;
  options.prohibited = limits.prohibited_hosts;
  options.skipped = limits.skip_hosts;
  options.seed = context.seed;
  return options;
}

RateGate::Options GateOptions(const config::Rate& rate) {
  return {.count = rate.count, .period = rate.period, .burst_max = rate.burst_max.value_or(1)};
}

smtp::Client::Options ClientOptions(const config::Limits& limits, const Source& source) {
  smtp::Client::Options options;
  options.ehlo_domain = source.ehlo_domain;
  options.pipelining = limits.enable_pipelining;
  options.timeouts = {.greeting = limits.banner_timeout,
                      .ehlo = limits.ehlo_timeout,
                      .auth = limits.auth_timeout,
                      .starttls = limits.starttls_timeout,
                      .tls = limits.tls_handshake_timeout,
                      .mail = limits.mail_from_timeout,
                      .rcpt = limits.rcpt_to_timeout,
                      .data = limits.data_timeout,
                      .final_reply = limits.data_dot_timeout,
                      .rset = limits.rset_timeout};
  return options;
}

}  // namespace

Site::Site(std::uint64_t id, SiteKey key, std::string provider, const config::Limits& limits, const dns::Route& route,
           const Context& context, Owner& owner)
    : id_(id),
      key_(std::move(key)),
      provider_(std::move(provider)),
      limits_(limits),
      context_(context),
      owner_(owner),
      timer_([this] { owner_.WantsPump(*this); }),
      hosts_(PlanHosts(route), PlanOptions(context, limits)),
      window_(limits.connection_limit) {
  const base::Instant now = context.clock.Now();
  if (limits.max_message_rate.has_value()) messages_.emplace(GateOptions(*limits.max_message_rate), now);
  if (limits.max_connection_rate.has_value()) connections_.emplace(GateOptions(*limits.max_connection_rate), now);
}

Site::~Site() {
  context_.budget.Cancel(*this);
  while (!ready_.empty()) ready_.PopFront();
  while (!waiting_.empty()) waiting_.PopFront();
  for (SessionList* list : {&opening_, &idle_, &busy_, &closing_}) {
    while (!list->empty()) {
      Session& session = list->PopFront();
      session.Abandon();
      delete &session;
    }
  }
}

// ---- destinations ----

void Site::MoveTo(Destination& destination, Destination::Place place) {
  if (destination.place == Destination::Place::kReady && destination.hook.IsLinked()) ready_.Remove(destination);
  if (destination.place == Destination::Place::kWaiting && destination.hook.IsLinked()) waiting_.Remove(destination);
  destination.place = place;
  if (place == Destination::Place::kReady) ready_.PushBack(destination);
  if (place == Destination::Place::kWaiting) waiting_.PushBack(destination);
}

void Site::Add(Destination& destination, const tls::Policy& policy, base::Instant route_expires) {
  CHECK(destination.site == nullptr && !destination.hook.IsLinked());
  destination.site = this;
  destination.tls = policy;
  destination.route_expires = route_expires;
  destination.place = Destination::Place::kNowhere;
  Reconsider(destination);
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
      owner_.OnDestinationLeft(destination);
    }
    return;
  }
  const std::uint32_t due_s = destination.queue.NextDue();
  const std::uint32_t now_s = context_.settler.now_s();
  const bool open = !destination.leaving && !destination.sweeping && !draining_;
  if (open && due_s <= now_s) {
    if (destination.place != Destination::Place::kReady) MoveTo(destination, Destination::Place::kReady);
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

void Site::SendEveryoneAway() {
  for (auto* list : {&ready_, &waiting_}) {
    for (std::size_t n = list->size(); n > 0 && !list->empty(); --n) {
      Destination& destination = list->front();
      list->Remove(destination);
      list->PushBack(destination);
      SendAway(destination);
    }
  }
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
  const base::Instant until = std::max({rests_until_, dns_until_, suspension_.until()});
  if (until <= now) return std::nullopt;
  return until;
}

void Site::SetTimer(base::Instant at) {
  if (!timer_.IsSet() || at < timer_.at()) context_.timers.Set(timer_, at);
}

void Site::Pump() {
  context_.timers.Cancel(timer_);
  if (draining_) return;
  if (const auto until = HeldUntil()) {
    if (!ready_.empty()) SetTimer(*until);
    return;
  }
  for (Session* session = FittingSession(); session != nullptr; session = FittingSession()) {
    if (!BeginNext(*session) && NextFor(session->options().tls) != nullptr) break;  // The rate gate is shut.
    if (HeldUntil().has_value()) return;                                            // A message could not be signed.
  }
  if (!ready_.empty()) OpenSessions();
}

// Begins a transaction on an idle session. False: nothing can be begun now.
bool Site::BeginNext(Session& session) {
  const base::Instant now = context_.clock.Now();
  while (Destination* const next = NextFor(session.options().tls)) {
    if (messages_.has_value() && messages_->Available(now) <= unwritten_) {
      if (unwritten_ == 0) SetTimer(messages_->OpensAt());
      return false;
    }
    Destination& destination = *next;
    MoveTo(destination, Destination::Place::kReady);  // To the back: the destinations take turns.
    if (destination.route_expires <= now) owner_.OnRouteExpired(destination);
    const auto recipient = destination.queue.Claim(context_.settler.now_s());
    if (!recipient.has_value()) {
      Reconsider(destination);
      continue;
    }
    if (context_.settler.IsExpired(*recipient)) {
      context_.settler.Expire(destination.queue, *recipient);
      Reconsider(destination);
      continue;
    }
    if (BeginTransaction(session, destination, *recipient)) return true;
  }
  return false;
}

// How many messages wait, roughly; more than the window can use are not counted.
std::uint64_t Site::Demand(const tls::Policy& policy) const {
  std::uint64_t demand = 0;
  int looked_at = 0;
  for (const Destination* d = ready_.empty() ? nullptr : &ready_.front();
       d != nullptr && demand < window_.size() * kMessagesForASession && looked_at < 64;
       d = ready_.Next(*d), ++looked_at) {
    if (d->tls == policy) demand += d->queue.pending() - d->queue.claimed();
  }
  return demand;
}

// A new connection costs as much as several messages on one that is open: it is made where enough of them wait, or
// where the others are slow.
bool Site::WantsSession(const tls::Policy& policy, std::uint64_t demand) {
  if (CountUnder(idle_, policy) > 0) return false;
  const base::Instant now = context_.clock.Now();
  const std::uint64_t share = std::min<std::uint64_t>(kMessagesForASession, limits_.max_deliveries_per_connection);
  const std::uint64_t wanted = (demand + share - 1) / share;
  std::uint64_t working = CountUnder(opening_, policy);
  if (working >= wanted) return false;
  for (const Session* session = busy_.empty() ? nullptr : &busy_.front(); session != nullptr;
       session = busy_.Next(*session)) {
    if (session->options().tls == policy && session->busy_since() + kSlow > now) ++working;
  }
  if (working >= wanted) SetTimer(now + kSlow);
  return working < wanted;
}

void Site::OpenSessions() {
  const base::Instant now = context_.clock.Now();
  if (rests_opening_until_ > now) {
    SetTimer(rests_opening_until_);
    return;
  }
  for (const tls::Policy& policy : WantedPolicies()) OpenSessions(policy);
}

void Site::OpenSessions(const tls::Policy& policy) {
  const base::Instant now = context_.clock.Now();
  std::uint64_t demand = Demand(policy);
  if (messages_.has_value()) demand = std::min(demand, messages_->Available(now));
  while (WantsSession(policy, demand)) {
    if (sessions_ >= window_.size()) {
      MakeRoom();
      return;
    }
    if (connections_.has_value() && connections_->Available(now) == 0) {
      SetTimer(connections_->OpensAt());
      return;
    }
    const HostPlan::Next next = hosts_.Choose(now, AvoidedUnder(policy));
    switch (next.step) {
      case HostPlan::Step::kConnect:
        if (!OpenSession(next, policy)) return;
        break;
      case HostPlan::Step::kResolve:
        ResolveHost(next.host);
        break;
      case HostPlan::Step::kWait:
        return;
      case HostPlan::Step::kExhausted:
        if (CountUnder(opening_, policy) == 0) OnRoundFailed(policy);
        return;
      case HostPlan::Step::kNoAddress:
      case HostPlan::Step::kPrivate:
      case HostPlan::Step::kDnsFailure:
        OnNoHostLeft(next.step);
        return;
    }
  }
}

// A session that waits for mail of another policy gives way; when it has ended, the site is pumped again.
void Site::MakeRoom() {
  if (!idle_.empty()) idle_.front().Quit();
}

bool Site::OpenSession(const HostPlan::Next& next, const tls::Policy& policy) {
  if (!context_.budget.TryTake()) {
    context_.budget.Wait(*this);
    return false;
  }
  if (connections_.has_value()) CHECK(connections_->TryPass(context_.clock.Now()));
  const Source& source = context_.job.sources[key_.source];
  Session::Options options;
  options.id = owner_.NextSessionId();
  options.host = next.host;
  options.host_name = hosts_.HostName(next.host);
  options.remote = {next.address, context_.job.port};
  options.deliveries_max = limits_.max_deliveries_per_connection;
  options.connect_timeout = limits_.connect_timeout;
  options.idle_timeout = limits_.idle_timeout;
  options.client = ClientOptions(limits_, source);
  options.tls = policy;
  options.tls_broken = policy.MayFallBackToClear() && context_.broken_tls.Contains(next.address, context_.clock.Now());
  options.client.tls = TlsUseOf(policy, options.tls_broken);
  if (context_.job.smarthost.has_value() && context_.job.smarthost->implicit_tls)
    options.client.tls = smtp::TlsUse::kFromTheStart;
  options.client.authenticator = context_.authenticator;
  options.source = &source;
  Session::Owner& self = *this;
  auto session = std::make_unique<Session>(options, context_, self);
  ++sessions_;
  opening_.PushBack(*session);
  session.release()->Open();
  return true;
}

void Site::OnSessionSlotFree() { owner_.WantsPump(*this); }

void Site::Drain() {
  draining_ = true;
  context_.timers.Cancel(timer_);
  context_.budget.Cancel(*this);
  StopAllSealing();
  while (!idle_.empty()) idle_.front().Quit();
  while (!opening_.empty()) {
    Session& session = opening_.front();
    session.Abandon();
    MoveSession(session, Session::Listing::kClosing);
    OnSessionEnded(session);
  }
  for (auto* list : {&ready_, &waiting_}) {
    for (Destination* d = list->empty() ? nullptr : &list->front(); d != nullptr; d = list->Next(*d))
      context_.timers.Cancel(d->timer);
  }
}

void Site::RestoreSuspension(base::Instant until, std::string_view reason, std::string_view sample) {
  const base::Duration rest = until - context_.clock.Now();
  suspension_.Suspend(context_.clock.Now(), {rest, rest}, reason, sample);
}

bool Site::IsUnused() const {
  const base::Instant now = context_.clock.Now();
  const bool gates_rested = (!messages_.has_value() || messages_->IsRested(now)) &&
                            (!connections_.has_value() || connections_->IsRested(now));
  return ready_.empty() && waiting_.empty() && sessions_ == 0 && gates_rested && !HeldUntil().has_value();
}

std::string Site::DescribeWait() const {
  const base::Instant now = context_.clock.Now();
  if (suspension_.IsActive(now)) {
    return absl::StrFormat("%s is suspended for %d s: %s (%s)", key_.name, (suspension_.until() - now).seconds(),
                           suspension_.reason(), suspension_.sample());
  }
  if (rests_until_ > now)
    return absl::StrFormat("%s cannot be reached, again in %d s: %s", key_.name, (rests_until_ - now).seconds(),
                           last_failure_);
  if (dns_until_ > now)
    return absl::StrFormat("no address of %s is known; asked again in %d s", key_.name, (dns_until_ - now).seconds());
  return "";
}

}  // namespace delivery
