#include "engine/config/address_set.h"

#include <algorithm>

#include "engine/base/text.h"

namespace config {
namespace {

bool SameBits(std::string_view a, std::string_view b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int shift = 8 - rest;
  return (static_cast<unsigned char>(a[whole]) >> shift) == (static_cast<unsigned char>(b[whole]) >> shift);
}

}  // namespace

bool AddressSet::Add(std::string_view range) {
  const std::size_t slash = range.find('/');
  const auto address = base::IpAddress::Parse(range.substr(0, slash));
  if (!address.has_value()) return false;
  const int bits_max = static_cast<int>(address->bytes().size()) * 8;
  int bits = bits_max;
  if (slash != std::string_view::npos) {
    const auto parsed = base::ParseInteger<int>(range.substr(slash + 1));
    if (!parsed.has_value() || *parsed < 0 || *parsed > bits_max) return false;
    bits = *parsed;
  }
  ranges_.push_back({*address, bits});
  return true;
}

bool AddressSet::HasRangesOf(bool v6) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [v6](const Range& range) { return range.address.IsV6() == v6; });
}

bool AddressSet::Contains(const base::IpAddress& address) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&address](const Range& range) {
    return range.address.IsV6() == address.IsV6() && SameBits(range.address.bytes(), address.bytes(), range.bits);
  });
}

}  // namespace config
