// TLS servers by OpenSSL, over memory BIOs: TLS 1.2 and 1.3, with session tickets, so that clients resume. One thread.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/tls_server.h"

namespace sandbox {

class OpenSslServer final : public TlsServer {
 public:
  // Certificates are issued for the name that each client asks for. The authority outlives the server.
  explicit OpenSslServer(CertificateAuthority& authority) : authority_(&authority) {}
  // One certificate (with its chain) for all. Errors: the files cannot be read, or do not belong together.
  static absl::StatusOr<std::unique_ptr<OpenSslServer>> FromFiles(const std::string& certificate_file,
                                                                  const std::string& key_file);
  OpenSslServer(const OpenSslServer&) = delete;
  OpenSslServer& operator=(const OpenSslServer&) = delete;
  ~OpenSslServer() override;

  std::unique_ptr<TlsSession> Accept(const TlsProfile& profile) override;

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;
  struct Host {
    CertificateAuthority* authority = nullptr;
    const TlsProfile* profile = nullptr;
    ContextPtr context;
  };
  OpenSslServer() = default;
  static int ChooseCertificate(SSL* session, void* host);
  ContextPtr MakeContext(const TlsProfile& profile) const;

  CertificateAuthority* authority_ = nullptr;
  ContextPtr files_;  // Has the certificate and the key of the files; null with an authority.
  absl::flat_hash_map<const TlsProfile*, std::unique_ptr<Host>> hosts_;
};

}  // namespace sandbox
