#include "engine/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace base {
namespace {

struct Network {
  std::uint32_t address;  // Host order.
  int prefix;
};

constexpr Network kPrivateV4[] = {
    {0x00000000, 8},   // 0.0.0.0/8 "this network"
    {0x0A000000, 8},   // 10.0.0.0/8
    {0x64400000, 10},  // 100.64.0.0/10 shared
    {0x7F000000, 8},   // 127.0.0.0/8
    {0xA9FE0000, 16},  // 169.254.0.0/16
    {0xAC100000, 12},  // 172.16.0.0/12
    {0xC0000000, 24},  // 192.0.0.0/24
    {0xC0000200, 24},  // 192.0.2.0/24
    {0xC0586300, 24},  // 192.88.99.0/24
    {0xC0A80000, 16},  // 192.168.0.0/16
    {0xC6120000, 15},  // 198.18.0.0/15
    {0xC6336400, 24},  // 198.51.100.0/24
    {0xCB007100, 24},  // 203.0.113.0/24
    {0xE0000000, 3},   // 224.0.0.0/4 multicast and 240.0.0.0/4 reserved
};

std::uint32_t HostOrder(const unsigned char* b) {
  return (std::uint32_t{b[0]} << 24) | (std::uint32_t{b[1]} << 16) | (std::uint32_t{b[2]} << 8) | b[3];
}

bool IsPrivateV4(std::uint32_t address) {
  return std::any_of(std::begin(kPrivateV4), std::end(kPrivateV4), [address](const Network& network) {
    return (address >> (32 - network.prefix)) == (network.address >> (32 - network.prefix));
  });
}

bool IsPrivateV6(const unsigned char* b) {
  static constexpr unsigned char kZero[12] = {};
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr unsigned char kNat64[12] = {0, 0x64, 0xFF, 0x9B};
  if (std::memcmp(b, kZero, 12) == 0) return true;  // ::, ::1 and the deprecated IPv4-compatible form
  if (std::memcmp(b, kMapped, 12) == 0 || std::memcmp(b, kNat64, 12) == 0) return IsPrivateV4(HostOrder(b + 12));
  if (b[0] == 0x20 && b[1] == 0x02) return IsPrivateV4(HostOrder(b + 2));  // 6to4
  const bool global_unicast = (b[0] & 0xE0) == 0x20;                       // 2000::/3
  if (!global_unicast) return true;
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) return true;                      // 2001::/23 protocol assignments
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0D && b[3] == 0xB8) return true;  // documentation
  return b[0] == 0x3F && b[1] == 0xFF && b[2] < 0x10;                             // 3fff::/20 documentation
}

}  // namespace

IpAddress IpAddress::V4(std::uint32_t host_order) {
  const unsigned char bytes[4] = {static_cast<unsigned char>(host_order >> 24),
                                  static_cast<unsigned char>(host_order >> 16),
                                  static_cast<unsigned char>(host_order >> 8), static_cast<unsigned char>(host_order)};
  return V4Bytes(bytes);
}

IpAddress IpAddress::V4Bytes(const unsigned char* four_bytes) {
  IpAddress address;
  std::copy_n(four_bytes, 4, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6Bytes(const unsigned char* sixteen_bytes) {
  IpAddress address;
  address.v6_ = true;
  std::copy_n(sixteen_bytes, 16, address.bytes_.begin());
  return address;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  unsigned char bytes[16];
  if (inet_pton(AF_INET, terminated.c_str(), bytes) == 1) return V4Bytes(bytes);
  if (inet_pton(AF_INET6, terminated.c_str(), bytes) == 1) return V6Bytes(bytes);
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

bool IpAddress::IsPrivate() const { return v6_ ? IsPrivateV6(bytes_.data()) : IsPrivateV4(HostOrder(bytes_.data())); }

}  // namespace base
