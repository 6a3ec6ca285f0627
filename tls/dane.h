// TLSA records for SMTP (RFC 6698, RFC 7672 section 3). Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace tls {

inline constexpr std::uint8_t kDaneTa = 2, kDaneEe = 3;

struct TlsaRecord {
  std::uint8_t usage = 0;     // 2: DANE-TA, 3: DANE-EE; 0 and 1 mean nothing in SMTP.
  std::uint8_t selector = 0;  // 0: the whole certificate, 1: its public key.
  std::uint8_t matching = 0;  // 0: as it is, 1: SHA-256, 2: SHA-512.
  std::string data;
  friend auto operator<=>(const TlsaRecord&, const TlsaRecord&) = default;
};

// A record's data as it came from the DNS. Nullopt: it is too short.
std::optional<TlsaRecord> ParseTlsa(std::string_view data);

// The record can authenticate a mail exchanger (RFC 7672 sections 3.1 and 3.1.3): DANE-TA or DANE-EE, with a selector
// and a matching type that are known, and data of the right length.
bool IsUsable(const TlsaRecord& record);

// One of them is DANE-TA: then the certificate's names count (RFC 7672 section 3.2.2).
bool HasTrustAnchor(absl::Span<const TlsaRecord> records);

// Of these data, those that are usable, sorted, each once; at most kTlsaMax.
inline constexpr std::size_t kTlsaMax = 32;
std::vector<TlsaRecord> UsableTlsa(absl::Span<const std::string> data);

}  // namespace tls
