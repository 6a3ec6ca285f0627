#include "engine/delivery/host_plan.h"

#include <algorithm>
#include <tuple>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace delivery {
namespace {

constexpr base::Duration kOldAddresses = base::Duration::Minutes(10);  // Over their time, while they are asked for.

}  // namespace

HostPlan::HostPlan(std::vector<PlannedHost> hosts, const Options& options) : options_(options) {
  CHECK(hosts.size() <= kHostsMax);
  for (PlannedHost& host : hosts) {
    const std::uint64_t order = base::StableHash(host.name, options.seed);
    hosts_.push_back({std::move(host.name), host.preference, order, Resolution::kUnknown, {}, {}, false, false});
  }
  std::sort(hosts_.begin(), hosts_.end(), [](const Host& a, const Host& b) {
    return std::tie(a.preference, a.order, a.name) < std::tie(b.preference, b.order, b.name);
  });
}

// Where private addresses are allowed, the built-in prohibition of loopback does not count.
bool HostPlan::IsProhibited(const base::IpAddress& address) const {
  return options_.prohibited.Contains(address) && !(options_.allow_private && address.IsPrivate());
}

bool HostPlan::IsAllowed(const base::IpAddress& address) const {
  return (options_.allow_private || !address.IsPrivate()) && !options_.skipped.Contains(address);
}

// The first of the first `count` that will do: in the order that the DNS has them (RFC 5321 section 5.1).
HostPlan::Address* HostPlan::Usable(Host& host, std::size_t count, base::Instant now,
                                    absl::Span<const base::IpAddress> avoided) {
  for (std::size_t i = 0; i < std::min(count, host.addresses.size()); ++i) {
    Address& address = host.addresses[i];
    if (address.rests_until > now) continue;
    if (std::find(avoided.begin(), avoided.end(), address.address) == avoided.end()) return &address;
  }
  return nullptr;
}

std::size_t HostPlan::AddressesBefore(std::size_t host) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < host; ++i) count += hosts_[i].addresses.size();
  return count;
}

HostPlan::Next HostPlan::Choose(base::Instant now, absl::Span<const base::IpAddress> avoided, std::uint32_t refused) {
  const std::uint64_t first = base::StableHashCombine(options_.seed, ++turn_);
  std::size_t begin = 0;
  while (begin < hosts_.size()) {
    std::size_t end = begin;
    while (end < hosts_.size() && hosts_[end].preference == hosts_[begin].preference) ++end;
    bool asking = false;
    for (std::size_t i = 0; i < end - begin; ++i) {  // Equal preferences share the load.
      const std::size_t index = begin + (first + i) % (end - begin);
      Host& host = hosts_[index];
      const std::size_t before = AddressesBefore(index);
      if (IsRefused(index, refused) || before >= options_.addresses_max) continue;
      const bool ask =
          host.resolution == Resolution::kUnknown ||
          ((host.resolution == Resolution::kKnown || host.resolution == Resolution::kFailed) && host.until <= now);
      if (ask) {
        host.resolution = Resolution::kAsking;
        return {Step::kResolve, index, {}};
      }
      asking = asking || host.resolution == Resolution::kAsking;
      // What was known a moment ago stays in use while it is asked for again.
      const bool is_known = host.resolution == Resolution::kKnown ||
                            (host.resolution == Resolution::kAsking && now < host.until + kOldAddresses);
      if (!is_known) continue;
      if (const Address* address = Usable(host, options_.addresses_max - before, now, avoided))
        return {Step::kConnect, index, address->address};
    }
    if (asking) return {Step::kWait, begin, {}};
    begin = end;
  }
  return {Verdict(refused), 0, {}};
}

HostPlan::Step HostPlan::Verdict(std::uint32_t refused_hosts) const {
  bool failed = false, refused = false, other_family = false;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const Host& host = hosts_[i];
    if (IsRefused(i, refused_hosts)) continue;
    if (!host.addresses.empty()) return Step::kExhausted;
    failed = failed || host.resolution == Resolution::kFailed;
    refused = refused || host.only_refused;
    other_family = other_family || host.other_family;
  }
  if (failed) return Step::kDnsFailure;
  if (other_family) return Step::kOtherFamily;
  return refused ? Step::kPrivate : Step::kNoAddress;
}

void HostPlan::SetAddresses(std::size_t host_index, absl::Span<const base::IpAddress> addresses, base::Instant until,
                            bool other_family) {
  CHECK(host_index < hosts_.size());
  Host& host = hosts_[host_index];
  std::vector<Address> known;
  const bool prohibited = std::any_of(addresses.begin(), addresses.end(),
                                      [this](const base::IpAddress& address) { return IsProhibited(address); });
  for (const base::IpAddress& address : addresses) {
    if (prohibited || !IsAllowed(address) || known.size() == options_.addresses_per_host_max) continue;
    const auto old = std::find_if(host.addresses.begin(), host.addresses.end(),
                                  [&address](const Address& a) { return a.address == address; });
    known.push_back(
        {address, old == host.addresses.end() ? base::Instant::FromNanoseconds(INT64_MIN) : old->rests_until});
  }
  host.only_refused = known.empty() && !addresses.empty();
  host.other_family = other_family;
  host.addresses = std::move(known);
  host.resolution = Resolution::kKnown;
  host.until = until;
}

void HostPlan::SetFailed(std::size_t host_index, base::Instant retry_at) {
  CHECK(host_index < hosts_.size());
  Host& host = hosts_[host_index];
  // Addresses that were known stay in use while the DNS is silent.
  host.resolution = host.addresses.empty() ? Resolution::kFailed : Resolution::kKnown;
  host.until = retry_at;
}

void HostPlan::OnAddressFailed(std::size_t host_index, const base::IpAddress& address, base::Instant until) {
  for (Address& known : hosts_[host_index].addresses) {
    if (known.address == address) known.rests_until = until;
  }
}

void HostPlan::OnAddressWorks(std::size_t host_index, const base::IpAddress& address) {
  OnAddressFailed(host_index, address, base::Instant::FromNanoseconds(INT64_MIN));
}

void HostPlan::ForgetFailures() {
  for (Host& host : hosts_) {
    for (Address& address : host.addresses) address.rests_until = base::Instant::FromNanoseconds(INT64_MIN);
  }
}

base::Instant HostPlan::NextResolveAt() const {
  base::Instant next = base::Instant::Never();
  for (const Host& host : hosts_) {
    if (host.resolution == Resolution::kFailed) next = std::min(next, host.until);
  }
  return next;
}

bool HostPlan::HasOtherFamily() const {
  return std::any_of(hosts_.begin(), hosts_.end(), [](const Host& host) { return host.other_family; });
}

bool HostPlan::HasOtherThan(absl::Span<const base::IpAddress> addresses) const {
  return std::any_of(hosts_.begin(), hosts_.end(), [&addresses](const Host& host) {
    if (host.resolution != Resolution::kKnown) return true;
    return std::any_of(host.addresses.begin(), host.addresses.end(), [&addresses](const Address& known) {
      return std::find(addresses.begin(), addresses.end(), known.address) == addresses.end();
    });
  });
}

}  // namespace delivery
