// Whether a domain takes mail, as whoever answers finds out (RFC 5321 section 5.1).
#pragma once

#include <cstdint>
#include <string>

#include "dns/lookup.h"

namespace preflight {

struct Incoming {
  enum class Kind : std::uint8_t {
    kExchanger,
    kAddress,   // No MX: mail goes to the domain's own address.
    kNone,      // It takes none.
    kNoAnswer,  // Of the DNS: it is not known.
  };
  Kind kind = Kind::kNoAnswer;
  std::string host;  // The exchanger; with kNone the first of those that cannot be reached, empty: it names none.
  std::string why;   // For people, where it takes none or is not known: "does not exist".
};
// An exchanger, and the domain's own address, count where their address is a public one, or `allows_private`.
Incoming LookForIncoming(dns::Lookup& lookup, const std::string& domain, bool allows_private);

}  // namespace preflight
