// The server's side of TLS as an interface, without I/O: bytes of the client go in, bytes for the client come out. Sink
// and sandbox use OpenSSL (openssl_tls.h), the simulator a framing that people can read. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sandbox {

enum class CertificateKind : std::uint8_t {
  kValid,       // For the name that the client asks for, by the sandbox's own authority.
  kExpired,     // Its time is over.
  kWrongName,   // For another name.
  kSelfSigned,  // By no authority.
};

// What a server shows of itself. A server object lives as long as the profiles it was given.
struct TlsProfile {
  bool tls12 = true;
  bool tls13 = true;
  CertificateKind certificate = CertificateKind::kValid;
  std::string host_name = "mx.sandbox.test";  // For clients that name no server (SNI).
};

// What an established session turned out to be.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  bool resumed = false;
};

// One connection's TLS.
class TlsSession {
 public:
  enum class State : std::uint8_t { kHandshaking, kOpen, kClosed };

  virtual ~TlsSession() = default;
  // Takes the client's bytes; appends the decrypted ones to `plain` and what TLS itself has to answer to `to_client`.
  // kClosed is final: the client said goodbye, or TLS failed; what was appended is still to be used.
  virtual void Receive(std::string_view from_client, std::string& plain, std::string& to_client) = 0;
  // Encrypts `plain` onto `to_client`. Requires: kOpen.
  virtual void Send(std::string_view plain, std::string& to_client) = 0;
  // Says goodbye (close_notify). Requires: kOpen.
  virtual void Close(std::string& to_client) = 0;
  virtual State state() const = 0;
  virtual TlsInfo info() const = 0;  // Requires: kOpen.
};

class TlsServer {
 public:
  virtual ~TlsServer() = default;
  // A new session that waits for its client's first bytes. The profile outlives the server.
  virtual std::unique_ptr<TlsSession> Accept(const TlsProfile& profile) = 0;
};

}  // namespace sandbox
