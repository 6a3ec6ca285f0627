// An IPv4 or IPv6 address as a value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static IpAddress V4(std::uint32_t host_order);
  static IpAddress V4Bytes(const unsigned char* four_bytes);     // Network order.
  static IpAddress V6Bytes(const unsigned char* sixteen_bytes);  // Network order.
  // "192.0.2.1" or "2001:db8::1", without brackets. Nullopt: not an address.
  static std::optional<IpAddress> Parse(std::string_view text);

  bool IsV6() const { return v6_; }
  std::string_view bytes() const {  // 4 or 16 bytes, network order.
    return {reinterpret_cast<const char*>(bytes_.data()), v6_ ? std::size_t{16} : std::size_t{4}};
  }
  std::string ToString() const;  // RFC 5952 for IPv6.

  // Not a place on the public Internet: loopback, private, link-local, shared, documentation, benchmark, multicast,
  // reserved, unspecified, and the IPv6 forms that embed such an IPv4 address (IANA special-purpose registries, RFC
  // 6890).
  bool IsPrivate() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v6_ = false;
  std::array<unsigned char, 16> bytes_{};
};

}  // namespace base
