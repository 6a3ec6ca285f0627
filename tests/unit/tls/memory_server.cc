#include "tests/unit/tls/memory_server.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "engine/base/check.h"

namespace tls::testing {
namespace {

constexpr long kDay = 24 * 60 * 60;

struct Signer {
  X509* certificate = nullptr;  // Null: itself.
  EVP_PKEY* key = nullptr;
};

void AddExtension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  CHECK(extension != nullptr);
  CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* MakeCertificate(const std::string& common_name, const char* names, long from, long until, EVP_PKEY* key,
                      const Signer& signer) {
  static long serial = 0;
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), until);
  X509_NAME* const subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate,
                       signer.certificate == nullptr ? subject : X509_get_subject_name(signer.certificate));
  X509_set_pubkey(certificate, key);
  if (names != nullptr) AddExtension(certificate, NID_subject_alt_name, names);
  if (signer.certificate == nullptr) AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  CHECK(X509_sign(certificate, signer.key, EVP_sha256()) > 0);
  return certificate;
}

EVP_PKEY* MakeDhKey(const std::string& group) {
  EVP_PKEY_CTX* const maker = EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr);
  CHECK(EVP_PKEY_keygen_init(maker) == 1);
  CHECK(EVP_PKEY_CTX_set_group_name(maker, group.c_str()) == 1);
  EVP_PKEY* key = nullptr;
  CHECK(EVP_PKEY_generate(maker, &key) == 1);
  EVP_PKEY_CTX_free(maker);
  return key;
}

void MakeTicketsLarge(SSL_CTX* context, const int& bytes) {
  const auto fill = [](SSL* ssl, void* size) {
    const std::string data(static_cast<std::size_t>(*static_cast<int*>(size)), 't');
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data.data(), data.size());
  };
  const auto take = [](SSL*, SSL_SESSION*, const unsigned char*, std::size_t, SSL_TICKET_STATUS status, void*) {
    const bool is_good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    return is_good ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
  };
  SSL_CTX_set_session_ticket_cb(context, fill, take, const_cast<int*>(&bytes));
}

// Signs all but kSelfSigned; lives as long as the program.
const Signer& TheAuthority() {
  static const Signer authority = [] {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    return Signer{MakeCertificate("Authority", nullptr, -kDay, kDay, key, {nullptr, key}), key};
  }();
  return authority;
}

}  // namespace

struct ServerSettings::Parts {
  SSL_CTX* context = nullptr;
  int ticket_bytes = 0;
};

struct MemoryServer::Parts {
  SSL* ssl = nullptr;
  BIO* in = nullptr;
  BIO* out = nullptr;
};

const std::string& ServerSettings::Authority() {
  static const std::string pem = [] {
    BIO* const bytes = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bytes, TheAuthority().certificate);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bytes, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bytes);
    return text;
  }();
  return pem;
}

ServerSettings::ServerSettings(const Options& options) : parts_(std::make_unique<Parts>()) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  parts_->context = context;
  SSL_CTX_set_min_proto_version(context, options.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, options.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  CHECK(SSL_CTX_set_cipher_list(context, options.tls12_ciphers.c_str()) == 1);
  if (!options.groups.empty()) CHECK(SSL_CTX_set1_groups_list(context, options.groups.c_str()) == 1);
  if (!options.tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("test"), 4);
  EVP_PKEY* const key = options.dh_bits > 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  if (options.dh_bits > 0)
    CHECK(SSL_CTX_set0_tmp_dh_pkey(context, MakeDhKey("ffdhe" + std::to_string(options.dh_bits))) == 1);
  const bool wrong = options.certificate == CertificateKind::kWrongName;
  const bool expired = options.certificate == CertificateKind::kExpired;
  const bool bare = options.certificate == CertificateKind::kOnlyCommonName;
  const bool self_signed = options.certificate == CertificateKind::kSelfSigned;
  const char* const names = wrong  ? "DNS:mx.example.net"
                            : bare ? "email:postmaster@example.com"
                                   : "DNS:mx.example.com,DNS:*.wild.example.com,IP:192.0.2.1";
  X509* const certificate = MakeCertificate(kHostName, names, -2 * kDay, expired ? -kDay : kDay, key,
                                            self_signed ? Signer{nullptr, key} : TheAuthority());
  CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
  CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
  for (int i = 0; i < options.chain_extra; ++i) CHECK(SSL_CTX_add1_chain_cert(context, certificate) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  parts_->ticket_bytes = options.ticket_bytes;
  if (options.ticket_bytes > 0) MakeTicketsLarge(context, parts_->ticket_bytes);
}

ServerSettings::~ServerSettings() { SSL_CTX_free(parts_->context); }

MemoryServer::MemoryServer(ServerSettings& settings) : parts_(std::make_unique<Parts>()) {
  parts_->ssl = SSL_new(settings.parts_->context);
  parts_->in = BIO_new(BIO_s_mem());
  parts_->out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(parts_->in, -1);
  BIO_set_mem_eof_return(parts_->out, -1);
  SSL_set_bio(parts_->ssl, parts_->in, parts_->out);
  SSL_set_accept_state(parts_->ssl);
}

MemoryServer::~MemoryServer() {
  SSL_set_shutdown(parts_->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(parts_->ssl);
}

std::string MemoryServer::TakeOutput() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(parts_->out, &data);
  std::string bytes(data, static_cast<std::size_t>(size));
  static_cast<void>(BIO_reset(parts_->out));
  return bytes;
}

std::string MemoryServer::Receive(std::string_view bytes) {
  ERR_clear_error();
  BIO_write(parts_->in, bytes.data(), static_cast<int>(bytes.size()));
  char record[16384];
  while (true) {
    const int count = SSL_read(parts_->ssl, record, sizeof record);
    if (count > 0) {
      plain.append(record, static_cast<std::size_t>(count));
      continue;
    }
    const int reason = SSL_get_error(parts_->ssl, count);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_ZERO_RETURN) {
      const char* const text = ERR_reason_error_string(ERR_peek_error());
      error = text == nullptr ? "unknown" : text;
    }
    return TakeOutput();
  }
}

std::string MemoryServer::Send(std::string_view plain_text) {
  ERR_clear_error();
  CHECK(SSL_write(parts_->ssl, plain_text.data(), static_cast<int>(plain_text.size())) > 0);
  return TakeOutput();
}

std::string MemoryServer::Close() {
  SSL_shutdown(parts_->ssl);
  return TakeOutput();
}

std::string MemoryServer::Renegotiate() {
  CHECK(SSL_renegotiate(parts_->ssl) == 1);
  SSL_do_handshake(parts_->ssl);
  return TakeOutput();
}

std::string MemoryServer::UpdateKeys() {
  CHECK(SSL_key_update(parts_->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
  SSL_do_handshake(parts_->ssl);
  return TakeOutput();
}

bool MemoryServer::IsOpen() const { return SSL_is_init_finished(parts_->ssl) == 1; }

bool MemoryServer::IsClosed() const { return (SSL_get_shutdown(parts_->ssl) & SSL_RECEIVED_SHUTDOWN) != 0; }

std::string MemoryServer::server_name() const {
  const char* const name = SSL_get_servername(parts_->ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string MemoryServer::group() const {
  return SSL_group_to_name(parts_->ssl, static_cast<int>(SSL_get_negotiated_group(parts_->ssl)));
}

}  // namespace tls::testing
