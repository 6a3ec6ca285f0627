// Signs messages with Ed25519 and simple canonicalisation: the least that makes a valid DKIM signature.
#pragma once

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "engine/base/text.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/dkim_canonical.h"
#include "tools/sandbox/dkim_tags.h"

namespace sandbox {

class SmallSigner {
 public:
  SmallSigner() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {}

  std::string record() const {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EXPECT_EQ(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size), 1);
    return "v=DKIM1; k=ed25519; p=" + absl::Base64Escape(raw);
  }
  std::string private_pem() const {
    BIO* memory = BIO_new(BIO_s_mem());
    EXPECT_EQ(PEM_write_bio_PrivateKey(memory, key_.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_free(memory);
    return pem;
  }
  // The message with a signature before it. `names` is h=, each at most once in the message.
  std::string Sign(const std::string& message, const std::string& domain, const std::string& names) const {
    const ParsedMessage parsed = ParseMessage(message);
    const std::string own = "DKIM-Signature: v=1; a=ed25519-sha256; d=" + domain + "; s=s; h=" + names +
                            "; bh=" + absl::Base64Escape(Sha256(std::string(parsed.body))) + "; b=";
    std::string data;
    for (const std::string& name : SplitColons(names)) {
      for (const HeaderField& field : parsed.fields) {
        if (base::EqualsIgnoreCase(field.name, name)) data += std::string(field.raw) + "\r\n";
      }
    }
    const std::string digest = Sha256(data + own);
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(digest.data()), digest.size()),
              1);
    EVP_MD_CTX_free(context);
    return own + absl::Base64Escape(signature) + "\r\n" + message;
  }

 private:
  static std::string Sha256(const std::string& bytes) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
  }
  KeyPtr key_;
};

}  // namespace sandbox
