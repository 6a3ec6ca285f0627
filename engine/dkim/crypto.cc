#include "engine/dkim/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "engine/base/check.h"

namespace dkim {

Crypto::Crypto() : context_(OSSL_LIB_CTX_new()), sha256_(EVP_MD_fetch(context_.get(), "SHA256", nullptr)) {
  CHECK(context_ != nullptr && sha256_ != nullptr);
}

Sha256::Sha256(const Crypto& crypto) : crypto_(crypto), context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  Begin();
}

void Sha256::Begin() { CHECK(EVP_DigestInit_ex2(context_.get(), crypto_.sha256(), nullptr) == 1); }

void Sha256::Add(std::string_view bytes) { CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

void Sha256::CopyFrom(const Sha256& other) { CHECK(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1); }

Digest Sha256::Finish() {
  Digest digest;
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1 && size == digest.size());
  Begin();
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
