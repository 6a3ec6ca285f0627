// OpenSSL for one thread: a library context of its own, with the digest that its signatures need fetched once.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace dkim {

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

// One thread. Outlives everything that was made with it.
class Crypto {
 public:
  Crypto();
  Crypto(const Crypto&) = delete;
  Crypto& operator=(const Crypto&) = delete;

  OSSL_LIB_CTX* context() const { return context_.get(); }
  const EVP_MD* sha256() const { return sha256_.get(); }

 private:
  std::unique_ptr<OSSL_LIB_CTX, Freer<OSSL_LIB_CTX_free>> context_;
  std::unique_ptr<EVP_MD, Freer<EVP_MD_free>> sha256_;
};

// A SHA-256 computation; used again and again, and copied where it is.
class Sha256 {
 public:
  Sha256();
  void Add(std::string_view bytes);
  Digest Finish();  // Begins anew.

 private:
  SHA256_CTX state_{};
};

// "WHAT: OpenSSL's reason", and forgets OpenSSL's errors.
absl::Status OpensslError(std::string_view what);

}  // namespace dkim
