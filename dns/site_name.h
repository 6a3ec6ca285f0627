// The identity of an MX set as a name: what limits, connections and reports are keyed by.
#pragma once

#include <string>
#include <vector>

#include "dns/mx_lookup.h"

namespace dns {

// Equal sets of names have equal site names, different sets different ones; preferences do not matter: limits are those
// of the hosts, and in which order they are tried each domain says for itself. Labels that all names share are written
// once, as in KumoMTA: "(alt1|alt2|gmail-smtp-in).l.google.com". Requires: at least one host.
std::string SiteName(const std::vector<MxHost>& hosts);

}  // namespace dns
