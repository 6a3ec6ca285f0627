// Which mail exchanger to connect to next: MX hosts in order of preference, equal ones by chance each time, each with
// its addresses, minus those that just failed (RFC 5321 section 5.1). Domains that share the hosts may have preferences
// of their own. Pure: it is told what the DNS said and what became of each connection.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/base/ip_address.h"
#include "engine/base/prng.h"
#include "engine/base/time.h"
#include "engine/config/address_set.h"

namespace delivery {

struct PlannedHost {
  std::string name;
  std::uint16_t preference = 0;
};

// How long to wait until the DNS is asked again that gave no answer for a host, after it was waited so long the last
// time (zero: it is the first): half a minute, then twice as long each time, up to a quarter of an hour.
base::Duration NextDnsWait(base::Duration last);

class HostPlan {
 public:
  struct Options {
    bool allow_private = false;     // Loopback and private addresses are destinations like any other.
    config::AddressSet prohibited;  // A host with such an address is never connected to.
    config::AddressSet skipped;     // Addresses that are left out.
    std::size_t addresses_per_host_max = 10;
    std::size_t addresses_max = 50;  // Of all hosts together; those of the least preferred are left out.
    std::uint64_t seed = 0;          // Chooses among equal preferences.
    friend bool operator==(const Options&, const Options&) = default;
  };
  enum class Step : std::uint8_t {
    kConnect,      // To `address` of `host`.
    kResolve,      // First find the addresses of `host`.
    kWait,         // Somebody is finding them already.
    kExhausted,    // Every address of every host failed lately.
    kNoAddress,    // No host has an address.
    kPrivate,      // Addresses there are, but none that policy allows.
    kOtherFamily,  // Addresses there are, but none that can be reached from this source.
    kDnsFailure,   // No host has a usable address, and for some the DNS gave no answer.
  };
  struct Next {
    Step step = Step::kExhausted;
    std::size_t host = 0;  // For HostName, and to report back.
    base::IpAddress address;
    bool passed_refused = false;  // kConnect: a host that is refused would have come before.
  };

  static constexpr std::size_t kHostsMax = 32;  // As many as dns::MxLookup gives.

  // Their preferences are order 0. Requires: at most kHostsMax.
  HostPlan(const std::vector<PlannedHost>& hosts, const Options& options);

  // The number of the order that these preferences give the hosts; the same for the same order. Hosts that are not
  // among them come last.
  std::uint32_t OrderOf(const std::vector<PlannedHost>& hosts);
  // What is allowed from now on: the addresses of all hosts are asked for again.
  void SetOptions(const Options& options);
  const Options& options() const { return options_; }
  bool MayUse(const base::IpAddress& address) const { return IsAllowed(address) && !IsProhibited(address); }
  std::size_t orders() const { return orders_.size(); }
  // Forgets the orders that are not among these; order 0 stays.
  void KeepOrders(const std::set<std::uint32_t>& used);

  struct Wish {
    absl::Span<const base::IpAddress> avoided = {};  // Addresses that will not do for this session…
    std::uint32_t refused = 0;                       // …and hosts: a bit for each.
    std::uint32_t order = 0;                         // As OrderOf.
  };
  // What to do for one more session at `now`. A kResolve answer marks the host as being resolved.
  Next Choose(base::Instant now, const Wish& wish);
  Next Choose(base::Instant now) { return Choose(now, Wish()); }
  const std::string& HostName(std::size_t host) const { return hosts_[host].name; }
  std::size_t size() const { return hosts_.size(); }
  bool IsRefused(std::size_t host, std::uint32_t refused) const { return (refused >> host & 1) != 0; }

  // Some host has addresses that cannot be reached from this source.
  bool HasOtherFamily() const;
  // Whether there is, or may be, an address other than these.
  bool HasOtherThan(absl::Span<const base::IpAddress> addresses) const;
  // The DNS found these; empty: the name has none. They count until `until`, then they are asked for again.
  // `other_family`: there are more, which cannot be reached from this source.
  void SetAddresses(std::size_t host, absl::Span<const base::IpAddress> addresses, base::Instant until,
                    bool other_family = false);
  // The DNS gave no answer for this host, and `detail` is why; it is asked again, after a while that grows each time.
  // True: it is the first time in a row.
  bool SetFailed(std::size_t host, base::Instant now, std::string_view detail);
  bool HasAddress(std::size_t host) const { return !hosts_[host].addresses.empty(); }
  // Whether all hosts but those that are refused were asked for at `time` or later.
  bool WereAskedSince(base::Instant time, std::uint32_t refused) const;
  // Those of them without an address are asked for again when they are wanted.
  void AskAgain(std::uint32_t refused);
  // One that the DNS gave no answer for, and why; "": there is none.
  std::string Unanswered() const;
  // The connection, the greeting or EHLO failed: the address rests until `until`.
  void OnAddressFailed(std::size_t host, const base::IpAddress& address, base::Instant until);
  void OnAddressWorks(std::size_t host, const base::IpAddress& address);
  // Starts a new round: every address may be tried again.
  void ForgetFailures();
  // When a host without an answer may be asked again; Never() when there is none.
  base::Instant NextResolveAt(std::uint32_t refused = 0) const;

 private:
  struct Address {
    base::IpAddress address;
    base::Instant rests_until;
  };
  enum class Resolution : std::uint8_t { kUnknown, kAsking, kKnown, kFailed };
  struct Host {
    std::string name;
    Resolution resolution = Resolution::kUnknown;
    base::Instant asked_at;          // The last time.
    base::Duration backoff = {};     // Until it is asked for again; zero: the DNS answered.
    std::string failure = {};        // Why it did not, the last time.
    base::Instant until;             // kKnown: when to ask again. kFailed: not before.
    base::Instant answered_until;    // Until when the latest answer held.
    std::vector<Address> addresses;  // Only those that policy allows.
    bool only_refused = false;       // There were addresses, and policy allows none of them.
    bool other_family = false;
  };
  bool IsProhibited(const base::IpAddress& address) const;
  bool IsAllowed(const base::IpAddress& address) const;
  Address* Usable(Host& host, std::size_t count, base::Instant now, absl::Span<const base::IpAddress> avoided);
  Step Verdict(std::uint32_t refused) const;
  using Ranks = std::vector<std::uint8_t>;  // Of each host, the lowest first; empty: nobody's.
  Ranks RanksOf(const std::vector<PlannedHost>& hosts) const;

  Options options_;
  base::Prng random_;
  std::vector<Host> hosts_;    // By name.
  std::vector<Ranks> orders_;  // By number.
};

}  // namespace delivery
