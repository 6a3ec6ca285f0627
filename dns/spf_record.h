// The text of an SPF record (RFC 7208 sections 4.5, 4.6, 5, 6 and 12) as values. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"

namespace dns {

struct SpfMechanism {
  enum class Kind : std::uint8_t { kAll, kInclude, kA, kMx, kPtr, kIp4, kIp6, kExists };
  Kind kind = Kind::kAll;
  char qualifier = '+';     // '+', '-', '~', '?'
  std::string text;         // As it stands in the record.
  std::string domain_spec;  // Empty: the current domain.
  base::IpAddress network;  // kIp4, kIp6
  std::uint8_t bits4 = 32;  // Of the network, or of the addresses that a name has.
  std::uint8_t bits6 = 128;
};

struct SpfRecord {
  std::vector<SpfMechanism> mechanisms;  // In their order.
  std::optional<std::string> redirect;   // A domain-spec.
  std::optional<std::string> explanation;
};

// The version that a TXT record begins with: others are no SPF (section 4.5).
bool IsSpf(std::string_view text);

// Errors (InvalidArgument): the first term that is wrong, and why. Requires: IsSpf.
absl::StatusOr<SpfRecord> ParseSpf(std::string_view text);

// Whether the first `bits` of both addresses are the same; never, where one is IPv4 and the other IPv6.
bool InNetwork(const base::IpAddress& address, const base::IpAddress& network, std::uint8_t bits);

}  // namespace dns
