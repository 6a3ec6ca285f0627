// The part of a site that finds hosts, and says what follows where none is left.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/delivery/site.h"
#include "engine/ledger/state.h"

namespace delivery {
namespace {

constexpr base::Duration kOpeningBackoffFirst = base::Duration::Seconds(1);
constexpr base::Duration kOpeningBackoffMost = base::Duration::Minutes(1);
constexpr base::Duration kHostTtlLeast = base::Duration::Minutes(1);
constexpr std::uint32_t kAddressesLeast = 2;  // RFC 5321 section 5.1.

}  // namespace

HostPlan::Options Site::PlanOptions() const {
  HostPlan::Options options;
  options.allow_private = context_.job.allow_private_destinations;
  options.prohibited = limits_.prohibited_hosts;
  options.skipped = limits_.skip_hosts;
  options.addresses_per_host_max = std::max(kAddressesLeast, limits_.max_mx_addresses_per_host);
  options.addresses_max = std::max(kAddressesLeast, limits_.max_mx_plan_size);
  options.seed = base::StableHash(key_.name, context_.seed + key_.source);
  return options;
}

// Only those of the source's family can be reached from it.
bool Site::IsWantedFamily(const base::IpAddress& address) const {
  const Source& source = context_.job.sources[key_.source];
  const bool v6 = source.address.has_value() && source.address->IsV6();
  const config::IpLookupStrategy unwanted =
      v6 ? config::IpLookupStrategy::kIpv4Only : config::IpLookupStrategy::kIpv6Only;
  return address.IsV6() == v6 && limits_.ip_lookup_strategy != unwanted;
}

bool Site::MayUse(const base::IpAddress& address) const { return IsWantedFamily(address) && hosts_.MayUse(address); }

// Every address of every host failed.
void Site::OnRoundFailed(const tls::Policy& policy) {
  if (OnTlsUnsatisfied(policy)) return;
  if (policy.refused_hosts != 0 && CountUnder(idle_, policy) + CountUnder(busy_, policy) == 0) {
    hosts_.ForgetFailures();
    OnNamedHostsFailed(policy, HostPlan::Step::kExhausted);
    return;
  }
  const base::Instant now = context_.clock.Now();
  if (!refusal_.has_value() && idle_.empty() && busy_.empty() && MoveToIpv4()) return;
  hosts_.ForgetFailures();
  const smtp::Verdict verdict =
      smtp::JudgeConnection(refusal_.has_value() ? *refusal_ : last_fact_, *context_.job.reply_rules);
  refusal_.reset();
  const bool refused = verdict.outcome == smtp::Outcome::kHeld;
  const bool others_work = !idle_.empty() || !busy_.empty();
  const bool too_many =
      refused && others_work && verdict.reply->code == 421 && verdict.hold == smtp::Hold::kFiveMinutes;
  if (refused && !too_many) {
    // Perhaps another campaign or shard works there: next time there are to be fewer at once.
    if (verdict.reply->code == 421) Trouble(now);
    if (const auto span = SpanOf(verdict)) Suspend(*span, smtp::ToString(verdict.classification), SampleOf(verdict));
    return;
  }
  if (others_work) {  // The receiver wants no more of them now; what ends may be replaced.
    if (CountUnder(idle_, policy) == 0) MakeRoom();
    opening_backoff_ = std::clamp(opening_backoff_ * 2, kOpeningBackoffFirst, kOpeningBackoffMost);
    rests_opening_until_ = now + opening_backoff_;
    enough_sessions_ = sessions_ - static_cast<std::uint32_t>(closing_.size());
    standing_->OnNoMore(now);
    trouble_sample_ = SampleOf(verdict);
    SetTimer(rests_opening_until_);
    return;
  }
  Trouble(now);
  ++failed_rounds_;
  DeferOne(policy, verdict);
  if (failed_rounds_ < limits_.consecutive_connection_failures_before_delay) {
    owner_.WantsPump(*this);
    return;
  }
  // The site waits, and so does everybody who is due there.
  Sweep sweep = SweepOfSite(ledger::OutcomeKind::kDeferred, "connect");
  sweep.only_due = true;
  sweep.classification = std::string(smtp::ToString(verdict.classification));
  sweep.text = last_failure_;
  SweepAll(sweep);
  failed_rounds_ = 0;
  Rest(now + context_.job.retry_plan.first());
}

Sweep Site::SweepOfSite(ledger::OutcomeKind kind, std::string command) const {
  Sweep sweep;
  sweep.kind = kind;
  sweep.command = std::move(command);
  sweep.site = key_.name;
  sweep.provider = provider_;
  sweep.source = context_.job.sources[key_.source].name;
  return sweep;
}

// One recipient under the policy had its turn, and found no host.
void Site::DeferOne(const tls::Policy& policy, const smtp::Verdict& verdict) {
  while (Destination* const next = NextFor(policy)) {
    Destination& destination = *next;
    MoveTo(destination, Destination::Place::kReady);
    const auto recipient = destination.queue.Claim(context_.settler.now_s());
    if (recipient.has_value()) {
      ledger::Outcome outcome;
      outcome.kind = ledger::OutcomeKind::kDeferred;
      const std::string classification(smtp::ToString(verdict.classification));
      outcome.classification = classification;
      outcome.reply_text = last_failure_;
      outcome.command = "connect";
      outcome.site = key_.name;
      outcome.provider = provider_;
      outcome.source = context_.job.sources[key_.source].name;
      context_.settler.Settle(destination.queue, *recipient, outcome, /*attempted=*/false);
    }
    Reconsider(destination);
    if (recipient.has_value()) return;
  }
}

void Site::OnNoHostLeft(HostPlan::Step step) {
  const base::Instant now = context_.clock.Now();
  if (step == HostPlan::Step::kDnsFailure) {
    RestForDns(std::max(now + base::Duration::Seconds(1), hosts_.NextResolveAt()));
    SetTimer(dns_until_);
    return;
  }
  if (context_.job.smarthost.has_value()) {  // It says nothing about the recipients.
    if (step == HostPlan::Step::kPrivate) {
      context_.facts.OnSmarthostUnusable(
          "every address of the smarthost is private or prohibited (allow_private_destinations)", "");
    }
    RestForDns(now + kHostTtlLeast);
    SetTimer(dns_until_);
    return;
  }
  if (step == HostPlan::Step::kOtherFamily) {
    OnOtherFamily(nullptr);
    return;
  }
  OnNoWay(/*refused=*/0, step);
}

// Another source may reach them; where none can, they wait for their next retry. `under`: only those of this policy.
void Site::OnOtherFamily(const tls::Policy* under) {
  Sweep sweep = SweepOfSite(ledger::OutcomeKind::kDeferred, "dns");
  sweep.only_due = true;
  sweep.classification = smtp::ToString(smtp::Classification::kRoutingErrors);
  sweep.text = "its mail exchangers have no address of the family (IPv4 or IPv6) of any source";
  for (std::size_t n = ready_.size(); n > 0; --n) {
    Destination& destination = ready_.front();
    if (under != nullptr && destination.tls != *under) {
      MoveTo(destination, Destination::Place::kReady);
      continue;
    }
    MoveTo(destination, Destination::Place::kWaiting);
    if (owner_.TakeNextSource(destination)) {
      SendAway(destination);
    } else {
      owner_.StartSweep(destination, sweep);
    }
  }
}

// What IPv6 does not reach, another source may by IPv4, and nobody's attempt is spent (RFC 5321 section 5.2). True:
// nobody is left here. Its failures stay, so that who comes next is moved at once.
bool Site::MoveToIpv4() {
  const auto is_v6 = [](const Source& source) { return source.address.has_value() && source.address->IsV6(); };
  const std::vector<Source>& sources = context_.job.sources;
  if (!is_v6(sources[key_.source]) || std::all_of(sources.begin(), sources.end(), is_v6)) return false;
  if (!hosts_.HasOtherFamily() || limits_.ip_lookup_strategy == config::IpLookupStrategy::kIpv6Only) return false;
  bool all = true;
  for (std::size_t n = ready_.size(); n > 0; --n) {
    Destination& destination = ready_.front();
    const bool moves = owner_.TakeNextSource(destination);
    all = all && moves;
    MoveTo(destination, moves ? Destination::Place::kWaiting : Destination::Place::kReady);
    if (moves) SendAway(destination);
  }
  return all;
}

void Site::ResolveHost(std::size_t host) {
  const Source& source = context_.job.sources[key_.source];
  AskForHost(host, source.address.has_value() && source.address->IsV6());
}

void Site::AskForHost(std::size_t host, bool want_v6) {
  const std::uint64_t id = id_;
  Owner& owner = owner_;
  context_.mx.LookupHost(
      hosts_.HostName(host), want_v6,
      [&owner, id, host, want_v6](const dns::HostAddresses& answer) {
        if (Site* site = owner.FindSite(id)) site->OnHostAddresses(host, answer, want_v6);
      },
      /*anew=*/!no_way_since_.empty());
}

void Site::OnHostAddresses(std::size_t host, const dns::HostAddresses& answer, bool with_v6) {
  const base::Instant now = context_.clock.Now();
  switch (answer.kind) {
    case dns::AnswerKind::kNoData:
      if (!with_v6) return AskForHost(host, /*want_v6=*/true);  // Another source may reach it.
      SetHostAddresses(host, answer);
      break;
    case dns::AnswerKind::kFound:
    case dns::AnswerKind::kNoDomain:
      SetHostAddresses(host, answer);
      break;
    case dns::AnswerKind::kServerFail:
    case dns::AnswerKind::kTimeout:
      if (hosts_.SetFailed(host, now, answer.detail) && !hosts_.HasAddress(host))
        owner_.OnHostUnanswered(absl::StrFormat("%s (%s)", hosts_.HostName(host), answer.detail));
      break;
  }
  owner_.WantsPump(*this);
}

void Site::SetHostAddresses(std::size_t host, const dns::HostAddresses& answer) {
  std::vector<base::IpAddress> reachable;
  for (const base::IpAddress& address : answer.addresses) {
    if (IsWantedFamily(address)) reachable.push_back(address);
  }
  hosts_.SetAddresses(host, reachable, context_.clock.Now() + std::max(answer.ttl, kHostTtlLeast),
                      /*other_family=*/reachable.size() < answer.addresses.size());
  HostDane& dane = dane_[host];
  dns::TlsaQuestion question{hosts_.HostName(host), answer.authenticated, answer.canonical};
  if (dane.question != question) {
    dane.state = HostDane::State::kUnknown;
    ++dane.asked;  // The answer that is under way is to another question.
  }
  dane.question = std::move(question);
  if (!reachable.empty()) dns_since_.reset();
  if (hosts_.HasAddress(host))
    std::erase_if(no_way_since_, [host](const auto& of) { return (of.first >> host & 1) == 0; });
}

}  // namespace delivery
