#include "tools/sandbox/dkim_record.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "tools/sandbox/certificate_authority.h"

namespace sandbox {
namespace {

int NoPassword(char*, int, int, void*) { return -1; }

KeyPtr ReadPem(std::string_view text) {
  for (const bool is_private : {true, false}) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                           &BIO_free);
    if (memory == nullptr) break;
    KeyPtr key(is_private ? PEM_read_bio_PrivateKey(memory.get(), nullptr, &NoPassword, nullptr)
                          : PEM_read_bio_PUBKEY(memory.get(), nullptr, &NoPassword, nullptr));
    if (key != nullptr) return key;
  }
  return nullptr;
}

std::string Base64(const unsigned char* bytes, std::size_t size) {
  return absl::Base64Escape(base::AbslView({reinterpret_cast<const char*>(bytes), size}));
}

}  // namespace

absl::StatusOr<std::string> DkimRecord(std::string_view text) {
  text = base::TrimAscii(text);
  if (text.starts_with("v=DKIM1")) return std::string(text);
  const KeyPtr key = ReadPem(text);
  if (key != nullptr && EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
    std::array<unsigned char, 32> raw;
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1)
      return absl::StrCat("v=DKIM1; k=ed25519; p=", Base64(raw.data(), size));
  }
  if (key != nullptr && EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    if (size > 0) {
      const std::string record = absl::StrCat("v=DKIM1; k=rsa; p=", Base64(der, static_cast<std::size_t>(size)));
      OPENSSL_free(der);
      return record;
    }
  }
  static_cast<void>(OpenSslError());
  return absl::InvalidArgumentError(
      "not an RSA or Ed25519 key without a password, as PEM, nor a record \"v=DKIM1; …\"");
}

}  // namespace sandbox
