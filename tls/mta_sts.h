// MTA-STS (RFC 8461): what a domain says about TLS at its mail exchangers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/time.h"

namespace tls {

struct StsPolicy {
  enum class Mode : std::uint8_t {
    kNone,     // As if there were no policy.
    kTesting,  // What would fail is reported, and delivered.
    kEnforce,
  };
  static constexpr base::Duration kAgeMax = base::Duration::Seconds(31'557'600);  // Section 3.2.
  static constexpr std::size_t kMxMax = 128;                                      // Ours; more make it invalid.

  std::string id;  // Of the TXT record that led to it.
  Mode mode = Mode::kNone;
  base::Duration max_age;       // At most kAgeMax.
  std::vector<std::string> mx;  // Lower case, without a final dot; "*.example.com" stands for one label more.

  // A mail exchanger may be one of this domain's (section 4.1). `host`: lower case, without a final dot.
  bool Names(std::string_view host) const;
  friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};

// The id in the TXT records of _mta-sts.DOMAIN, each with its strings joined (section 3.1). Nullopt: none of them, or
// more than one, is of MTA-STS, or that one is malformed; then there is no policy to be had.
std::optional<std::string> StsIdOf(absl::Span<const std::string> records);

// A policy file (section 3.2). Errors (kInvalidArgument): what is wrong with it.
absl::StatusOr<StsPolicy> ParseStsPolicy(std::string_view file, std::string_view id);

// One line for a cache file, without its end, and back. Nullopt: it is no such line.
std::string FormatStsPolicy(const StsPolicy& policy);
std::optional<StsPolicy> ReadStsPolicy(std::string_view line);

}  // namespace tls
