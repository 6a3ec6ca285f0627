// The one server that takes all mail of a job (message submission, RFC 6409), in place of each domain's own exchangers.
#pragma once

#include <optional>
#include <string>

#include "engine/smtp/sasl.h"
#include "tls/policy.h"

namespace delivery {

struct Smarthost {
  std::string host;                      // Its addresses are those of this name; there is no MX look-up.
  bool implicit_tls = false;             // TLS from the first byte (RFC 8314); else STARTTLS. Never in clear.
  bool verify_certificate = true;        // From a trusted authority, for `host`.
  std::optional<smtp::Account> account;  // None: it wants no login.

  tls::Policy tls_policy() const {
    using Verification = tls::Policy::Verification;
    return {tls::Policy::Use::kAlways, verify_certificate ? Verification::kNameAndChain : Verification::kNone};
  }
};

}  // namespace delivery
