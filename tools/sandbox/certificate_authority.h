// A certificate authority that lives in memory, and the server certificates that it issues: ECDSA P-256, so that
// handshakes are cheap. All servers share one key. One thread.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/string_map.h"
#include "tools/sandbox/tls_server.h"

namespace sandbox {

// What OpenSSL last complained about; clears its list.
std::string OpenSslError();

struct OpenSslFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree>;
using CertificatePtr = std::unique_ptr<X509, OpenSslFree>;

class CertificateAuthority {
 public:
  // Errors: OpenSSL cannot make keys or certificates.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Make();

  EVP_PKEY* server_key() const { return server_key_.get(); }
  // A certificate of server_key() for `host`, or one with the fault that `kind` names. It lives until the next call.
  // Null: `host` is no host name, or OpenSSL fails.
  X509* Issue(CertificateKind kind, std::string_view host);
  // The authority's own certificate, as PEM: who trusts it accepts what is kValid.
  absl::StatusOr<std::string> Pem() const;

 private:
  static constexpr std::size_t kCacheMax = 10'000;  // Certificates.
  CertificateAuthority() = default;

  KeyPtr key_;
  KeyPtr server_key_;
  CertificatePtr certificate_;
  std::int64_t last_serial_ = 1;
  base::StringMap<CertificatePtr> issued_;  // By kind and host; emptied when it is full.
};

}  // namespace sandbox
