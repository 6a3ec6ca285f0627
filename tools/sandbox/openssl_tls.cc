#include "tools/sandbox/openssl_tls.h"

#include <openssl/err.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::size_t kRecordMax = 16'384;  // Bytes of a TLS record's content.

class OpenSslSession final : public TlsSession {
 public:
  explicit OpenSslSession(SSL_CTX* context)
      : ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
    CHECK(ssl_ != nullptr && in_ != nullptr && out_ != nullptr);
    SSL_set_bio(ssl_, in_, out_);  // Which owns them from now on.
    SSL_set_accept_state(ssl_);
  }
  OpenSslSession(const OpenSslSession&) = delete;
  OpenSslSession& operator=(const OpenSslSession&) = delete;
  ~OpenSslSession() override { SSL_free(ssl_); }

  void Receive(std::string_view from_client, std::string& plain, std::string& to_client) override {
    if (state_ == State::kClosed) return;
    const int written = BIO_write(in_, from_client.data(), static_cast<int>(from_client.size()));
    CHECK(written == static_cast<int>(from_client.size()));
    std::array<char, kRecordMax> buffer;
    for (;;) {
      ERR_clear_error();
      const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
      if (state_ == State::kHandshaking && SSL_is_init_finished(ssl_) == 1) state_ = State::kOpen;
      if (size <= 0) {
        if (SSL_get_error(ssl_, size) != SSL_ERROR_WANT_READ) state_ = State::kClosed;
        break;
      }
      plain.append(buffer.data(), static_cast<std::size_t>(size));
    }
    TakeOutput(to_client);
  }

  void Send(std::string_view plain, std::string& to_client) override {
    CHECK(state_ == State::kOpen);
    while (!plain.empty()) {
      const std::string_view piece = plain.substr(0, kRecordMax);
      ERR_clear_error();
      if (SSL_write(ssl_, piece.data(), static_cast<int>(piece.size())) != static_cast<int>(piece.size())) {
        state_ = State::kClosed;
        break;
      }
      plain.remove_prefix(piece.size());
    }
    TakeOutput(to_client);
  }

  void Close(std::string& to_client) override {
    if (state_ != State::kOpen) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    state_ = State::kClosed;
    TakeOutput(to_client);
  }

  State state() const override { return state_; }
  TlsInfo info() const override { return {SSL_get_version(ssl_), SSL_session_reused(ssl_) == 1}; }

 private:
  void TakeOutput(std::string& to_client) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(out_, &data);
    if (size <= 0) return;
    to_client.append(data, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(out_));
  }

  SSL* const ssl_;
  BIO* const in_;
  BIO* const out_;
  State state_ = State::kHandshaking;
};

int ConfirmName(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

}  // namespace

OpenSslServer::~OpenSslServer() = default;

absl::StatusOr<std::unique_ptr<OpenSslServer>> OpenSslServer::FromFiles(const std::string& certificate_file,
                                                                        const std::string& key_file) {
  std::unique_ptr<OpenSslServer> server(new OpenSslServer());
  server->files_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = server->files_.get();
  if (context != nullptr && SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) == 1) {
    return server;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(certificate_file, ", ", key_file, ": not a certificate and its key, as PEM: ", OpenSslError()));
}

OpenSslServer::ContextPtr OpenSslServer::MakeContext(const TlsProfile& profile) const {
  ContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  CHECK(context != nullptr);
  constexpr unsigned char kSessionIdContext[] = "sluice";
  SSL_CTX_set_session_id_context(context, kSessionIdContext, sizeof kSessionIdContext - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // Tickets hold the sessions (RFC 8446 §4.6.1).
  SSL_CTX_set_min_proto_version(context, profile.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, profile.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_tlsext_servername_callback(context, &ConfirmName);
  if (files_ != nullptr) {
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(files_.get(), &chain);
    CHECK(SSL_CTX_use_cert_and_key(context, SSL_CTX_get0_certificate(files_.get()),
                                   SSL_CTX_get0_privatekey(files_.get()), chain, 1) == 1);
  }
  return made;
}

// From OpenSSL, once it knows what the client asks for. 1: go on.
int OpenSslServer::ChooseCertificate(SSL* session, void* argument) {
  const Host& host = *static_cast<const Host*>(argument);
  const char* asked = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  X509* certificate = nullptr;
  if (asked != nullptr) certificate = host.authority->Issue(host.profile->certificate, base::LowerAscii(asked));
  if (certificate == nullptr) certificate = host.authority->Issue(host.profile->certificate, host.profile->host_name);
  const bool usable = certificate != nullptr && SSL_use_certificate(session, certificate) == 1 &&
                      SSL_use_PrivateKey(session, host.authority->server_key()) == 1;
  return usable ? 1 : 0;
}

std::unique_ptr<TlsSession> OpenSslServer::Accept(const TlsProfile& profile) {
  std::unique_ptr<Host>& host = hosts_[&profile];
  if (host == nullptr) {
    host = std::make_unique<Host>();
    host->authority = authority_;
    host->profile = &profile;
    host->context = MakeContext(profile);
    if (authority_ != nullptr) SSL_CTX_set_cert_cb(host->context.get(), &ChooseCertificate, host.get());
  }
  return std::make_unique<OpenSslSession>(host->context.get());
}

}  // namespace sandbox
