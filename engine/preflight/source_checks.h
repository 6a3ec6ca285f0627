// The part of a look at the sender that is about the addresses that mail leaves from.
#pragma once

#include "dns/lookup.h"
#include "engine/preflight/finding.h"
#include "engine/preflight/sender.h"

namespace preflight {

// SPF of the envelope domain for each source: the worst of them.
Verdict CheckSourcesBySpf(dns::Lookup& lookup, const Sender& sender, Report& report);
// Forward-confirmed reverse DNS and the EHLO name of each source.
void CheckSourceNames(dns::Lookup& lookup, const Sender& sender, Report& report);

}  // namespace preflight
