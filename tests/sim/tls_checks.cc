#include "tests/sim/tls_checks.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/ledger/reader.h"
#include "tests/sim/engine_process.h"
#include "tests/sim/sim_tls.h"

namespace sim {
namespace {

using Use = tls::Policy::Use;
using Verification = tls::Policy::Verification;

struct Mode {
  const char* name;  // Of enable_tls.
  tls::Policy policy;
};
constexpr Mode kModes[] = {{"Disabled", {Use::kNever, Verification::kNone}},
                           {"OpportunisticInsecure", {Use::kWhereOffered, Verification::kNone}},
                           {"Opportunistic", {Use::kWhereOffered, Verification::kNameAndChain}},
                           {"RequiredInsecure", {Use::kAlways, Verification::kNone}},
                           {"Required", {Use::kAlways, Verification::kNameAndChain}}};

std::string_view DomainOf(std::string_view address) { return address.substr(address.find('@') + 1); }

}  // namespace

TlsChecks::Host TlsChecks::HostOf(const sandbox::Provider& provider, bool has_tls, bool fails) {
  Host host;
  host.offers = has_tls && provider.server.extensions.Has(sandbox::Extension::kStartTls);
  host.may_fail = fails || provider.tls_fault != sandbox::TlsFault::kNone;
  for (const sandbox::ReplyBehaviour& reply : provider.replies)
    host.refuses = host.refuses || reply.phase == sandbox::Phase::kStartTls;
  for (const sandbox::HangUpBehaviour& hang_up : provider.hang_ups) {
    host.may_fail = host.may_fail || hang_up.point == sandbox::HangUpPoint::kStartTls ||
                    hang_up.point == sandbox::HangUpPoint::kEhlo;
  }
  return host;
}

std::string TlsChecks::Draw(base::Prng& prng, std::uint64_t domains, bool may_part) {
  const Mode& usual = kModes[prng.Chance(0.5) ? 1 : prng.Below(std::size(kModes))];
  default_ = usual.policy;
  std::string shaping = absl::StrFormat("[\"default\"]\nenable_tls = \"%s\"\n", usual.name);
  for (std::uint64_t i = 0; i < domains; ++i) {
    if (!prng.Chance(0.5)) continue;
    const Mode& mode = kModes[prng.Below(std::size(kModes))];
    const std::string domain = absl::StrFormat("d%d.example", i);
    policies_[domain] = mode.policy;
    absl::StrAppendFormat(&shaping, "[\"%s\"]\nenable_tls = \"%s\"\n", domain, mode.name);
    if (may_part && prng.Chance(0.3)) shaping += "mx_rollup = false\n";  // Its limits, and its sessions, are its own.
  }
  return shaping;
}

tls::Policy TlsChecks::PolicyOf(std::string_view domain) const {
  const auto own = policies_.find(domain);
  tls::Policy policy = own == policies_.end() ? default_ : own->second;
  if (least_.use == Use::kAlways) policy.use = Use::kAlways;
  return policy;
}

// Empty: it may be so.
std::string TlsChecks::WhyNot(const tls::Policy& policy, bool encrypted, const Host& host) const {
  if (encrypted) return policy.use == Use::kNever ? " was named under TLS, which is off" : "";
  if (policy.use == Use::kNever) return "";
  if (policy.use == Use::kAlways) return " was named in clear";
  const bool may_be_clear =
      !host.offers || host.refuses || (host.may_fail && policy.verification <= Verification::kObserved);
  return may_be_clear ? "" : " was named in clear, and TLS was offered";
}

void TlsChecks::CheckRecipient(std::string_view address, bool encrypted, const Host& host, std::size_t provider,
                               const std::vector<StsChecks::Possible>& possible) const {
  std::string why = " was named, and its MTA-STS policy is not known";
  for (const StsChecks::Possible& one : possible) {
    why = WhyNot(tls::Stricter(PolicyOf(DomainOf(address)), one.least), encrypted, host);
    if (why.empty() && one.providers.has_value() && !one.providers->contains(provider))
      why = absl::StrFormat(" was named to a host of provider %d, which its MTA-STS policy does not name", provider);
    if (why.empty()) return;
  }
  report_(std::string(address) + why);
}

struct TlsLedgerVisitor {
  const TlsChecks& checks;
  const roster::Roster& roster;
  const StsChecks& sts;
  const TlsChecks::PossibleAt& possible_at;
  std::map<std::uint64_t, tls::Policy> sessions;
  std::map<ledger::RecipientId, base::WallTime> attempted;

  void operator()(const ledger::Attempt& attempt) {
    const std::string address(roster.Recipient(attempt.recipient).address);
    attempted[attempt.recipient] = attempt.time;
    if (sts.Has(DomainOf(address))) return;  // Its policy may change.
    const tls::Policy policy = checks.PolicyOf(DomainOf(address));
    const auto [session, fresh] = sessions.emplace(attempt.session, policy);
    if (!fresh && session->second != policy)
      checks.report_(absl::StrFormat("the session of %s served another policy before", address));
  }
  void operator()(const ledger::Outcome& outcome) {
    if (outcome.kind != ledger::OutcomeKind::kDelivered) return;
    const std::string address(roster.Recipient(outcome.recipient).address);
    for (const StsChecks::Possible& one : possible_at(DomainOf(address), attempted[outcome.recipient])) {
      const tls::Policy policy = tls::Stricter(checks.PolicyOf(DomainOf(address)), one.least);
      if (outcome.tls_protocol.empty() && policy.use != Use::kAlways) return;
      if (outcome.tls_cipher == SimChannelFactory::CipherOf(policy, true)) return;
      const bool any = policy.verification <= Verification::kObserved;
      if (any && outcome.tls_cipher == SimChannelFactory::CipherOf(policy, false)) return;
    }
    checks.report_(absl::StrFormat("%s was delivered under %s", address,
                                   outcome.tls_protocol.empty() ? "no TLS" : outcome.tls_cipher));
  }
  void operator()(const ledger::CampaignState&) {}
  void operator()(const ledger::SiteState&) {}
};

void TlsChecks::CheckLedger(io::Disk& disk, const std::string& ledger_folder, const roster::Roster& roster,
                            const StsChecks& sts, const PossibleAt& possible_at) const {
  TlsLedgerVisitor visitor{*this, roster, sts, possible_at, {}, {}};
  ledger::Reader reader(disk, {.directory = ledger_folder, .campaign_hash = kCampaignHash});
  while (true) {
    const absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok() || !next->has_value()) return;  // Damage is found elsewhere.
    std::visit(visitor, (*next)->record);
  }
}

}  // namespace sim
