#include "dns/reverse_name.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace dns {

std::string ReverseName(const base::IpAddress& address) {
  if (address.IsV6()) {
    std::string nibbles = Nibbles(address);
    std::reverse(nibbles.begin(), nibbles.end());
    return nibbles + ".ip6.arpa";
  }
  const auto* const bytes = reinterpret_cast<const unsigned char*>(address.bytes().data());
  return absl::StrFormat("%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
}

std::string Nibbles(const base::IpAddress& address) {
  constexpr char kHex[] = "0123456789abcdef";
  CHECK(address.IsV6());
  std::string nibbles;
  for (const char c : address.bytes()) {
    const auto byte = static_cast<unsigned char>(c);
    nibbles.append(nibbles.empty() ? "" : ".").push_back(kHex[byte >> 4]);
    nibbles.append(".").push_back(kHex[byte & 15]);
  }
  return nibbles;
}

}  // namespace dns
