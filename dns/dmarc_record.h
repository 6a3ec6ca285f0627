// The text of a DMARC record (RFC 9989 section 4.7) as values. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

enum class DmarcPolicy : std::uint8_t { kNone, kQuarantine, kReject };
std::string_view ToString(DmarcPolicy policy);

struct DmarcRecord {
  enum class Psd : std::uint8_t { kUnknown, kYes, kNo };

  std::optional<DmarcPolicy> policy;       // p=; absent or wrong: none counts, and only where rua= is there.
  std::optional<DmarcPolicy> subdomains;   // sp=
  std::optional<DmarcPolicy> nonexistent;  // np=
  bool strict_dkim = false;                // adkim=s
  bool strict_spf = false;                 // aspf=s
  Psd psd = Psd::kUnknown;
  bool testing = false;               // t=y
  bool has_reports = false;           // rua= names at least one URI.
  bool wrong_policy = false;          // sp= or np= is there and is none: it counts as without p=.
  std::string repeated;               // A tag that is there twice, so that none counts (RFC 6376 section 3.2).
  std::vector<std::string> oddities;  // For people: removed tags, values that mean nothing.
};

// Nullopt: it does not begin with the version, and is no DMARC record.
std::optional<DmarcRecord> ParseDmarc(std::string_view text);

}  // namespace dns
