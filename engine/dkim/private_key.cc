#include "engine/dkim/private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dkim {
namespace {

constexpr int kBitsLeast = 1024, kBitsGood = 2048, kBitsMost = 4096;

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;

// A passphrase is asked for: there is nobody to answer.
int RefusePassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::Status CheckRsaSize(int bits, bool allow_weak) {
  if (bits < kBitsLeast) {
    return absl::InvalidArgumentError(
        absl::StrFormat("an RSA key of %d bits, which no receiver accepts; make one of 2048 bits", bits));
  }
  if (bits < kBitsGood && !allow_weak) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "an RSA key of %d bits is weak; make one of 2048 bits, or set allow_weak = true while it is replaced", bits));
  }
  if (bits > kBitsMost) {
    return absl::InvalidArgumentError(
        absl::StrFormat("an RSA key of %d bits; receivers verify up to 4096 bits: make one of 2048 bits", bits));
  }
  return absl::OkStatus();
}

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string Base64(std::string_view bytes) { return absl::Base64Escape(base::AbslView(bytes)); }

}  // namespace

std::string_view ToString(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

absl::StatusOr<std::unique_ptr<PrivateKey>> PrivateKey::Parse(std::string_view pem, bool allow_weak,
                                                              const Crypto& crypto) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  bool asked = false;
  PkeyPtr key(PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, RefusePassphrase, &asked, crypto.context(), nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        asked ? "the key is encrypted; store it without a passphrase, readable by its owner only"
              : "not a private key in PEM (\"-----BEGIN PRIVATE KEY-----\"); sluice keygen makes one");
  }
  Algorithm algorithm = Algorithm::kEd25519Sha256;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    algorithm = Algorithm::kRsaSha256;
    if (absl::Status status = CheckRsaSize(EVP_PKEY_get_bits(key.get()), allow_weak); !status.ok()) return status;
  } else if (EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
    const char* type = EVP_PKEY_get0_type_name(key.get());
    return absl::InvalidArgumentError(
        absl::StrFormat("a key of type %s; DKIM has RSA and Ed25519", type == nullptr ? "unknown" : type));
  }
  std::unique_ptr<PrivateKey> result(new PrivateKey(std::move(key), algorithm, crypto));
  if (absl::Status status = result->Prepare(); !status.ok()) return absl::InvalidArgumentError(status.message());
  // A damaged key may well sign, with wrong results.
  const Digest probe{1, 2, 3};
  const absl::StatusOr<std::string> signature = result->Sign(probe);
  if (!signature.ok() || !result->Verify(probe, *signature)) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the key does not verify what it signs: the file is damaged");
  }
  return result;
}

absl::StatusOr<std::unique_ptr<PrivateKey>> PrivateKey::Generate(Algorithm algorithm, const Crypto& crypto) {
  PkeyPtr key(algorithm == Algorithm::kRsaSha256
                  ? EVP_PKEY_Q_keygen(crypto.context(), nullptr, "RSA", static_cast<std::size_t>(kBitsGood))
                  : EVP_PKEY_Q_keygen(crypto.context(), nullptr, "ED25519"));
  if (key == nullptr) return OpensslError("no key can be made");
  std::unique_ptr<PrivateKey> result(new PrivateKey(std::move(key), algorithm, crypto));
  if (absl::Status status = result->Prepare(); !status.ok()) return status;
  return result;
}

absl::Status PrivateKey::Prepare() {
  if (algorithm_ == Algorithm::kEd25519Sha256) {
    ed25519_.reset(EVP_MD_CTX_new());
    return absl::OkStatus();
  }
  rsa_.reset(EVP_PKEY_CTX_new_from_pkey(crypto_.context(), key_.get(), nullptr));
  if (rsa_ == nullptr || EVP_PKEY_sign_init(rsa_.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(rsa_.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(rsa_.get(), crypto_.sha256()) != 1) {
    return OpensslError("the key cannot sign");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PrivateKey::Sign(const Digest& digest) {
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  std::size_t size = signature.size();
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  bool ok = false;
  if (rsa_ != nullptr) {
    ok = EVP_PKEY_sign(rsa_.get(), out, &size, digest.data(), digest.size()) == 1;
  } else {  // PureEdDSA over the digest (RFC 8463 section 3).
    ok =
        EVP_DigestSignInit_ex(ed25519_.get(), nullptr, nullptr, crypto_.context(), nullptr, key_.get(), nullptr) == 1 &&
        EVP_DigestSign(ed25519_.get(), out, &size, digest.data(), digest.size()) == 1;
  }
  if (!ok) return OpensslError("the key cannot sign");
  signature.resize(size);
  return signature;
}

bool PrivateKey::Verify(const Digest& digest, std::string_view signature) const {
  bool ok = false;
  if (algorithm_ == Algorithm::kRsaSha256) {
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(crypto_.context(), key_.get(), nullptr));
    ok = context != nullptr && EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_CTX_set_signature_md(context.get(), crypto_.sha256()) == 1 &&
         EVP_PKEY_verify(context.get(), Bytes(signature), signature.size(), digest.data(), digest.size()) == 1;
  } else {
    const MdCtxPtr context(EVP_MD_CTX_new());
    ok = context != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, crypto_.context(), nullptr, key_.get(), nullptr) ==
             1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), digest.data(), digest.size()) == 1;
  }
  ERR_clear_error();
  return ok;
}

absl::StatusOr<std::string> PrivateKey::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));  // Wipes its memory.
  CHECK(bio != nullptr);
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return OpensslError("the key cannot be written");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string PrivateKey::PublicKeyInfo() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  CHECK(size > 0);
  std::string info(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return info;
}

std::string PrivateKey::PublicRecord() const {
  if (algorithm_ == Algorithm::kRsaSha256) return "v=DKIM1; k=rsa; p=" + Base64(PublicKeyInfo());
  unsigned char raw[32];
  std::size_t size = sizeof raw;
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), raw, &size) == 1);
  return "v=DKIM1; k=ed25519; p=" + Base64({reinterpret_cast<const char*>(raw), size});
}

std::string PrivateKey::Fingerprint() const {
  Sha256 hash;
  hash.Add(PublicKeyInfo());
  const Digest digest = hash.Finish();
  return absl::BytesToHexString(base::AbslView({reinterpret_cast<const char*>(digest.data()), digest.size()}));
}

}  // namespace dkim
