// A DKIM key pair: read, checked, made, and used to sign one digest at a time (RFC 6376 section 3.3, RFC 8301,
// RFC 8463). One thread, as its Crypto.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/dkim/crypto.h"

namespace dkim {

enum class Algorithm : std::uint8_t { kRsaSha256, kEd25519Sha256 };
std::string_view ToString(Algorithm algorithm);  // As in a=.

class PrivateKey {
 public:
  // Reads PEM: RSA (PKCS #1 or PKCS #8) or Ed25519, not encrypted. RSA keys have 2048 to 4096 bits, with `allow_weak`
  // 1024 to 4096 (RFC 8301 section 3.2). The key has signed and verified once when it is returned.
  // Errors: InvalidArgument, and what would be right.
  static absl::StatusOr<std::unique_ptr<PrivateKey>> Parse(std::string_view pem, bool allow_weak, const Crypto& crypto);
  // Makes a new one: RSA with 2048 bits, or Ed25519.
  static absl::StatusOr<std::unique_ptr<PrivateKey>> Generate(Algorithm algorithm, const Crypto& crypto);
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;

  Algorithm algorithm() const { return algorithm_; }
  int bits() const { return EVP_PKEY_get_bits(key_.get()); }
  int signature_size() const { return EVP_PKEY_get_size(key_.get()); }  // In octets.
  EVP_PKEY* handle() const { return key_.get(); }

  // PKCS #8 in PEM.
  absl::StatusOr<std::string> ToPem() const;
  // What the DNS publishes at SELECTOR._domainkey.DOMAIN (RFC 6376 section 3.6.1, RFC 8463 section 4.2).
  std::string PublicRecord() const;
  // SHA-256 of the public key (SubjectPublicKeyInfo), in hexadecimal.
  std::string Fingerprint() const;

  // The raw signature of a digest, without base64. Errors: Internal, the key cannot sign.
  absl::StatusOr<std::string> Sign(const Digest& digest);
  // Whether `signature` is one of this key.
  bool Verify(const Digest& digest, std::string_view signature) const;

 private:
  PrivateKey(PkeyPtr key, Algorithm algorithm, const Crypto& crypto)
      : crypto_(crypto), key_(std::move(key)), algorithm_(algorithm) {}
  absl::Status Prepare();
  std::string PublicKeyInfo() const;  // DER

  const Crypto& crypto_;
  const PkeyPtr key_;
  const Algorithm algorithm_;
  PkeyCtxPtr rsa_;    // Ready to sign: PKCS #1 v1.5 with SHA-256.
  MdCtxPtr ed25519_;  // Of Ed25519.
};

}  // namespace dkim
