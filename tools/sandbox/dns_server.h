// Answers DNS questions about the fake internet, over UDP and TCP on the same port. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/io/clock.h"
#include "engine/io/io.h"
#include "engine/io/reactor.h"
#include "tools/sandbox/zone.h"

namespace sandbox {

class DnsServer final : public io::PollHandler, public io::AcceptHandler {
 public:
  // All outlive the server.
  DnsServer(io::Reactor& reactor, io::Clock& clock, Names& names, base::Duration ttl);
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer() override;

  // Port 0: any that is free for both. Errors: none is.
  absl::StatusOr<io::Endpoint> Listen(const io::Endpoint& local);
  std::uint64_t queries() const { return queries_; }

  void OnReady(int fd, bool readable, bool writable) override;
  io::StreamHandler* OnAccept(io::StreamId id, const io::Endpoint& peer, const io::Endpoint& local) override;

 private:
  class TcpClient;
  // The response to one message; "" is silence. Over UDP, what is longer than the client takes is truncated.
  std::string Respond(std::string_view query, bool udp);

  io::Reactor& reactor_;
  io::Clock& clock_;
  Names& names_;
  const base::Duration ttl_;
  int udp_ = -1;
  io::ListenerId tcp_ = io::ListenerId::kNone;
  std::uint64_t queries_ = 0;
  absl::flat_hash_map<io::StreamId, std::unique_ptr<TcpClient>> clients_;
};

}  // namespace sandbox
