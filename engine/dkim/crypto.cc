// SHA-256 as a plain value: OpenSSL 3's own way takes a lock for each copy and memory for each computation.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/dkim/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "engine/base/check.h"

namespace dkim {

Crypto::Crypto() : context_(OSSL_LIB_CTX_new()), sha256_(EVP_MD_fetch(context_.get(), "SHA256", nullptr)) {
  CHECK(context_ != nullptr && sha256_ != nullptr);
}

Sha256::Sha256() { CHECK(SHA256_Init(&state_) == 1); }

void Sha256::Add(std::string_view bytes) { CHECK(SHA256_Update(&state_, bytes.data(), bytes.size()) == 1); }

Digest Sha256::Finish() {
  Digest digest;
  CHECK(SHA256_Final(digest.data(), &state_) == 1 && SHA256_Init(&state_) == 1);
  return digest;
}

absl::Status OpensslError(std::string_view what) {
  std::string text(what);
  char reason[256];
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, reason, sizeof reason);
    text.append(": ").append(reason);
  }
  ERR_clear_error();
  return absl::InternalError(text);
}

}  // namespace dkim
