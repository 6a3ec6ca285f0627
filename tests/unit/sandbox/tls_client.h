// OpenSSL's client over memory BIOs: notes what it thinks of the certificate, and goes on whatever that is.
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sandbox {

class TlsClient {
 public:
  // Trusts `ca_pem` ("": nobody), expects `name`, and asks for `asked` (none: `name`; "": for no name).
  TlsClient(std::string_view ca_pem, const std::string& name, std::optional<std::string> asked = std::nullopt)
      : context_(SSL_CTX_new(TLS_client_method())) {
    if (!ca_pem.empty()) Trust(ca_pem);
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
    SSL_set1_host(ssl_, name.c_str());
    const std::string sni = asked.value_or(name);
    if (!sni.empty()) SSL_set_tlsext_host_name(ssl_, sni.c_str());
  }
  TlsClient(TlsClient&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)),
        ssl_(std::exchange(other.ssl_, nullptr)),
        in_(other.in_),
        out_(other.out_) {}
  ~TlsClient() {
    // OpenSSL never resumes the session of a connection that is freed without a goodbye.
    if (ssl_ != nullptr) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN);
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  void SetNewest(int version) { SSL_set_max_proto_version(ssl_, version); }
  void Resume(SSL_SESSION* session) { EXPECT_EQ(SSL_set_session(ssl_, session), 1); }
  SSL_SESSION* TakeSession() { return SSL_get1_session(ssl_); }
  long verify_result() const { return SSL_get_verify_result(ssl_); }
  std::string version() const { return SSL_get_version(ssl_); }
  bool open() const { return SSL_is_init_finished(ssl_) == 1; }
  bool failed() const { return failed_; }
  bool goodbye() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  const std::string& received() const { return received_; }

  // Says it as soon as TLS is open.
  void Say(std::string_view text) { unsent_.append(text); }
  // Bytes from the server.
  void Give(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    Read();
  }
  // Bytes for the server.
  std::string Take() {
    Read();
    if (open() && !unsent_.empty()) {
      EXPECT_EQ(SSL_write(ssl_, unsent_.data(), static_cast<int>(unsent_.size())), static_cast<int>(unsent_.size()));
      unsent_.clear();
    }
    std::string bytes(static_cast<std::size_t>(BIO_pending(out_)), '\0');
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

 private:
  void Trust(std::string_view pem) {
    BIO* file = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* certificate = PEM_read_bio_X509(file, nullptr, nullptr, nullptr);
    EXPECT_NE(certificate, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), certificate);
    X509_free(certificate);
    BIO_free(file);
  }
  void Read() {
    char buffer[4096];
    int size = 0;
    while ((size = SSL_read(ssl_, buffer, sizeof buffer)) > 0) received_.append(buffer, static_cast<std::size_t>(size));
    failed_ |= SSL_get_error(ssl_, size) == SSL_ERROR_SSL;
  }

  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  bool failed_ = false;
  std::string unsent_;
  std::string received_;
};

}  // namespace sandbox
