// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4), as framing checksum of our files.
#pragma once

#include <cstdint>
#include <string_view>

namespace base {

// The checksum of `bytes`; `previous` continues one over the bytes before.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t previous = 0);

}  // namespace base
