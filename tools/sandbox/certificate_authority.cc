#include "tools/sandbox/certificate_authority.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr long kDay = 86'400;  // Seconds.
constexpr std::string_view kWrongName = "wrong-name.sandbox.test";
constexpr std::size_t kCommonNameMax = 64;  // RFC 5280 A.1, ub-common-name

bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')) return false;
  }
  return true;
}

struct Extension509 {
  int nid;
  std::string value;
};

struct Validity {
  long from_s;  // Relative to now.
  long until_s;
};

// A certificate without a signature. Null: OpenSSL fails.
CertificatePtr Draft(std::string_view common_name, std::int64_t serial, const Validity& validity, EVP_PKEY* key) {
  CertificatePtr made(X509_new());
  X509* certificate = made.get();
  if (certificate == nullptr || X509_set_version(certificate, X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(certificate), validity.from_s) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(certificate), validity.until_s) == nullptr ||
      X509_set_pubkey(certificate, key) != 1) {
    return nullptr;
  }
  if (common_name.size() > kCommonNameMax) return made;  // The alternative name says it all.
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, static_cast<int>(common_name.size()), -1, 0) != 1) {
    return nullptr;
  }
  return made;
}

// Completes it as the issuer's. The issuer may be the certificate itself.
bool Sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key, std::initializer_list<Extension509> extensions) {
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1) return false;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const Extension509& extension : extensions) {
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str());
    const bool added = made != nullptr && X509_add_ext(certificate, made, -1) == 1;
    X509_EXTENSION_free(made);
    if (!added) return false;
  }
  return X509_sign(certificate, issuer_key, EVP_sha256()) != 0;
}

}  // namespace

std::string OpenSslError() {
  char text[256] = "unknown error";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Make() {
  std::unique_ptr<CertificateAuthority> authority(new CertificateAuthority());
  authority->key_.reset(EVP_EC_gen("P-256"));
  authority->server_key_.reset(EVP_EC_gen("P-256"));
  if (authority->key_ != nullptr && authority->server_key_ != nullptr) {
    EVP_PKEY* key = authority->key_.get();
    authority->certificate_ = Draft("Sluice sandbox authority", 1, {-kDay, 365 * kDay}, key);
    X509* certificate = authority->certificate_.get();
    if (certificate != nullptr && Sign(certificate, certificate, key,
                                       {{NID_basic_constraints, "critical,CA:TRUE"},
                                        {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                        {NID_subject_key_identifier, "hash"}})) {
      return authority;
    }
  }
  return absl::InternalError(absl::StrCat("cannot make a certificate authority: ", OpenSslError()));
}

X509* CertificateAuthority::Issue(CertificateKind kind, std::string_view host) {
  if (kind == CertificateKind::kWrongName) host = kWrongName;
  if (!IsHostName(host)) return nullptr;
  const std::string key = absl::StrCat(static_cast<int>(kind), " ", base::AbslView(host));
  if (const auto found = issued_.find(key); found != issued_.end()) return found->second.get();
  const Validity validity =
      kind == CertificateKind::kExpired ? Validity{-30 * kDay, -kDay} : Validity{-kDay, 30 * kDay};
  CertificatePtr certificate = Draft(host, ++last_serial_, validity, server_key_.get());
  const bool self_signed = kind == CertificateKind::kSelfSigned;
  const bool signed_ =
      certificate != nullptr && Sign(certificate.get(), self_signed ? certificate.get() : certificate_.get(),
                                     self_signed ? server_key_.get() : key_.get(),
                                     {{NID_subject_alt_name, absl::StrCat("DNS:", base::AbslView(host))},
                                      {NID_basic_constraints, "critical,CA:FALSE"},
                                      {NID_key_usage, "critical,digitalSignature"},
                                      {NID_ext_key_usage, "serverAuth"},
                                      {NID_subject_key_identifier, "hash"},
                                      {NID_authority_key_identifier, "keyid"}});
  if (!signed_) {
    ERR_clear_error();
    return nullptr;
  }
  if (issued_.size() >= kCacheMax) issued_.clear();
  return issued_.emplace(key, std::move(certificate)).first->second.get();
}

absl::StatusOr<std::string> CertificateAuthority::Pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  char* data = nullptr;
  if (memory == nullptr || PEM_write_bio_X509(memory.get(), certificate_.get()) != 1) {
    return absl::InternalError(absl::StrCat("cannot write a certificate: ", OpenSslError()));
  }
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace sandbox
