// The cryptography of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677), by OpenSSL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace smtp {

std::string HmacSha256(std::string_view key, std::string_view text);  // 32 bytes
std::string Sha256(std::string_view text);                            // 32 bytes
// Whether they are equal, in a time that does not depend on where they differ.
bool AreEqualSecrets(std::string_view a, std::string_view b);

// 18 bytes from the system's random generator, in base64: printable, without a comma.
std::string RandomNonce();

// What derives from a password for one salt (RFC 5802 section 3); 32 bytes each.
struct ScramKeys {
  std::string client_key, server_key;
};

// The keys of the last salt: with the same server they stay, and the cost of deriving them is paid once.
class ScramKeyCache {
 public:
  // `password` as SASLprep leaves it. Good until the next call.
  const ScramKeys& Derive(std::string_view password, std::string_view salt, std::uint32_t iterations);

 private:
  std::string password_, salt_;
  std::uint32_t iterations_ = 0;  // 0: nothing is kept.
  ScramKeys keys_;
};

}  // namespace smtp
