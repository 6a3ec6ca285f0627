// TLS as bytes in and bytes out (sans-IO): one channel per connection, between the SMTP client and the socket.
// Production wraps OpenSSL (context.h); the simulator uses a readable fake framing with faults. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/base/ip_address.h"
#include "tls/dane.h"
#include "tls/policy.h"
#include "tls/results.h"

namespace tls {

// What an established channel turned out to be.
struct ChannelInfo {
  std::string protocol;  // "TLSv1.3"
  std::string cipher;    // IANA's name: "TLS_AES_128_GCM_SHA256"
  bool resumed = false;
  bool compatible = false;   // It took the compatible profile.
  bool only_domain = false;  // The certificate is for Peer::domain, and not known to be for the host's name.
  bool verified = false;     // The certificate's chain and name hold, or its TLSA records.
  Result certificate =
      Result::kSuccess;  // What is wrong with it, where it was looked at; also of a handshake that failed.
};

class Channel {
 public:
  enum class State : std::uint8_t {
    kHandshaking,
    kOpen,
    kClosed,  // One side said goodbye.
    kFailed,
  };
  // Takes the bytes for the peer, as they come to be: within a call of the channel.
  class Output {
   public:
    virtual ~Output() = default;
    virtual void Write(std::string_view bytes) = 0;
  };

  virtual ~Channel() = default;
  // Begins the handshake as client. Call once, first.
  virtual void Start(Output& to_peer) = 0;
  // Takes bytes from the peer; appends decrypted bytes to `plain`. An error is final (kFailed), and its text says what
  // is wrong; `plain` may have grown before it. What comes after the peer's goodbye is dropped.
  virtual absl::Status Receive(std::string_view from_peer, std::string& plain, Output& to_peer) = 0;
  // Encrypts the pieces, in order, into as few records as they fit in. An error is final. Requires: kOpen.
  virtual absl::Status Send(absl::Span<const std::string_view> pieces, Output& to_peer) = 0;
  // Says goodbye (close_notify). Requires: kOpen.
  virtual void Close(Output& to_peer) = 0;
  virtual State state() const = 0;
  virtual const ChannelInfo& info() const = 0;  // Empty before kOpen.
};

class ChannelFactory {
 public:
  // The server that a connection goes to.
  struct Peer {
    std::string_view host_name;  // Named to the server (SNI), and what its certificate must be for. An address: no SNI.
    base::IpAddress address;
    Policy policy;
    absl::Span<const TlsaRecord> tlsa = {};  // Usable ones: they decide about the certificate, instead of the policy.
    std::string_view domain = {};  // Whose mail it is for: with TLSA records, a certificate for it will do as well.
    std::string_view canonical_domain = {};  // What `domain` is an alias of: likewise. Empty: it is none.
    Profile profile = Profile::kUsual;
  };
  virtual ~ChannelFactory() = default;
  // The factory outlives the channel.
  virtual std::unique_ptr<Channel> MakeClient(const Peer& peer) = 0;
};

}  // namespace tls
