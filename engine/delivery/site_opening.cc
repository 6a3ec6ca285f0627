// The part of a site that opens sessions: how many, to which host, with which options.

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/base/check.h"
#include "engine/delivery/site.h"

namespace delivery {
namespace {

constexpr std::uint64_t kMessagesForASession = 16;   // That wait.
constexpr std::uint64_t kMessagesForAHeavyOnes = 4;  // The same, of a campaign of such a weight or more.
constexpr std::size_t kPoliciesAtOnce = 64;
constexpr base::Duration kNextPolicies = base::Duration::Seconds(1);
constexpr base::Duration kFirstTakes = base::Duration::Milliseconds(300);  // Until it is open.
constexpr base::Duration kSlow = base::Duration::Seconds(5);               // A session that takes longer for a message.

smtp::Client::Options ClientOptions(const config::Limits& limits, const Source& source) {
  smtp::Client::Options options;
  options.ehlo_domain = source.ehlo_domain;
  options.pipelining = limits.enable_pipelining;
  options.idle_probe = limits.idle_probe;
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

// To be called when its place, or who of it waits, has changed.
void Site::CountDemand(Destination& destination) {
  if (destination.place != Destination::Place::kReady) return demand_.Remove(destination);
  demand_.Count(destination, destination.queue.pending() - destination.queue.claimed());
}

// A new connection costs as much as several messages on one that is open: it is made where enough of them wait, or
// where the others are slow. Each that is being opened is to find one of the `tokens` that the message rate has left.
bool Site::WantsSession(const tls::Policy& policy, std::uint64_t demand, std::uint64_t tokens) {
  if (CountUnder(idle_, policy) > 0) return false;
  const base::Instant now = context_.clock.Now();
  if (rests_opening_until_ > now && sessions_ - closing_.size() >= enough_sessions_) {
    SetTimer(rests_opening_until_);
    return false;
  }
  std::uint64_t share = std::min<std::uint64_t>(kMessagesForASession, limits_.max_deliveries_per_connection);
  if (mail_max_ != 0) share = std::min<std::uint64_t>(share, mail_max_);
  // Where there is a rate, the other campaigns get what it has no session for when its turn comes.
  const std::uint64_t heavy = std::max(kMessagesForAHeavyOnes, kMessagesForASession / context_.job.weight);
  const auto has_rate = [](const auto& member) { return member->group().HasMessageRate(); };
  if (heavy < share && std::any_of(members_.begin(), members_.end(), has_rate)) share = heavy;
  const std::uint64_t wanted = (demand + share - 1) / share;
  std::uint64_t working = CountUnder(opening_, policy);
  const bool is_refused = working > 0 && opening_backoff_ > base::Duration();  // Now and then: one by one.
  if (working >= wanted || opening_.size() >= tokens || is_refused) return false;
  if (working + busy_.size() < wanted) return true;  // However slow they are.
  for (const Session* session = busy_.empty() ? nullptr : &busy_.front(); session != nullptr;
       session = busy_.Next(*session)) {
    if (session->options().tls == policy && session->busy_since() + kSlow > now) ++working;
  }
  if (working >= wanted) SetTimer(now + kSlow);
  return working < wanted;
}

void Site::OpenSessions() {
  const std::vector<tls::Policy> wanted = demand_.InTurn(kPoliciesAtOnce);
  for (const tls::Policy& policy : wanted) OpenSessions(policy);
  if (demand_.policies() <= wanted.size()) return;
  for (const tls::Policy& policy : wanted) demand_.EndTurn(policy);  // Whatever holds these up, others come next.
  SetTimer(context_.clock.Now() + kNextPolicies);
}

void Site::OpenSessions(const tls::Policy& policy) {
  const base::Instant now = context_.clock.Now();
  const std::uint64_t demand = demand_.Recipients(policy);
  // It stands in the line where it found none. To ask again would be to stand in another one, and call who waits there.
  if (message_blocker_ != nullptr) return;
  // Who cannot connect stands in no line for messages: whoever has the connection would wait behind him.
  if (!WantsSession(policy, demand, UINT64_MAX)) return;
  for (const auto& member : members_) {  // More connections would be of no use.
    const std::string_view scarce = member->group().ScarceMessages(now);
    if (!scarce.empty()) throttle_.Note(scarce);
  }
  if (!HasRoomToConnect()) return;
  // Those that will be there by the time a connection is open.
  const base::Duration takes = open_took_ == base::Duration() ? kFirstTakes : std::min(open_took_, kSlow);
  const std::uint64_t tokens = std::min(RoomToBegin(kBeginAhead + takes), context_.line.TokensSoon());
  if (tokens == 0) return throttle_.Note("campaign_rate");  // Else RoomToBegin has said it.
  while (WantsSession(policy, demand, tokens)) {
    if (!HasRoomToConnect()) return;
    if (!context_.line.HasToken(*this)) return throttle_.Note("campaign_rate");
    for (const auto& member : members_) member->group().KeepTurn(*member, now);
    const std::vector<base::IpAddress> avoided = AvoidedUnder(policy);
    const HostPlan::Next next =
        hosts_.Choose(now, {.avoided = avoided, .refused = policy.refused_hosts, .order = policy.host_order});
    switch (next.step) {
      case HostPlan::Step::kConnect:
        if (bool waits = false; !MayConnect(next, policy, waits)) {
          if (waits) return;
          break;
        }
        if (!OpenSession(next, policy)) return;
        demand_.EndTurn(policy);
        break;
      case HostPlan::Step::kResolve:
        ResolveHost(next.host);
        break;
      case HostPlan::Step::kWait:
        return;
      case HostPlan::Step::kExhausted:
        if (!without_smtputf8_.empty()) {  // The other hosts cannot be reached, or do not do.
          NoteSmtpUtf8Nowhere();
          return;
        }
        if (opening_.empty()) OnRoundFailed(policy);  // What becomes of the others says more.
        return;
      case HostPlan::Step::kNoAddress:
      case HostPlan::Step::kPrivate:
      case HostPlan::Step::kOtherFamily:
      case HostPlan::Step::kDnsFailure:
        policy.refused_hosts != 0 ? OnNamedHostsFailed(policy, next.step) : OnNoHostLeft(next.step);
        return;
    }
  }
}

bool Site::OpenSession(const HostPlan::Next& next, const tls::Policy& policy) {
  if (!context_.budget.TryTake()) {
    context_.budget.Wait(*this);
    waits_for_session_ = true;
    throttle_.Note("sessions");
    return false;
  }
  if (!TakeConnections()) {
    context_.budget.TakeBack();
    return false;
  }
  const Source& source = context_.job.sources[key_.source];
  Session::Options options;
  options.id = owner_.NextSessionId();
  options.host = next.host;
  options.host_name = hosts_.HostName(next.host);
  options.remote = {next.address, context_.job.port};
  options.deliveries_max = DeliveriesMax();
  options.in_flight_max = limits_.max_in_flight;
  options.connect_timeout = limits_.connect_timeout;
  options.idle_timeout = limits_.idle_timeout;
  options.data_block_timeout = limits_.data_block_timeout;
  options.client = ClientOptions(limits_, source);
  if (IsSerial(next.address)) options.client.pipelining = options.client.chunking = false;
  options.tls = policy;
  const Destination* const destination = NextFor(policy);
  if (destination != nullptr) {
    options.policy_domain = destination->name;
    options.domain = destination->key.domain + 1;
    options.canonical_domain = destination->canonical;
    const bool has_sts = destination->sts != nullptr && destination->sts->mode != tls::StsPolicy::Mode::kNone;
    if (has_sts) options.policy_type = tls::PolicyType::kSts;
    if (has_sts) options.is_named = destination->sts->Names(options.host_name);
    if (next.passed_refused) AddTlsResult(destination->name, options.policy_type, tls::Result::kValidationFailure);
  }
  ApplyDane(next.host, options);
  const base::Instant now = context_.clock.Now();
  const bool may_be_clear =
      !options.has_tlsa && policy.use == tls::Policy::Use::kWhereOffered && !IsTlsDemanded(next.address);
  options.tls_broken =
      may_be_clear && policy.MayFallBackToClear() && context_.broken_tls.clear.Contains(PeerOf(options), now);
  options.tls_refused = may_be_clear && context_.broken_tls.refused.Contains(PeerOf(options), now);
  if (context_.broken_tls.compatible.Contains(PeerOf(options), now)) options.profile = tls::Profile::kCompatible;
  options.client.tls =
      options.has_tlsa ? smtp::TlsUse::kAlways : TlsUseOf(policy, options.tls_broken || options.tls_refused);
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

}  // namespace delivery
