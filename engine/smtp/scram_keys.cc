#include "engine/smtp/scram_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "engine/base/check.h"
#include "engine/smtp/base64.h"

namespace smtp {
namespace {

constexpr std::size_t kHashSize = 32;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::string mac(kHashSize, '\0');
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(),
             reinterpret_cast<unsigned char*>(mac.data()), &size) != nullptr);
  CHECK(size == kHashSize);
  return mac;
}

std::string Sha256(std::string_view text) {
  std::string digest(kHashSize, '\0');
  unsigned int size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
                   nullptr) == 1);
  CHECK(size == kHashSize);
  return digest;
}

bool AreEqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomNonce() {
  unsigned char bytes[18];
  CHECK(RAND_bytes(bytes, sizeof bytes) == 1);
  return ToBase64(std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

const ScramKeys& ScramKeyCache::Derive(std::string_view password, std::string_view salt, std::uint32_t iterations) {
  if (iterations_ == iterations && salt_ == salt && password_ == password) return keys_;
  std::string salted(kHashSize, '\0');
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(salt),
                          static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                          static_cast<int>(salted.size()), reinterpret_cast<unsigned char*>(salted.data())) == 1);
  keys_ = {HmacSha256(salted, "Client Key"), HmacSha256(salted, "Server Key")};
  password_ = std::string(password);
  salt_ = std::string(salt);
  iterations_ = iterations;
  return keys_;
}

}  // namespace smtp
