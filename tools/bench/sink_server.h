// What a benchmark sends to: the DNS of all its domains, and one SMTP server behind them that takes everything and
// counts. Sites are names only: all of them are this server. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "engine/base/ip_address.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/dns_server.h"
#include "tools/sandbox/message_check.h"
#include "tools/sandbox/openssl_tls.h"
#include "tools/sandbox/sink.h"

namespace bench {

struct SinkSettings {
  bool tls = false;
  base::Duration rtt;  // Of every reply, and of every step of a TLS handshake.
  std::uint32_t sites = 1;
  std::uint64_t check_every = 100;  // Each so many'th message is verified as a receiver would.
  std::string dkim_name;            // Where the key is that signs; "": messages are not signed…
  std::string dkim_record;          // …and its record.
  // Somebody's server, for every domain; then there is no SMTP server here.
  std::optional<base::IpAddress> target = std::nullopt;
};

// d17.bench.example is served by mx.s7.bench.example where there are 10 sites; with a target every domain is by it.
class SiteNames final : public sandbox::Names {
 public:
  SiteNames(std::uint32_t sites, const std::optional<base::IpAddress>& target) : sites_(sites), target_(target) {}
  sandbox::ZoneAnswer Resolve(std::string_view name, std::uint16_t type, base::Instant now) override;

 private:
  const std::uint32_t sites_;
  const std::optional<base::IpAddress> target_;
};

class SinkServer {
 public:
  // All outlive the server.
  SinkServer(io::Reactor& reactor, io::TimerWheel& wheel, io::Clock& clock, io::Disk& disk, base::Log& log,
             const SinkSettings& settings);

  // Errors: no port is free; TLS cannot be set up.
  absl::Status Start();
  std::string ReadyJson() const;  // {"dns":"127.0.0.1:PORT","smtp_port":PORT,"flood_port":PORT}
  std::string TotalsJson()
      const;  // As the sink's, with "encrypted" and what became of the messages that were verified.

 private:
  void Check(std::string_view content, const sandbox::Transaction& transaction);
  absl::StatusOr<io::Endpoint> StartFloodSink(const io::Endpoint& local);

  io::Reactor& reactor_;
  io::TimerWheel& wheel_;
  io::Clock& clock_;
  io::Disk& disk_;
  base::Log& log_;
  const SinkSettings settings_;
  SiteNames names_;
  sandbox::DnsServer dns_;
  sandbox::MessageCheck check_;
  std::uint64_t checked_ = 0, encrypted_ = 0;  // Encrypted among the checked.
  std::unique_ptr<sandbox::CertificateAuthority> authority_;
  std::unique_ptr<sandbox::OpenSslServer> tls_;  // Null: there is no TLS.
  std::unique_ptr<sandbox::Sink> sink_;          // Null before Start.
  // The same without a round trip, and with counts of its own, for whoever measures what a sink can take (flood.h).
  sandbox::MessageCheck flood_check_;
  std::unique_ptr<sandbox::Sink> flood_sink_;
  io::Endpoint dns_at_, smtp_at_, flood_at_;
};

}  // namespace bench
