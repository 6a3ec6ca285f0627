// A fake internet on loopback: DNS and mail exchangers for every domain, with an oracle that knows what each recipient
// got. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/connection.h"
#include "tools/sandbox/dns_server.h"
#include "tools/sandbox/exchanger.h"
#include "tools/sandbox/openssl_tls.h"
#include "tools/sandbox/oracle.h"
#include "tools/sandbox/personality.h"
#include "tools/sandbox/zone.h"

namespace sandbox {

class Sandbox {
 public:
  struct Ports {
    io::Endpoint dns;
    std::uint16_t smtp = 0;
  };

  // `reactor`, `wheel`, `clock` outlive the sandbox.
  Sandbox(io::Reactor& reactor, io::TimerWheel& wheel, io::Clock& clock, Personality personality);

  // `dns` is a loopback address; port 0: any free one. Errors: an address is not loopback or cannot be used.
  absl::Status Start(const io::Endpoint& dns);
  const Ports& ports() const { return ports_; }  // Requires: Start was fine.
  const Oracle& oracle() const { return exchanger_.oracle(); }

  // The certificate authority of all mail exchangers, as PEM. Requires: Start was fine.
  absl::StatusOr<std::string> AuthorityPem() const { return (*authority_)->Pem(); }

  // {"dns":"127.0.0.1:PORT","smtp_port":PORT,"ca_file":"FILE","personality":"NAME","pid":N}, without what is "".
  std::string ReadyJson(const std::string& ca_file) const;
  // Totals, one line; "oracle" names the file of the recipients where `oracle_file` is not empty.
  std::string TotalsJson(const std::string& oracle_file) const;

 private:
  const Personality personality_;
  absl::StatusOr<std::unique_ptr<CertificateAuthority>> authority_;
  std::unique_ptr<OpenSslServer> tls_;  // Null: there is no authority, and no start.
  Zone zone_;
  Exchanger exchanger_;
  DnsServer dns_;
  Ports ports_;
};

}  // namespace sandbox
