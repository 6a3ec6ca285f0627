// Addresses as names (RFC 1035 section 3.5, RFC 3596 section 2.5). Pure.
#pragma once

#include <string>

#include "engine/base/ip_address.h"

namespace dns {

// "1.2.0.192.in-addr.arpa"; 32 nibbles and "ip6.arpa" for IPv6.
std::string ReverseName(const base::IpAddress& address);

// The 32 hexadecimal digits of an IPv6 address with dots between them, the first one first. Requires: IPv6.
std::string Nibbles(const base::IpAddress& address);

}  // namespace dns
