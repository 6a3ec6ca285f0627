// The sites of a simulated provider, which is named pN: which of its mail exchangers stand together in MX records. The
// first site has mx1.pN.example and mx2.pN.example, each further one a host of its own, mx3 and so on. Where there are
// several sites, each host that can be reached has an address of its own.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "tests/sim/resolver.h"
#include "tools/sandbox/personality.h"

namespace sim {

inline constexpr std::size_t kSitesMax = 4;

inline std::size_t HostsOf(std::size_t sites) { return sites + 1; }
inline std::size_t SitesOf(const sandbox::Provider& provider) { return provider.mx.size() - 1; }
std::string HostName(std::size_t provider, std::size_t host);  // `host` is 1 for the first.
std::vector<std::string> HostsOfSite(std::size_t provider, std::size_t site);
struct SiteNumber {
  std::size_t provider = 0, site = 0;
  friend auto operator<=>(const SiteNumber&, const SiteNumber&) = default;
};
std::optional<SiteNumber> SiteOfHost(std::string_view name);
// Of a server's address.
std::size_t SiteOf(const sandbox::Provider& provider, const base::IpAddress& server);

// The zone's names, but each domain of a provider with several sites is at one of them.
Names OverSites(Names names, const sandbox::Personality& personality);

}  // namespace sim
