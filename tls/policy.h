// What a connection to a receiver must be: in clear, encrypted where that is offered, or encrypted always; and whether
// the certificate must hold. Values; what DANE and MTA-STS ask for will join here.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

namespace tls {

struct Policy {
  enum class Use : std::uint8_t {
    kNever,
    kWhereOffered,  // Opportunistic.
    kAlways,        // Never in clear.
  };
  enum class Verification : std::uint8_t {
    kNone,          // Any certificate: encryption alone.
    kNameAndChain,  // From a trusted authority, for the host's name (RFC 9525: dNSName, never the common name).
  };

  Use use = Use::kWhereOffered;
  Verification verification = Verification::kNone;

  // Where TLS turns out to be broken, the mail may go in clear.
  bool MayFallBackToClear() const { return use == Use::kWhereOffered && verification == Verification::kNone; }
  friend auto operator<=>(const Policy&, const Policy&) = default;
};

// What satisfies both.
inline Policy Stricter(const Policy& a, const Policy& b) {
  return {std::max(a.use, b.use), std::max(a.verification, b.verification)};
}

}  // namespace tls
