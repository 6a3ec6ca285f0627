// A TLS server of OpenSSL's in memory, with certificates that are made when a test starts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/channel.h"

namespace tls::testing {

enum class CertificateKind { kValid, kWrongName, kOnlyCommonName, kExpired, kSelfSigned };

inline constexpr char kHostName[] = "mx.example.com";  // What kValid is for (and *.wild.example.com).

// The settings of a server, its certificate and the keys of its tickets: what its connections share.
class ServerSettings {
 public:
  struct Options {
    CertificateKind certificate = CertificateKind::kValid;
    bool tls12 = true, tls13 = true;
    std::string tls12_ciphers = "DEFAULT";
    std::string groups = {};  // Of key exchange; empty: OpenSSL's.
    int dh_bits = 0;          // Its certificate is for RSA, and its own groups have so many; 0: as OpenSSL does.
    bool tickets = true;      // Without them it keeps sessions of TLS 1.2 itself.
    int ticket_bytes = 0;     // That its tickets have more than others.
    int chain_extra = 0;      // Certificates that it sends besides its own.
  };
  explicit ServerSettings(const Options& options);
  ~ServerSettings();
  ServerSettings(const ServerSettings&) = delete;
  ServerSettings& operator=(const ServerSettings&) = delete;

  static const std::string& Authority();  // PEM

 private:
  friend class MemoryServer;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// One connection.
class MemoryServer {
 public:
  explicit MemoryServer(ServerSettings& settings);
  ~MemoryServer();
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

  // Takes the client's bytes; returns the answer. What was decrypted is added to `plain`.
  std::string Receive(std::string_view bytes);
  std::string Send(std::string_view plain_text);
  std::string Close();
  std::string Renegotiate();  // TLS 1.2: HelloRequest.
  std::string UpdateKeys();   // TLS 1.3: KeyUpdate, and the client's is asked for.
  bool IsOpen() const;
  bool IsClosed() const;            // The client has said goodbye.
  std::string server_name() const;  // SNI
  std::string group() const;        // Of the key exchange.

  std::string plain;
  std::string error;  // Of the handshake, or later.

 private:
  std::string TakeOutput();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Collects what a channel writes.
class Collected final : public Channel::Output {
 public:
  void Write(std::string_view piece) override { bytes += piece; }
  std::string Take() { return std::exchange(bytes, {}); }
  std::string bytes;
};

}  // namespace tls::testing
