#include "engine/delivery/host_plan.h"

#include <algorithm>
#include <iterator>

#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr base::Duration kStaleMax = base::Duration::Hours(24);        // Over it, and no answer since (RFC 8767).
constexpr base::Duration kOldAddresses = base::Duration::Minutes(10);  // Over their time, while they are asked for.

}  // namespace

base::Duration NextDnsWait(base::Duration last) {
  return std::clamp(last * 2, base::Duration::Seconds(30), base::Duration::Minutes(15));
}

HostPlan::HostPlan(const std::vector<PlannedHost>& hosts, const Options& options)
    : options_(options), random_(options.seed) {
  CHECK(hosts.size() <= kHostsMax);
  for (const PlannedHost& host : hosts) hosts_.emplace_back().name = host.name;
  std::sort(hosts_.begin(), hosts_.end(), [](const Host& a, const Host& b) { return a.name < b.name; });
  orders_.push_back(RanksOf(hosts));
}

// Who is being asked for is not asked for twice; until the answers are there nothing is known.
void HostPlan::SetOptions(const Options& options) {
  options_ = options;
  for (Host& host : hosts_) {
    if (host.resolution != Resolution::kAsking) host.resolution = Resolution::kUnknown;
    host.addresses.clear();
    host.only_refused = host.other_family = false;
  }
}

// Not the preferences themselves: 10 and 20 say the same as 1 and 2.
HostPlan::Ranks HostPlan::RanksOf(const std::vector<PlannedHost>& hosts) const {
  std::vector<std::uint32_t> preferences(hosts_.size(), UINT32_MAX);
  for (const PlannedHost& host : hosts) {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (hosts_[i].name == host.name) preferences[i] = host.preference;
    }
  }
  const std::set<std::uint32_t> sorted(preferences.begin(), preferences.end());
  Ranks ranks;
  for (const std::uint32_t preference : preferences)
    ranks.push_back(static_cast<std::uint8_t>(std::distance(sorted.begin(), sorted.find(preference))));
  return ranks;
}

std::uint32_t HostPlan::OrderOf(const std::vector<PlannedHost>& hosts) {
  Ranks ranks = RanksOf(hosts);
  auto place = std::find(orders_.begin(), orders_.end(), ranks);
  if (place == orders_.end()) place = std::find(orders_.begin(), orders_.end(), Ranks());
  if (place == orders_.end()) place = orders_.insert(orders_.end(), Ranks());
  *place = std::move(ranks);
  return static_cast<std::uint32_t>(std::distance(orders_.begin(), place));
}

void HostPlan::KeepOrders(const std::set<std::uint32_t>& used) {
  const std::uint32_t last = used.empty() ? 0 : *used.rbegin();
  if (last + 1 < orders_.size()) orders_.resize(last + 1);
  for (std::uint32_t order = 1; order < orders_.size(); ++order) {
    if (!used.contains(order)) orders_[order].clear();
  }
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

HostPlan::Next HostPlan::Choose(base::Instant now, const Wish& wish) {
  CHECK(wish.order < orders_.size());
  base::Prng random = random_;  // What is drawn holds until somebody connects.
  struct Turn {
    std::uint8_t rank;
    std::uint64_t chance;  // Equal preferences share the load.
    std::size_t host;
    auto operator<=>(const Turn&) const = default;
  };
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < hosts_.size(); ++i) turns.push_back({orders_[wish.order][i], random.Next(), i});
  std::sort(turns.begin(), turns.end());
  bool asking = false, passed_refused = false;
  std::size_t left = options_.addresses_max;  // So many of the addresses may be tried.
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::size_t index = turns[i].host;
    if (asking && turns[i].rank != turns[i - 1].rank) break;  // A better one may be known in a moment.
    Host& host = hosts_[index];
    if (IsRefused(index, wish.refused)) {
      passed_refused = true;
      continue;
    }
    const std::size_t count = std::min(left, host.addresses.size());
    left -= count;
    if (left + count == 0) continue;
    const bool ask =
        host.resolution == Resolution::kUnknown ||
        ((host.resolution == Resolution::kKnown || host.resolution == Resolution::kFailed) && host.until <= now);
    if (ask) {
      host.resolution = Resolution::kAsking;
      host.asked_at = now;
      return {Step::kResolve, index, {}, false};
    }
    asking = asking || host.resolution == Resolution::kAsking;
    // What was known a moment ago stays in use while it is asked for again.
    const bool is_known = host.resolution == Resolution::kKnown ||
                          (host.resolution == Resolution::kAsking && now < host.until + kOldAddresses);
    if (!is_known) continue;
    if (const Address* address = Usable(host, count, now, wish.avoided)) {
      random_ = random;
      return {Step::kConnect, index, address->address, passed_refused};
    }
  }
  return asking ? Next{Step::kWait, 0, {}, false} : Next{Verdict(wish.refused), 0, {}, false};
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
  host.until = host.answered_until = until;
  host.backoff = base::Duration();
}

bool HostPlan::SetFailed(std::size_t host_index, base::Instant now, std::string_view detail) {
  CHECK(host_index < hosts_.size());
  Host& host = hosts_[host_index];
  const bool is_first = host.backoff == base::Duration();
  host.backoff = NextDnsWait(host.backoff);
  host.failure = std::string(detail);
  const base::Instant retry_at = now + host.backoff;
  // Addresses that were known stay in use while the DNS is silent, but not for ever.
  if (retry_at > host.answered_until + kStaleMax) host.addresses.clear();
  host.resolution = host.addresses.empty() ? Resolution::kFailed : Resolution::kKnown;
  host.until = retry_at;
  return is_first;
}

bool HostPlan::WereAskedSince(base::Instant time, std::uint32_t refused) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!IsRefused(i, refused) && hosts_[i].asked_at < time) return false;
  }
  return true;
}

void HostPlan::AskAgain(std::uint32_t refused) {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const bool is_meant = !IsRefused(i, refused) && !HasAddress(i) && hosts_[i].resolution != Resolution::kAsking;
    if (is_meant) hosts_[i].resolution = Resolution::kUnknown;
  }
}

std::string HostPlan::Unanswered() const {
  for (const Host& host : hosts_) {
    if (host.backoff != base::Duration()) return host.name + " (" + host.failure + ")";
  }
  return "";
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

base::Instant HostPlan::NextResolveAt(std::uint32_t refused) const {
  base::Instant next = base::Instant::Never();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].resolution == Resolution::kFailed && !IsRefused(i, refused)) next = std::min(next, hosts_[i].until);
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
