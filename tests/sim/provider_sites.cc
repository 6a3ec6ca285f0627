#include "tests/sim/provider_sites.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace sim {
namespace {

struct HostNumbers {
  std::size_t provider = 0, host = 0;
};

// Of "mx1.p2.example".
std::optional<HostNumbers> NumbersOf(std::string_view name) {
  const std::size_t dot = name.find(".p");
  if (dot == std::string_view::npos || !name.starts_with("mx")) return std::nullopt;
  const std::string_view rest = name.substr(dot + 2);
  const auto host = base::ParseInteger<std::size_t>(name.substr(2, dot - 2));
  const auto provider = base::ParseInteger<std::size_t>(rest.substr(0, rest.find('.')));
  if (!host.has_value() || !provider.has_value()) return std::nullopt;
  return HostNumbers{*provider, *host};
}

unsigned LastByte(const base::IpAddress& address) { return static_cast<unsigned char>(address.bytes().back()); }

// The addresses of a provider's servers differ in their last byte, which begins with 1.
base::IpAddress WithLastByte(const base::IpAddress& address, std::size_t last) {
  std::string bytes(address.bytes());
  bytes.back() = static_cast<char>(last);
  return base::IpAddress::V4Bytes(reinterpret_cast<const unsigned char*>(bytes.data()));
}

bool Listens(const base::IpAddress& address) { return static_cast<unsigned char>(address.bytes()[2]) < 128; }

}  // namespace

std::string HostName(std::size_t provider, std::size_t host) {
  return absl::StrFormat("mx%d.p%d.example", host, provider);
}

std::vector<std::string> HostsOfSite(std::size_t provider, std::size_t site) {
  if (site == 0) return {HostName(provider, 1), HostName(provider, 2)};
  return {HostName(provider, site + 2)};
}

std::optional<SiteNumber> SiteOfHost(std::string_view name) {
  const std::optional<HostNumbers> numbers = NumbersOf(name);
  if (!numbers.has_value()) return std::nullopt;
  return SiteNumber{numbers->provider, numbers->host <= 2 ? 0 : numbers->host - 2};
}

std::size_t SiteOf(const sandbox::Provider& provider, const base::IpAddress& server) {
  const unsigned last = LastByte(server);
  return SitesOf(provider) == 1 || last <= 2 ? 0 : last - 2;
}

Names OverSites(Names names, const sandbox::Personality& personality) {
  return [&personality, names = std::move(names)](const std::string& name, dns::RecordType type) {
    dns::Answer answer = names(name, type);
    if (answer.records.empty()) return answer;
    if (type == dns::RecordType::kMx) {
      const auto numbers = NumbersOf(answer.records.front().name);
      if (!numbers.has_value()) return answer;
      const std::size_t sites = SitesOf(personality.providers[numbers->provider]);
      const std::vector<std::string> hosts = HostsOfSite(numbers->provider, base::StableHash(name) % sites);
      std::erase_if(answer.records, [&hosts](const dns::Record& record) {
        return std::find(hosts.begin(), hosts.end(), record.name) == hosts.end();
      });
    } else if (type == dns::RecordType::kA) {
      const auto numbers = NumbersOf(name);
      if (numbers.has_value() && SitesOf(personality.providers[numbers->provider]) > 1 &&
          Listens(answer.records.front().address))
        answer.records.front().address = WithLastByte(answer.records.front().address, numbers->host);
    }
    return answer;
  };
}

}  // namespace sim
