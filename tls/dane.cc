#include "tls/dane.h"

#include <algorithm>

namespace tls {

std::optional<TlsaRecord> ParseTlsa(std::string_view data) {
  if (data.size() < 3) return std::nullopt;
  const auto byte = [data](std::size_t i) { return static_cast<std::uint8_t>(data[i]); };
  return TlsaRecord{byte(0), byte(1), byte(2), std::string(data.substr(3))};
}

bool IsUsable(const TlsaRecord& record) {
  if (record.usage != kDaneTa && record.usage != kDaneEe) return false;
  if (record.selector > 1) return false;
  switch (record.matching) {
    case 0:
      return !record.data.empty();
    case 1:
      return record.data.size() == 32;
    case 2:
      return record.data.size() == 64;
    default:
      return false;
  }
}

bool HasTrustAnchor(absl::Span<const TlsaRecord> records) {
  return std::any_of(records.begin(), records.end(), [](const TlsaRecord& record) { return record.usage == 2; });
}

std::vector<TlsaRecord> UsableTlsa(absl::Span<const std::string> data) {
  std::vector<TlsaRecord> usable;
  for (const std::string& one : data) {
    std::optional<TlsaRecord> record = ParseTlsa(one);
    if (record.has_value() && IsUsable(*record)) usable.push_back(*std::move(record));
  }
  std::sort(usable.begin(), usable.end());
  usable.erase(std::unique(usable.begin(), usable.end()), usable.end());
  if (usable.size() <= kTlsaMax) return usable;
  // Those that name the server's own key or certificate say more than those of an authority.
  std::stable_partition(usable.begin(), usable.end(), [](const TlsaRecord& record) { return record.usage == kDaneEe; });
  usable.resize(kTlsaMax);
  std::sort(usable.begin(), usable.end());
  return usable;
}

}  // namespace tls
