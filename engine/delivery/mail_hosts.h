// A route's mail exchangers as shaping files match them, and what that needs of the DNS.
#pragma once

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

inline dns::MxLookup::Families FamiliesFor(const config::Shaping& shaping) {
  return {.v4 = shaping.MatchesAddresses(/*v6=*/false), .v6 = shaping.MatchesAddresses(/*v6=*/true)};
}

}  // namespace delivery
