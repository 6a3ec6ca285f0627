// The part of a site that keeps TLS policies apart: which session may serve whom, and which addresses satisfy nobody's.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/delivery/site.h"
#include "engine/smtp/normalize.h"

namespace delivery {
namespace {

constexpr base::Duration kAddressRest = base::Duration::Minutes(30);  // After TLS failed there, while others work.
constexpr base::Duration kCompatibleAfterAnEnd = base::Duration::Minutes(10);
constexpr base::Duration kClearAfterAnEnd = base::Duration::Minutes(1);
constexpr base::Duration kClearAfterRefusal = base::Duration::Minutes(10);  // Anybody on the way can say so, too.

// How long a handshake that failed is held against an address. An alert, or what is no TLS, is the server's doing. A
// connection that only ends or stays silent may be bad luck, or somebody on the way who wants to read the mail, and the
// peer is to have as much security as it is capable of (RFC 7435 section 3).
base::Duration RememberedFor(const smtp::ConnectionFact& fact, base::Duration after_an_end, base::Duration most) {
  return fact.why.empty() ? std::min(after_an_end, most) : most;
}

// "530 5.7.0 Must issue a STARTTLS command first" (RFC 3207 section 4); some say it with another code.
bool DemandsTls(const smtp::Reply& reply) {
  return reply.code == 530 ||
         (reply.first_digit() == 5 && smtp::NormalizeReplyText(reply.text).find("starttls") != std::string::npos);
}

// TLS is not asked for, because it came to nothing before.
bool IsClearByMemory(const Session::Options& options) {
  return (options.tls_broken || options.tls_refused) && options.client.tls == smtp::TlsUse::kNever;
}

}  // namespace

tls::Policy PolicyOf(config::TlsMode mode) {
  using Use = tls::Policy::Use;
  using Verification = tls::Policy::Verification;
  switch (mode) {
    case config::TlsMode::kDisabled:
      return {Use::kNever, Verification::kNone};
    case config::TlsMode::kOpportunisticInsecure:
      return {Use::kWhereOffered, Verification::kNone};
    case config::TlsMode::kOpportunistic:
      return {Use::kWhereOffered, Verification::kNameAndChain};
    case config::TlsMode::kRequiredInsecure:
      return {Use::kAlways, Verification::kNone};
    case config::TlsMode::kRequired:
      return {Use::kAlways, Verification::kNameAndChain};
  }
  return {Use::kAlways, Verification::kNameAndChain};
}

// What the session does: where TLS is known to be broken or refused, it is not asked for.
smtp::TlsUse Site::TlsUseOf(const tls::Policy& policy, bool broken) {
  switch (policy.use) {
    case tls::Policy::Use::kNever:
      return smtp::TlsUse::kNever;
    case tls::Policy::Use::kWhereOffered:
      return broken ? smtp::TlsUse::kNever : smtp::TlsUse::kWhereOffered;
    case tls::Policy::Use::kAlways:
      return smtp::TlsUse::kAlways;
  }
  return smtp::TlsUse::kAlways;
}

// Whose turn it is under this policy; null: nobody's.
Destination* Site::NextFor(const tls::Policy& policy) {
  if (context_.bugs.mix_tls) return ready_.empty() ? nullptr : &ready_.front();
  return demand_.First(policy);
}

// The idle session that was used last, of those that may serve somebody who waits.
Session* Site::FittingSession() {
  if (idle_.empty() || ready_.empty()) return nullptr;
  if (NextFor(idle_.back().options().tls) != nullptr) return &idle_.back();
  Session* fitting = nullptr;
  for (Session* session = &idle_.front(); session != nullptr; session = idle_.Next(*session)) {
    if (NextFor(session->options().tls) != nullptr) fitting = session;
  }
  return fitting;
}

std::size_t Site::CountUnder(const SessionList& sessions, const tls::Policy& policy) {
  std::size_t count = 0;
  for (const Session* session = sessions.empty() ? nullptr : &sessions.front(); session != nullptr;
       session = sessions.Next(*session)) {
    count += session->options().tls == policy ? 1 : 0;
  }
  return count;
}

// Those that failed under it a while ago may be tried again.
std::vector<base::IpAddress> Site::AvoidedUnder(const tls::Policy& policy) {
  const base::Instant now = context_.clock.Now();
  std::erase_if(tls_failures_, [now](const TlsFailure& failure) { return failure.rests_until <= now; });
  std::vector<base::IpAddress> avoided = without_smtputf8_;
  for (const TlsFailure& failure : tls_failures_) {
    if (failure.policy == policy) avoided.push_back(failure.address);
  }
  return avoided;
}

// RFC 8460 section 4.3: each session once, for the domain whose mail it was opened for.
void Site::CountTls(const Session& session, smtp::TlsTrouble trouble) {
  const Session::Options& options = session.options();
  const bool was_to_be_clear = options.tls.use == tls::Policy::Use::kNever && !options.has_tlsa;
  if (options.policy_domain.empty() || was_to_be_clear) return;
  tls::Result result = session.certificate();
  switch (trouble) {
    case smtp::TlsTrouble::kNone:
      if (session.tls_info() == nullptr)  // A failure that is remembered counts again.
        result = options.tls_broken ? tls::Result::kValidationFailure : tls::Result::kStartTlsNotSupported;
      if (result == tls::Result::kSuccess && session.tls_info()->compatible) result = tls::Result::kCompatibleSuccess;
      break;
    case smtp::TlsTrouble::kNotOffered:
    case smtp::TlsTrouble::kRefused:
      result = tls::Result::kStartTlsNotSupported;
      break;
    case smtp::TlsTrouble::kInjected:
    case smtp::TlsTrouble::kFailed:
      if (result == tls::Result::kSuccess) result = tls::Result::kValidationFailure;
      break;
  }
  const bool is_success = result == tls::Result::kSuccess || result == tls::Result::kCompatibleSuccess;
  if (is_success && options.has_tlsa && options.tlsa.empty()) result = tls::Result::kTlsaInvalid;
  if (is_success && options.policy_type == tls::PolicyType::kSts && !options.is_named)
    result = tls::Result::kValidationFailure;
  AddTlsResult(options.policy_domain, options.policy_type, result);
}

void Site::AddTlsResult(const std::string& domain, tls::PolicyType type, tls::Result result) {
  if (context_.tls_results == nullptr) return;
  context_.tls_results->Add({tls::ResultCounts::DayOf(context_.clock.WallNow()), domain, type, result});
}

TlsPeer Site::PeerOf(const Session::Options& options) {
  const bool verifies = !options.tlsa.empty() || options.tls.verification == tls::Policy::Verification::kNameAndChain;
  return {options.host_name, options.remote.address, verifies};
}

void Site::NoteTlsWorks(Session& session) {
  const TlsPeer peer = PeerOf(session.options());
  const tls::ChannelInfo* const tls = session.tls_info();
  if (session.options().tls_broken) context_.broken_tls.clear.OnWorks(peer);
  if (session.options().tls_refused) context_.broken_tls.refused.OnWorks(peer);
  if (tls != nullptr && tls->compatible) context_.broken_tls.compatible.OnWorks(peer);
  if (tls != nullptr && tls->only_domain && session.options().tls.only_domain == 0) KeepToItsDomain(session);
}

// A handshake that failed is tried once more, on a new connection there, with the compatible profile. That helps no
// certificate: what it must be stays the same.
bool Site::RetriesCompatibly(const Session& session, const smtp::ConnectionFact& fact) {
  const TlsPeer peer = PeerOf(session.options());
  TlsMemory& memory = context_.broken_tls.compatible;
  if (session.options().profile == tls::Profile::kCompatible) {
    memory.OnFailed(peer);
    return false;
  }
  if (fact.tls != smtp::TlsTrouble::kFailed || session.certificate() != tls::Result::kSuccess) return false;
  memory.Remember(peer, context_.clock.Now() + RememberedFor(fact, kCompatibleAfterAnEnd, limits_.remember_broken_tls));
  owner_.WantsPump(*this);
  return true;
}

// TLS came to nothing there. True: that is all there is to say about the address.
bool Site::TakeTlsFailure(const Session& session, const smtp::ConnectionFact& fact) {
  const base::IpAddress& address = session.options().remote.address;
  const tls::Policy& policy = session.options().tls;
  if (fact.tls != smtp::TlsTrouble::kNone) CountTls(session, fact.tls);
  if (fact.tls == smtp::TlsTrouble::kNone || fact.tls == smtp::TlsTrouble::kInjected) return false;
  if (RetriesCompatibly(session, fact)) return true;
  const base::Instant now = context_.clock.Now();
  const bool is_refused = fact.tls == smtp::TlsTrouble::kRefused;
  const bool may_be_clear = !session.options().has_tlsa && !IsTlsDemanded(address);
  if (is_refused && policy.use == tls::Policy::Use::kWhereOffered && may_be_clear) {
    context_.broken_tls.refused.Remember(PeerOf(session.options()),
                                         now + std::min(kClearAfterRefusal, limits_.remember_broken_tls));
  } else if (fact.tls == smtp::TlsTrouble::kFailed && policy.MayFallBackToClear() &&
             may_be_clear) {  // The next connection there is in clear.
    context_.broken_tls.clear.Remember(PeerOf(session.options()),
                                       now + RememberedFor(fact, kClearAfterAnEnd, limits_.remember_broken_tls));
  } else {
    tls_failures_.push_back({policy, address, last_failure_, now + kAddressRest});
  }
  owner_.WantsPump(*this);
  return true;
}

// The server was spoken to in clear because TLS had come to nothing there, and it wants TLS. That was an accident of
// the moment, or somebody on the way: from now on it is TLS or nothing. True: the reply is about that.
bool Site::NoteTlsDemand(const Session& session, const smtp::Reply& reply) {
  if (!IsClearByMemory(session.options()) || !DemandsTls(reply)) return false;
  for (TlsMemory* const memory : {&context_.broken_tls.clear, &context_.broken_tls.refused})
    memory->Forget(PeerOf(session.options()));
  tls_demanded_until_[session.options().remote.address] = context_.clock.Now() + kAddressRest;
  for (std::size_t n = idle_.size(); n > 0; --n) {
    Session& idle = idle_.front();
    MoveSession(idle, Session::Listing::kIdle);
    if (IsWrongInClear(idle)) idle.Quit();
  }
  return true;
}

void Site::TakeTlsDemand(Session& session, smtp::Verdict& verdict) {
  if (!verdict.reply.has_value() || !NoteTlsDemand(session, *verdict.reply)) return;
  session.WearOut();
  smtp::Verdict deferred;
  deferred.scope = smtp::Scope::kSession;
  deferred.classification = smtp::Classification::kTlsRequired;
  deferred.command = verdict.command;
  deferred.reply = verdict.reply;
  verdict = std::move(deferred);
}

// It was opened in clear before the server wanted TLS.
bool Site::IsWrongInClear(const Session& session) const {
  return IsClearByMemory(session.options()) && IsTlsDemanded(session.options().remote.address);
}

bool Site::IsTlsDemanded(const base::IpAddress& address) const {
  const auto found = tls_demanded_until_.find(address);
  return found != tls_demanded_until_.end() && found->second > context_.clock.Now();
}

// Every address failed, and some of them because of TLS. Those who are due wait for their next retry: others, with
// another policy, may go on. False: it was not TLS, or others work.
bool Site::OnTlsUnsatisfied(const tls::Policy& policy) {
  const auto of_policy = [&policy](const TlsFailure& failure) { return failure.policy == policy; };
  const auto found = std::find_if(tls_failures_.begin(), tls_failures_.end(), of_policy);
  if (found == tls_failures_.end()) return false;
  const Sweep sweep = TlsRequired(found->text);
  tls_failures_.erase(std::remove_if(tls_failures_.begin(), tls_failures_.end(), of_policy), tls_failures_.end());
  if (CountUnder(idle_, policy) + CountUnder(busy_, policy) > 0) return false;
  hosts_.ForgetFailures();
  SweepUnder(policy, sweep);
  return true;
}

Sweep Site::TlsRequired(std::string text) const {
  Sweep sweep = SweepOfSite(ledger::OutcomeKind::kDeferred, "STARTTLS");
  sweep.only_due = true;
  sweep.classification = smtp::ToString(smtp::Classification::kTlsRequired);
  sweep.text = std::move(text);
  return sweep;
}

// What becomes of those under it. Where they wait for their next retry, the DNS is asked before that whether the policy
// is still the same (RFC 8461 section 5).
void Site::SweepUnder(const tls::Policy& policy, const Sweep& sweep) {
  for (std::size_t n = ready_.size(); n > 0; --n) {
    Destination& destination = ready_.front();
    const bool meant = destination.tls == policy;
    if (meant) owner_.StartSweep(destination, sweep);
    MoveTo(destination, meant ? Destination::Place::kWaiting : Destination::Place::kReady);
    const bool waits = sweep.kind == ledger::OutcomeKind::kDeferred;
    if (meant && waits && destination.sts != nullptr) destination.asks_policy_anew = true;
  }
}

// ---- MTA-STS ----

std::uint32_t Site::HostsWithout(const tls::StsPolicy& policy) const {
  std::uint32_t without = 0;
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (!policy.Names(hosts_.HostName(host))) without |= 1U << host;
  }
  return without;
}

bool Site::RefusesEveryHost(const tls::Policy& policy) const {
  std::size_t refused = 0;
  for (std::size_t host = 0; host < hosts_.size(); ++host)
    refused += hosts_.IsRefused(host, policy.refused_hosts) ? 1 : 0;
  return refused == hosts_.size();
}

// Some hosts are not for this policy, and the others cannot be used. It says nothing about those that are for others.
void Site::OnNamedHostsFailed(const tls::Policy& policy, HostPlan::Step step) {
  if (step == HostPlan::Step::kOtherFamily) return OnOtherFamily(&policy);
  if (RefusesEveryHost(policy)) {
    for (const Destination* d = ready_.empty() ? nullptr : &ready_.front(); d != nullptr; d = ready_.Next(*d)) {
      if (d->tls == policy) AddTlsResult(d->name, tls::PolicyType::kSts, tls::Result::kValidationFailure);
    }
    SweepUnder(policy, TlsRequired("the domain's MTA-STS policy names none of its mail exchangers"));
    return;
  }
  if (step == HostPlan::Step::kDnsFailure) {  // They are held.
    SetTimer(std::max(context_.clock.Now() + base::Duration::Seconds(1), hosts_.NextResolveAt(policy.refused_hosts)));
    return throttle_.Note("dns");
  }
  if (step == HostPlan::Step::kPrivate) return OnNoWay(policy.refused_hosts, step);
  Sweep sweep = SweepOfSite(ledger::OutcomeKind::kDeferred, "connect");
  sweep.only_due = true;
  sweep.classification = smtp::ToString(smtp::Classification::kNoAnswerFromHost);
  sweep.text = "none of the mail exchangers that the domain's MTA-STS policy names can be reached";
  if (!last_failure_.empty()) sweep.text += "; " + last_failure_;
  SweepUnder(policy, sweep);
}

}  // namespace delivery
