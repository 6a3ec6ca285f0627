// TLS policies of a simulated world, one for each domain (beside what MTA-STS asks for), and what must not happen under
// them: mail in clear where it must be encrypted, or under a certificate that does not hold; a session that serves
// another policy than its own; mail in clear where TLS is offered and nothing was wrong with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/prng.h"
#include "engine/io/disk.h"
#include "engine/roster/roster.h"
#include "tests/sim/sts_checks.h"
#include "tls/policy.h"
#include "tools/sandbox/personality.h"

namespace sim {

class TlsChecks {
 public:
  using Report = std::function<void(std::string violation)>;
  // Where a domain's mail goes.
  struct Host {
    bool offers = false;    // STARTTLS.
    bool refuses = false;   // Some STARTTLS.
    bool may_fail = false;  // Handshakes, and the EHLO after them.
  };

  // `has_tls`: the exchangers have TLS at all. `fails`: it fails now and then everywhere.
  static Host HostOf(const sandbox::Provider& provider, bool has_tls, bool fails);

  explicit TlsChecks(Report report) : report_(std::move(report)) {}
  // Draws the policies of `domains` domains, "d0.example" and so on. Returns the shaping file that asks for them.
  // `may_part`: domains may be sites of their own.
  std::string Draw(base::Prng& prng, std::uint64_t domains, bool may_part);
  // The campaign's own, which all are at least.
  void SetLeast(const tls::Policy& least) { least_ = least; }
  tls::Policy PolicyOf(std::string_view domain) const;

  // A server of the provider heard of a recipient, for whose domain one of the MTA-STS policies `possible` holds.
  void CheckRecipient(std::string_view address, bool encrypted, const Host& host, std::size_t provider,
                      const std::vector<StsChecks::Possible>& possible) const;
  // What the whole ledger of a campaign says. `possible_at`: as above, at the time of an attempt.
  using PossibleAt = std::function<std::vector<StsChecks::Possible>(std::string_view domain, base::WallTime at)>;
  void CheckLedger(io::Disk& disk, const std::string& ledger_folder, const roster::Roster& roster, const StsChecks& sts,
                   const PossibleAt& possible_at) const;

 private:
  friend struct TlsLedgerVisitor;
  std::string WhyNot(const tls::Policy& policy, bool encrypted, const Host& host) const;

  const Report report_;
  std::map<std::string, tls::Policy, std::less<>> policies_;  // Of domains that have one of their own.
  tls::Policy default_{tls::Policy::Use::kWhereOffered, tls::Policy::Verification::kNone};
  tls::Policy least_{tls::Policy::Use::kNever, tls::Policy::Verification::kNone};
};

}  // namespace sim
