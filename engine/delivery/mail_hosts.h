// A route's mail exchangers as shaping files match them, and what that needs of the DNS.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "dns/mx_lookup.h"
#include "engine/config/mail_host.h"
#include "engine/config/shaping.h"

namespace delivery {

inline std::vector<config::MailHost> MailHostsOf(const dns::Route& route) {
  std::vector<config::MailHost> hosts;
  hosts.reserve(route.hosts.size());
  for (const dns::MxHost& host : route.hosts) hosts.emplace_back(host.name, host.addresses);
  return hosts;
}

// How many of the hosts the route has, too.
inline std::size_t SharedHosts(const std::vector<config::MailHost>& hosts, const dns::Route& route) {
  return static_cast<std::size_t>(std::count_if(hosts.begin(), hosts.end(), [&route](const config::MailHost& known) {
    return std::any_of(route.hosts.begin(), route.hosts.end(),
                       [&known](const dns::MxHost& host) { return host.name == known.name; });
  }));
}

inline dns::MxLookup::Families FamiliesFor(const config::Shaping& shaping) {
  return {.v4 = shaping.MatchesAddresses(/*v6=*/false), .v6 = shaping.MatchesAddresses(/*v6=*/true)};
}

}  // namespace delivery
