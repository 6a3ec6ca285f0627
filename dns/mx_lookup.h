// Where the mail for a domain goes (RFC 5321 section 5.1, RFC 7505): its mail exchangers, the domain itself, or
// nowhere; and the addresses of one of the hosts. One thread.
//
// It caches nothing itself: put a CachedResolver below it. It refuses no address: what is private or prohibited is the
// caller's matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "dns/resolver.h"
#include "engine/base/ip_address.h"
#include "engine/base/time.h"

namespace dns {

struct MxHost {
  std::string name;  // As dns/name.h; always a host name (IsHostName).
  std::uint16_t preference = 0;
  std::vector<base::IpAddress> addresses = {};  // Only what AddAddresses has found.
  friend bool operator==(const MxHost&, const MxHost&) = default;
};

enum class RouteKind : std::uint8_t {
  kHosts,      // `hosts` is not empty.
  kNullMx,     // The domain says that it takes no mail.
  kNoDomain,   // It does not exist.
  kNoAddress,  // It has neither an MX nor an address; or MX records, none of which names a host that mail can be sent
               // to.
  kTemporary,  // The DNS gave no answer, or none that can be used: ask again.
};

struct Route {
  RouteKind kind = RouteKind::kTemporary;
  std::vector<MxHost> hosts;   // By preference, then name; each name once; at most MxLookup::kHostsMax.
  bool implicit = false;       // No MX: the domain itself is the host, with preference 0.
  base::Duration ttl;          // How long this stays true.
  std::string detail;          // For people: what is wrong, or what was left out.
  bool authenticated = false;  // DNSSEC vouches for it (a trusted server's AD bit).
  std::string canonical;       // What the domain is an alias (CNAME) of; empty: it is none.
};

struct HostAddresses {
  AnswerKind kind = AnswerKind::kTimeout;
  std::vector<base::IpAddress>
      addresses;  // Non-empty exactly for kFound: IPv4, then IPv6, each in the order of the answer.
  base::Duration ttl;
  std::string detail;
  bool authenticated = false;  // DNSSEC vouches for addresses. A failed question for the others takes nothing away.
  std::string canonical;       // What the host is an alias of, as far as they say; empty: it is none.
};

// A host whose TLSA records are wanted, with what was said of its addresses.
struct TlsaQuestion {
  std::string host;
  bool authenticated = false;  // As HostAddresses.
  std::string canonical;       // As HostAddresses.
  // RFC 7672 section 2.2.2: else there is no need to ask.
  bool IsToBeAsked() const { return authenticated || !canonical.empty(); }
  friend bool operator==(const TlsaQuestion&, const TlsaQuestion&) = default;
};

struct TlsaRecords {
  enum class Kind : std::uint8_t {
    kFound,  // DNSSEC vouches for them.
    kNone,   // There are none that count.
    kError,  // A question that matters got no answer: the host must not be used (section 2.1.3).
  };
  Kind kind = Kind::kError;
  std::string base;               // kFound: the TLSA base domain, which is the host or what it is an alias of.
  std::vector<std::string> data;  // kFound: as dns::Record's text; not empty.
  base::Duration ttl;
  std::string detail;  // kError: why.
};

class MxLookup {
 public:
  struct Families {
    bool v4 = false, v6 = false;
    bool Any() const { return v4 || v6; }
  };
  using RouteCallback = absl::AnyInvocable<void(const Route&)>;
  using HostCallback = absl::AnyInvocable<void(const HostAddresses&)>;
  using TlsaCallback = absl::AnyInvocable<void(const TlsaRecords&)>;
  static constexpr std::size_t kHostsMax = 32;  // More are left out, the least preferred first.

  // The resolver outlives the calls under way, or calls nobody back after its end.
  explicit MxLookup(Resolver& resolver) : resolver_(resolver) {}
  MxLookup(const MxLookup&) = delete;
  MxLookup& operator=(const MxLookup&) = delete;
  ~MxLookup() { *alive_ = false; }

  // Callbacks run as those of the resolver do: once, from the loop; and not at all once this is destroyed.
  // `anew`: no cache of this program answers.
  void LookupMx(std::string_view domain, RouteCallback callback, bool anew = false);
  // The route with the addresses of its hosts. Where the DNS gives no answer for some, the others do; where it gives
  // none at all, the route is kTemporary. May call back at once.
  void AddAddresses(const Route& route, Families families, RouteCallback callback);
  // The addresses of a host: IPv4, and IPv6 too where it is wanted.
  void LookupHost(std::string_view host, bool want_v6, HostCallback callback, bool anew = false);
  // The TLSA records of a host's SMTP service: of what it is an alias of, then its own (RFC 7672 sections 2.2.2 and
  // 2.2.3). Requires: IsToBeAsked.
  void LookupTlsa(const TlsaQuestion& question, std::uint16_t port, TlsaCallback callback);

 private:
  struct TlsaSearch;
  void LookupImplicit(const std::string& domain, const Answer& no_mx, RouteCallback callback, bool anew);
  void Ask(std::string_view name, RecordType type, bool anew, Resolver::Callback callback);
  void AskTlsa(std::shared_ptr<TlsaSearch> search);

  Resolver& resolver_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once destroyed.
};

// The route that an answer to an MX question gives. Nullopt: there is no MX, the domain's own addresses decide. Pure.
std::optional<Route> RouteFromMx(const Answer& answer);

}  // namespace dns
