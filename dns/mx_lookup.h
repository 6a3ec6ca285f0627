// Who takes the mail of a domain (RFC 5321 section 5.1, RFC 7505): its MX, or the domain itself, or nobody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "dns/resolver.h"

namespace dns {

struct MxHost {
  std::string name;
  std::uint16_t preference = 0;
  friend bool operator==(const MxHost&, const MxHost&) = default;
};

enum class RouteKind : std::uint8_t {
  kHosts,      // At least one host.
  kNullMx,     // The domain says that it takes no mail.
  kNoDomain,   // It does not exist.
  kNoAddress,  // It has neither an MX nor an address; or its MX name no host at all.
  kTemporary,  // The DNS gives no answer.
};

struct Route {
  RouteKind kind = RouteKind::kTemporary;
  std::vector<MxHost> hosts;  // By preference, then name; each name once.
  bool implicit = false;      // No MX: the domain itself.
  base::Duration ttl;
  std::string detail;  // For people, where it failed.
};

struct HostAddresses {
  AnswerKind kind = AnswerKind::kTimeout;
  std::vector<base::IpAddress> addresses;  // Non-empty exactly for kFound.
  base::Duration ttl;
  std::string detail;
};

// Callbacks run as those of the resolver do: once, from the loop.
class MxLookup {
 public:
  static constexpr std::size_t kHostsMax = 64;  // More are left out, the least preferred first.

  explicit MxLookup(Resolver& resolver) : resolver_(resolver) {}
  void LookupMx(std::string_view domain, absl::AnyInvocable<void(const Route&)> callback);
  // The addresses of a host: IPv4, and IPv6 too where it is wanted.
  void LookupHost(std::string_view host, bool want_v6, absl::AnyInvocable<void(const HostAddresses&)> callback);

 private:
  Resolver& resolver_;
};

}  // namespace dns
