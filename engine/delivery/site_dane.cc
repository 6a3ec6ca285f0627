// The part of a site that asks for TLSA records (RFC 7672): whether a host may be connected to under a policy with
// DANE, and what its certificate must be then.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/delivery/site.h"

namespace delivery {
namespace {

constexpr base::Duration kTtlLeast = base::Duration::Minutes(1);

}  // namespace

// Asks where that is to be known first.
Site::DaneStep Site::DaneOf(std::size_t host) {
  HostDane& dane = dane_[host];
  if (!dane.question.IsToBeAsked()) return DaneStep::kNone;
  const bool asks = dane.state == HostDane::State::kUnknown ||
                    (dane.state != HostDane::State::kAsking && dane.until <= context_.clock.Now());
  if (asks) {
    dane.state = HostDane::State::kAsking;
    Owner& owner = owner_;
    context_.mx.LookupTlsa(dane.question, context_.job.port,
                           [&owner, id = id_, host, number = ++dane.asked](const dns::TlsaRecords& records) {
                             Site* const site = owner.FindSite(id);
                             if (site != nullptr && site->dane_[host].asked == number) site->OnTlsa(host, records);
                           });
  }
  switch (dane.state) {
    case HostDane::State::kUnknown:
    case HostDane::State::kAsking:
      return DaneStep::kWait;
    case HostDane::State::kNone:
      return DaneStep::kNone;
    case HostDane::State::kRecords:
      return DaneStep::kRecords;
    case HostDane::State::kFailed:
      return DaneStep::kFailed;
  }
  return DaneStep::kFailed;
}

void Site::OnTlsa(std::size_t host, const dns::TlsaRecords& records) {
  HostDane& dane = dane_[host];
  const bool is_error = records.kind == dns::TlsaRecords::Kind::kError;
  dane.backoff = is_error ? NextDnsWait(dane.backoff) : base::Duration();
  dane.until = context_.clock.Now() + (is_error ? dane.backoff : std::max(records.ttl, kTtlLeast));
  switch (records.kind) {
    case dns::TlsaRecords::Kind::kFound:
      dane.usable = tls::UsableTlsa(records.data);
      dane.base = records.base;
      dane.state = HostDane::State::kRecords;
      break;
    case dns::TlsaRecords::Kind::kNone:
      dane.state = HostDane::State::kNone;
      break;
    case dns::TlsaRecords::Kind::kError:  // Section 2.1.3: whoever can suppress the answer must gain nothing by it.
      dane.state = HostDane::State::kFailed;
      dane.failure = records.detail;
      break;
  }
  owner_.WantsPump(*this);
}

// False: not now, or this address will not do; then another may.
bool Site::MayConnect(const HostPlan::Next& next, const tls::Policy& policy, bool& waits) {
  waits = false;
  if (!policy.dane) return true;
  switch (DaneOf(next.host)) {
    case DaneStep::kNone:
    case DaneStep::kRecords:
      return true;
    case DaneStep::kWait:
      waits = true;
      return false;
    case DaneStep::kFailed:
      break;
  }
  const Destination* const destination = NextFor(policy);
  const std::string text =
      "the TLSA records of " + hosts_.HostName(next.host) + " cannot be had: " + dane_[next.host].failure;
  const bool is_told = std::any_of(tls_failures_.begin(), tls_failures_.end(), [&](const TlsFailure& failure) {
    return failure.policy == policy && failure.text == text;  // For another of its addresses.
  });
  if (destination != nullptr && !is_told)
    AddTlsResult(destination->name, tls::PolicyType::kTlsa, tls::Result::kDnssecInvalid);
  tls_failures_.push_back({policy, next.address, text, dane_[next.host].until});
  return false;
}

// Section 3.2.2: a certificate for the domain's name will do for the mail of that domain; another domain's needs a
// connection of its own.
void Site::KeepToItsDomain(Session& session) {
  tls::Policy narrower = session.options().tls;
  narrower.only_domain = session.options().domain;
  for (auto* list : {&ready_, &waiting_}) {
    for (Destination* d = list->empty() ? nullptr : &list->front(); d != nullptr; d = list->Next(*d)) {
      if (d->key.domain + 1 != narrower.only_domain || d->tls != session.options().tls) continue;
      demand_.Remove(*d);
      d->tls = narrower;
      CountDemand(*d);
    }
  }
  session.KeepTo(narrower);
}

// Section 2.2: where there are records, TLS is a must; where none of them is usable, any certificate will do that the
// policy does not refuse.
void Site::ApplyDane(std::size_t host, Session::Options& options) const {
  const HostDane& dane = dane_[host];
  const bool counts = options.tls.dane && dane.question.IsToBeAsked() && dane.state == HostDane::State::kRecords;
  if (!counts) return;
  options.has_tlsa = true;
  options.policy_type = tls::PolicyType::kTlsa;
  options.tlsa = dane.usable;
  options.tlsa_base = dane.base;
}

}  // namespace delivery
