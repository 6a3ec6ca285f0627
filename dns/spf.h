// SPF: whether a domain lets an address send its mail (RFC 7208), as a receiver finds out. Pure over a Lookup.
//
// Explanations ("exp=") are parsed and not fetched: they are for who is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/lookup.h"
#include "engine/base/ip_address.h"

namespace dns {

enum class SpfResult : std::uint8_t {  // RFC 7208 section 2.6
  kNone,                               // No record, or no domain that could have one.
  kNeutral,
  kPass,
  kFail,
  kSoftFail,
  kTempError,  // The DNS gave no answer: later may be different.
  kPermError,  // The records are wrong: somebody has to mend them.
};
std::string_view ToString(SpfResult result);  // As in header fields: "pass", "softfail".

struct SpfQuery {
  base::IpAddress address;  // Of the client; an IPv4-mapped one counts as IPv4 (section 5).
  std::string domain;       // That of MAIL FROM; an address literal is none (section 4.3).
  std::string local_part;   // Empty: "postmaster" (section 4.3).
  std::string helo;         // For %{h}.
};

struct SpfOutcome {
  SpfResult result = SpfResult::kNone;
  std::string detail;                // For people: the term that decided, or what is wrong.
  std::string record;                // That of the domain itself; empty: none was found, or several.
  std::vector<std::string> several;  // The domain's own records, where there is more than one.
  std::uint32_t lookups = 0;         // Terms that ask the DNS; at most 10 (section 4.6.4).
  std::uint32_t voids = 0;           // Questions without an answer; at most 2.
};

inline constexpr std::uint32_t kSpfLookupsMax = 10, kSpfVoidsMax = 2;

// check_host() of section 4.
SpfOutcome CheckSpf(Lookup& lookup, const SpfQuery& query);

}  // namespace dns
