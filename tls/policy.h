// What a connection to a receiver must be: in clear, encrypted where that is offered, or encrypted always; whether the
// certificate must hold; and which of a site's hosts will do. Values.
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
    kObserved,      // Any certificate; whether it would hold is told (MTA-STS's testing mode).
    kNameAndChain,  // From a trusted authority, for the host's name (RFC 9525: dNSName, never the common name).
  };

  Use use = Use::kWhereOffered;
  Verification verification = Verification::kNone;
  // Hosts that are not connected to, because the domain's MTA-STS policy does not name them: a bit for each host of
  // the site, in the order of the site's own plan. It means nothing elsewhere.
  std::uint32_t refused_hosts = 0;
  // DNSSEC vouches for which hosts these are: where one has TLSA records, they hold, whatever else is here.
  bool dane = false;
  // In which order the site's hosts are tried: the site's own number for it. It means nothing elsewhere.
  std::uint32_t host_order = 0;
  // Of one domain alone (its number, from 1; 0: of any): the certificate is for the domain's name and not for the
  // host's, so that it says nothing about the mail of others (RFC 7672 section 3.2.2).
  std::uint64_t only_domain = 0;

  // Where TLS turns out to be broken, the mail may go in clear.
  bool MayFallBackToClear() const { return use == Use::kWhereOffered && verification <= Verification::kObserved; }
  friend auto operator<=>(const Policy&, const Policy&) = default;
};

// How the handshake is made. What the certificate must be is the policy's matter, with either.
enum class Profile : std::uint8_t {
  kUsual,
  kCompatible,  // For servers with which the usual one fails: TLS 1.2 alone, and whatever ciphers and groups there are.
};

// What satisfies both.
inline Policy Stricter(const Policy& a, const Policy& b) {
  return {std::max(a.use, b.use), std::max(a.verification, b.verification), a.refused_hosts | b.refused_hosts,
          a.dane || b.dane,       std::max(a.host_order, b.host_order),     std::max(a.only_domain, b.only_domain)};
}

}  // namespace tls
