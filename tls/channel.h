// TLS as bytes in and bytes out (sans-IO): one channel per connection, between the SMTP client and the socket.
// Production wraps OpenSSL with memory BIOs; the simulator uses a readable fake framing with faults.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace tls {

// What an established channel turned out to be.
struct ChannelInfo {
  std::string protocol;  // "TLSv1.3"
  std::string cipher;    // "TLS_AES_128_GCM_SHA256"
  bool resumed = false;
  bool verified = false;  // The certificate chain and name hold under the policy.
};

class Channel {
 public:
  enum class State { kHandshaking, kOpen, kClosed, kFailed };

  virtual ~Channel() = default;
  // Begins the handshake as client; appends the first bytes for the peer to `to_peer`.
  virtual void Start(std::string& to_peer) = 0;
  // Takes bytes from the peer; appends decrypted bytes to `plain` and answers for the peer to `to_peer`. An error is
  // final: kFailed.
  virtual absl::Status Receive(std::string_view from_peer, std::string& plain, std::string& to_peer) = 0;
  // Encrypts `plain`, appending to `to_peer`. Requires: kOpen.
  virtual absl::Status Send(std::string_view plain, std::string& to_peer) = 0;
  // Says goodbye (close_notify). Requires: kOpen.
  virtual void Close(std::string& to_peer) = 0;
  virtual State state() const = 0;
  virtual const ChannelInfo& info() const = 0;  // Requires: kOpen or kClosed.
};

}  // namespace tls
