// TLS in the simulated world: a framing that people can read, both sides of it, and what goes wrong in handshakes.
//
//   client   HELLO <name> <ticket, or -> [fallback]
//   server   HELLO <the certificate's name> trusted|untrusted new|resumed <a ticket for the next time>
//   then     frames of <length in hex>:<bytes>, and BYE
//
// Each word ends with a space or the line. Anything else fails the channel.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "tests/sim/world.h"
#include "tls/channel.h"
#include "tools/sandbox/tls_server.h"

namespace sim {

// What follows the handshake, as bytes come in.
class SimFrames {
 public:
  enum class Result : std::uint8_t { kGoOn, kGoodbye, kBroken };
  // Takes the first line from the buffer. False: it is not whole yet.
  bool TakeLine(std::string& line);
  Result TakeFrames(std::string& plain);
  void Append(std::string_view bytes) { buffer_.append(bytes); }
  std::size_t size() const { return buffer_.size(); }
  static std::string Frame(std::string_view plain);

 private:
  std::string buffer_;
};

// What a client learned of a server in an earlier connection.
struct SimTicket {
  std::string number;
  bool good = false;  // The certificate, as it was shown then.
};

class SimChannelFactory final : public tls::ChannelFactory {
 public:
  std::unique_ptr<tls::Channel> MakeClient(const Peer& peer) override;

  // The cipher's name tells the checkers under which policy the channel was made, and what the server showed.
  static std::string CipherOf(const tls::Policy& policy, bool good);

 private:
  friend class SimChannel;
  std::map<std::pair<std::string, tls::Policy>, SimTicket> tickets_;  // By host and policy.
};

class SimTlsServer final : public sandbox::TlsServer {
 public:
  // `fault_share` of the handshakes go wrong: refused, garbled, silent, cut, untrusted or for another name.
  SimTlsServer(World& world, double fault_share) : world_(world), fault_share_(fault_share) {}
  std::unique_ptr<sandbox::TlsSession> Accept(const sandbox::TlsProfile& profile) override;
  double fault_share() const { return fault_share_; }

 private:
  friend class SimTlsSession;
  World& world_;
  const double fault_share_;
  std::set<std::string> tickets_;  // Given out.
};

}  // namespace sim
