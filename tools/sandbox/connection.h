// Accepted SMTP connections on the reactor: each has a session, and a delay line for its replies. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"
#include "engine/io/io.h"
#include "engine/io/timer_wheel.h"
#include "tools/sandbox/smtp_server.h"
#include "tools/sandbox/tls_server.h"

namespace sandbox {

// What connections need of their thread.
struct Loop {
  io::Io& io;
  io::TimerWheel& wheel;
  io::Clock&
      clock;  // Read anew for each event, so that replies are neither early nor late by what the loop was busy with.
};

// What goes wrong when a client wants TLS.
enum class TlsFault : std::uint8_t {
  kNone,
  kReset,    // Its first bytes are answered with a reset connection…
  kGarbage,  // …with bytes that are no TLS.
};

// How one connection behaves. What it points to outlives it.
struct ConnectionPlan {
  const ServerOptions* server = nullptr;
  std::unique_ptr<ServerHandler> handler;
  base::Duration reply_delay;  // From the receipt of bytes to the replies they cause.
  TlsServer* tls = nullptr;    // Null: there is no TLS.
  const TlsProfile* tls_profile = nullptr;
  TlsFault tls_fault = TlsFault::kNone;
  bool implicit_tls = false;  // From the first byte, without STARTTLS.
};

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual ConnectionPlan OnConnection(const io::Endpoint& peer, const io::Endpoint& local) = 0;
  // The connection has ended; `handler` is what its plan held and is destroyed afterwards.
  virtual void OnConnectionEnd(ServerHandler& handler) = 0;
  // Bytes were read from some connection.
  virtual void OnBytes(std::uint64_t count) = 0;
  // A TLS handshake is done; a client that gives up before is none.
  virtual void OnHandshake(ServerHandler& handler, const TlsInfo& info) = 0;
};

// Listens, and keeps the connections. A client that says nothing for five minutes is told 421 (RFC 5321 §4.5.3.2.7).
class ConnectionSet final : public io::AcceptHandler {
 public:
  // Both outlive the set.
  ConnectionSet(const Loop& loop, ConnectionOwner& owner);
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;
  ~ConnectionSet() override;  // Closes listeners and connections.

  // Errors: the address cannot be used. Returns the port that the kernel chose, where 0 was asked for.
  absl::StatusOr<io::Endpoint> Listen(const io::Endpoint& local);
  void StopListening();
  std::size_t open() const { return connections_.size(); }

  io::StreamHandler* OnAccept(io::StreamId id, const io::Endpoint& peer, const io::Endpoint& local) override;

 private:
  class Connection;
  void Retire(io::StreamId id);  // Its object goes with the next event or timer, as it may be at work now.

  const Loop loop_;
  ConnectionOwner& owner_;
  std::vector<io::ListenerId> listeners_;
  absl::flat_hash_map<io::StreamId, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> retired_;
};

}  // namespace sandbox
