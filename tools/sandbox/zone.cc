#include "tools/sandbox/zone.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "dns/reverse_name.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::string_view kDomainPattern = "{domain}";
constexpr std::uint32_t kListening = 127u << 24 | 25u << 16;   // 127.25.P.N, N from 1.
constexpr std::uint32_t kUnreachable = kListening | 1u << 15;  // 127.25.(128 + P).N: nobody listens.
constexpr std::uint32_t kUnreachablePerProvider = 16;
constexpr std::string_view kReverse = ".in-addr.arpa";
constexpr std::string_view kDmarc = "_dmarc.";
constexpr std::string_view kGenericDomain = ".sandbox.test";

// Different uses of the same name must not agree by accident.
enum Salt : std::uint64_t { kProviderSalt = 1, kFaultSalt = 2, kAddressSalt = 3 };

std::string HostName(std::string_view pattern, std::string_view domain) {
  return absl::StrReplaceAll(base::AbslView(pattern), {{base::AbslView(kDomainPattern), base::AbslView(domain)}});
}

dns::Record AddressRecord(const base::IpAddress& address) {
  dns::Record record;
  record.address = address;
  return record;
}

dns::Record TextRecord(std::string_view text) {
  dns::Record record;
  record.text = text;
  return record;
}

ZoneAnswer Found(dns::Record record) {
  ZoneAnswer answer;
  answer.kind = ZoneAnswer::Kind::kFound;
  answer.records.push_back(std::move(record));
  return answer;
}

ZoneAnswer AddressesOf(const std::vector<base::IpAddress>& addresses, bool v6) {
  ZoneAnswer answer;
  for (const base::IpAddress& address : addresses) {
    if (address.IsV6() == v6) answer.records.push_back(AddressRecord(address));
  }
  if (!answer.records.empty()) answer.kind = ZoneAnswer::Kind::kFound;
  return answer;
}

// A name for an address of the sender, as its host would have: "127-0-0-1.sandbox.test".
std::string GenericName(std::string_view address) {
  return absl::StrCat(absl::StrReplaceAll(base::AbslView(address), {{".", "-"}}), base::AbslView(kGenericDomain));
}

std::optional<base::IpAddress> AddressOfGenericName(std::string_view name) {
  if (!name.ends_with(kGenericDomain)) return std::nullopt;
  name.remove_suffix(kGenericDomain.size());
  return base::IpAddress::Parse(absl::StrReplaceAll(base::AbslView(name), {{"-", "."}}));
}

// "4.3.2.1.in-addr.arpa" to "1.2.3.4". Empty: it is not such a name.
std::string ReversedAddress(std::string_view name) {
  if (!name.ends_with(kReverse)) return "";
  const std::vector<std::string> parts =
      absl::StrSplit(base::AbslView(name.substr(0, name.size() - kReverse.size())), '.');
  if (parts.size() != 4) return "";
  const std::string address = absl::StrCat(parts[3], ".", parts[2], ".", parts[1], ".", parts[0]);
  return base::IpAddress::Parse(address) ? address : "";
}

}  // namespace

Zone::Zone(const Personality& personality) : personality_(personality) {
  CHECK(!personality_.providers.empty());
  for (std::size_t i = 0; i < personality_.providers.size(); ++i) {
    const Provider& provider = personality_.providers[i];
    weight_total_ += provider.weight;
    for (const std::string& domain : provider.domains) domains_.emplace(domain, i);
    for (std::size_t n = 0; n < provider.mx.size(); ++n) {
      if (provider.mx[n].find(kDomainPattern) == std::string::npos) {
        hosts_.emplace(provider.mx[n], Host{i, n >= provider.unreachable});
      }
    }
  }
  std::set<std::string> senders;
  for (const auto& [address, names] : personality_.dns.ptr) {
    const auto parsed = base::IpAddress::Parse(address);
    if (!parsed) continue;
    for (const std::string& name : names) pointed_[name].push_back(*parsed);
    pointers_[dns::ReverseName(*parsed)] = names;
    senders.insert(absl::StrCat(parsed->IsV6() ? "ip6:" : "ip4:", parsed->ToString()));
  }
  spf_ = "v=spf1 ip4:127.0.0.0/8";
  for (const std::string& sender : senders) absl::StrAppend(&spf_, " ", sender);
  spf_ += " -all";
}

std::size_t Zone::ProviderOfDomain(std::string_view domain) const {
  const auto named = domains_.find(domain);
  if (named != domains_.end()) return named->second;
  CHECK(weight_total_ > 0);
  std::uint64_t at = base::StableHash(domain, personality_.seed + kProviderSalt) % weight_total_;
  for (std::size_t i = 0; i < personality_.providers.size(); ++i) {
    if (at < personality_.providers[i].weight) return i;
    at -= personality_.providers[i].weight;
  }
  CHECK(false);
  return 0;
}

std::vector<base::IpAddress> Zone::Addresses(std::size_t provider) const {
  std::vector<base::IpAddress> addresses;
  for (std::uint32_t n = 1; n <= personality_.providers[provider].addresses; ++n) {
    addresses.push_back(base::IpAddress::V4(kListening | static_cast<std::uint32_t>(provider) << 8 | n));
  }
  return addresses;
}

std::optional<std::size_t> Zone::ProviderOfAddress(const base::IpAddress& address) const {
  for (std::size_t i = 0; i < personality_.providers.size(); ++i) {
    const std::vector<base::IpAddress> addresses = Addresses(i);
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) return i;
  }
  return std::nullopt;
}

DomainFault Zone::FaultOf(std::string_view domain) const {
  const auto listed = personality_.dns.faults.find(domain);
  if (listed != personality_.dns.faults.end()) return listed->second;
  if (domains_.contains(domain) || domain.starts_with("_") || domain.ends_with(".arpa") || FindHost(domain))
    return DomainFault::kNone;
  for (const DnsBehaviour::FaultShare& share : personality_.dns.shares) {
    const std::uint64_t salt =
        base::StableHashCombine(personality_.seed + kFaultSalt, static_cast<std::uint64_t>(share.fault));
    if (share.share.Includes(base::StableHash(domain, salt))) return share.fault;
  }
  return DomainFault::kNone;
}

std::optional<Zone::Host> Zone::FindHost(std::string_view name) const {
  const auto fixed = hosts_.find(name);
  if (fixed != hosts_.end()) return fixed->second;
  // An MX host named after its domain: the name is a pattern's beginning and a domain of that provider.
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const std::string_view domain = name.substr(dot + 1);
    const std::size_t owner = ProviderOfDomain(domain);
    const Provider& provider = personality_.providers[owner];
    for (std::size_t n = 0; n < provider.mx.size(); ++n) {
      if (provider.mx[n].find(kDomainPattern) != std::string::npos && HostName(provider.mx[n], domain) == name) {
        return Host{owner, n >= provider.unreachable};
      }
    }
  }
  return std::nullopt;
}

base::IpAddress Zone::AddressOf(std::string_view host_name, const Host& host) const {
  const std::uint64_t hash = base::StableHash(host_name, personality_.seed + kAddressSalt);
  const std::uint32_t count =
      host.reachable ? personality_.providers[host.provider].addresses : kUnreachablePerProvider;
  const auto n = static_cast<std::uint32_t>(hash % count) + 1;
  const std::uint32_t block = host.reachable ? kListening : kUnreachable;
  return base::IpAddress::V4(block | static_cast<std::uint32_t>(host.provider) << 8 | n);
}

ZoneAnswer Zone::Resolve(std::string_view name, std::uint16_t type, base::Instant now) {
  const bool v6 = type == static_cast<std::uint16_t>(dns::RecordType::kAaaa);
  if (type == static_cast<std::uint16_t>(dns::RecordType::kA) || v6) {
    const auto pointed = pointed_.find(name);
    if (pointed != pointed_.end()) return AddressesOf(pointed->second, v6);
  }
  if (type == static_cast<std::uint16_t>(dns::RecordType::kA)) {
    if (const auto generic = AddressOfGenericName(name)) return Found(AddressRecord(*generic));
  }
  const DomainFault fault = FaultOf(name);
  ZoneAnswer answer;
  switch (fault) {
    case DomainFault::kNone:
    case DomainFault::kNullMx:
    case DomainFault::kNoMx:
      break;
    case DomainFault::kNoDomain:
      answer.kind = ZoneAnswer::Kind::kNoDomain;
      return answer;
    case DomainFault::kServerFail:
    case DomainFault::kNoAnswer:
      if (HasRecovered(name, now)) break;
      answer.kind = fault == DomainFault::kNoAnswer ? ZoneAnswer::Kind::kSilence : ZoneAnswer::Kind::kServerFail;
      return answer;
  }
  if (type == static_cast<std::uint16_t>(dns::RecordType::kMx)) return Mx(name, fault);
  if (type == static_cast<std::uint16_t>(dns::RecordType::kTxt)) return Txt(name);
  if (type == static_cast<std::uint16_t>(dns::RecordType::kPtr)) return Pointer(name);
  if (type == static_cast<std::uint16_t>(dns::RecordType::kA)) {
    // What is no mail exchanger has an address too: mail for a domain without MX goes there (RFC 5321 §5.1).
    return Found(AddressRecord(AddressOf(name, FindHost(name).value_or(Host{ProviderOfDomain(name), true}))));
  }
  return answer;
}

ZoneAnswer Zone::Mx(std::string_view domain, DomainFault fault) const {
  ZoneAnswer answer;
  if (fault == DomainFault::kNoMx || hosts_.contains(domain)) return answer;
  answer.kind = ZoneAnswer::Kind::kFound;
  if (fault == DomainFault::kNullMx) {
    answer.records.emplace_back();
    return answer;
  }
  std::uint16_t preference = 0;
  for (const std::string& pattern : personality_.providers[ProviderOfDomain(domain)].mx) {
    dns::Record& record = answer.records.emplace_back();
    record.preference = preference = static_cast<std::uint16_t>(preference + 10);
    record.name = HostName(pattern, domain);
  }
  return answer;
}

std::optional<std::string> Zone::ListedText(std::string_view name) const {
  const auto listed = personality_.dns.txt.find(name);
  if (listed == personality_.dns.txt.end()) return std::nullopt;
  return listed->second;
}

ZoneAnswer Zone::Txt(std::string_view name) const {
  if (const auto listed = ListedText(name)) return Found(TextRecord(*listed));
  // Each domain below a top-level one is an organization.
  if (name.starts_with(kDmarc) && name.substr(kDmarc.size()).find('.') != std::string_view::npos)
    return Found(TextRecord("v=DMARC1; p=none"));
  if (name.starts_with("_") || name.find("._") != std::string_view::npos)
    return {};  // DKIM keys, policies: only as listed.
  return Found(TextRecord(spf_));
}

ZoneAnswer Zone::Pointer(std::string_view name) const {
  if (const auto listed = pointers_.find(name); listed != pointers_.end()) {
    ZoneAnswer answer;
    answer.kind = ZoneAnswer::Kind::kFound;
    for (const std::string& host : listed->second) answer.records.emplace_back().name = host;
    return answer;
  }
  const std::string address = ReversedAddress(name);
  if (address.empty()) return {};
  dns::Record record;
  record.name = GenericName(address);
  return Found(std::move(record));
}

bool Zone::HasRecovered(std::string_view domain, base::Instant now) {
  if (personality_.dns.recover_after == base::Duration()) return false;
  const base::Instant first = failing_.try_emplace(base::StableHash(domain), now).first->second;
  return now >= first + personality_.dns.recover_after;
}

}  // namespace sandbox
