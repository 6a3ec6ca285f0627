// The part of a look at the sender that is about the addresses that mail leaves from.
#pragma once

#include <string>

#include "dns/lookup.h"
#include "engine/base/ip_address.h"
#include "engine/preflight/finding.h"
#include "engine/preflight/sender.h"

namespace preflight {

// "mta1.example.com A 198.51.100.7"
DnsRecord AddressRecord(const std::string& name, const base::IpAddress& address);
// SPF of the envelope domain for each source: the worst of them.
Verdict CheckSourcesBySpf(dns::Lookup& lookup, const Sender& sender, Report& report);
// Forward-confirmed reverse DNS and the EHLO name of each source.
void CheckSourceNames(dns::Lookup& lookup, const Sender& sender, Report& report);

}  // namespace preflight
