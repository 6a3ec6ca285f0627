// The receiving side of a simulated world: the sandbox's mail exchangers with a random personality, their names, and
// their TLS.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "engine/io/timer_wheel.h"
#include "tests/sim/network.h"
#include "tests/sim/resolver.h"
#include "tests/sim/sim_tls.h"
#include "tests/sim/simulated_campaign.h"
#include "tests/sim/tls_checks.h"
#include "tests/sim/world.h"
#include "tools/sandbox/exchanger.h"

namespace sim {

class ReceivingSide {
 public:
  // Draws what it is like, and starts it. Both outlive it.
  ReceivingSide(World& world, Network& network, const Network::Options& network_options);

  sandbox::Exchanger& exchanger() { return *exchanger_; }
  const sandbox::Personality& personality() const { return *personality_; }
  sandbox::Zone& zone() { return *zone_; }
  std::uint16_t port() const { return port_; }
  TlsChecks::Host HostOf(std::size_t provider) const {
    return TlsChecks::HostOf(personality_->providers[provider], tls_server_ != nullptr, tls_fails_);
  }
  std::map<std::string, SimulatedCampaign::Seen> Seen(io::Disk& disk) const;  // By recipient.

 private:
  void ServeTurn();
  void WantServeTurn(base::Instant at);

  World& world_;
  std::unique_ptr<sandbox::Personality> personality_;
  std::unique_ptr<sandbox::Zone> zone_;
  WorldClock clock_;
  SimIo io_;
  io::TimerWheel timers_;
  std::unique_ptr<SimTlsServer> tls_server_;  // Null: nobody offers STARTTLS.
  bool tls_fails_ = false;                    // Now and then, everywhere.
  std::unique_ptr<sandbox::Exchanger> exchanger_;
  base::Instant serve_at_ = base::Instant::Never();
  std::uint16_t port_ = 0;
};

}  // namespace sim
