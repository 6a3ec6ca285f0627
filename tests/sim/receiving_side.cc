#include "tests/sim/receiving_side.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "nlohmann/json.hpp"
#include "tests/sim/random_personality.h"

namespace sim {

ReceivingSide::ReceivingSide(World& world, Network& network, const Network::Options& network_options)
    : world_(world), clock_(world), io_(network), timers_(world.now()) {
  base::Prng& prng = world_.prng();
  absl::StatusOr<sandbox::Personality> personality = sandbox::ParsePersonality(RandomPersonality(prng), "personality");
  CHECK(personality.ok());
  personality_ = std::make_unique<sandbox::Personality>(*std::move(personality));
  zone_ = std::make_unique<sandbox::Zone>(*personality_);
  io_.SetAfterEvent([this] { WantServeTurn(timers_.NextAt()); });
  if (prng.Chance(0.7)) tls_server_ = std::make_unique<SimTlsServer>(world_, prng.Chance(0.4) ? 0.2 : 0);
  const bool tampered = prng.Chance(0.3);
  if (tampered) {  // Somebody slips a reply in, behind the one to STARTTLS.
    network.SetTamper([this](std::string& bytes) {
      if (bytes.ends_with("Ready to start TLS\r\n") && world_.prng().Chance(0.1)) bytes += "250 2.0.0 Hello\r\n";
    });
  }
  exchanger_ = std::make_unique<sandbox::Exchanger>(sandbox::Loop{io_, timers_, clock_}, *personality_, *zone_,
                                                    tls_server_.get());
  tls_fails_ =
      tampered || network_options.reset_share > 0 || (tls_server_ != nullptr && tls_server_->fault_share() > 0);
  const absl::StatusOr<std::uint16_t> port = exchanger_->Listen();
  CHECK(port.ok());
  port_ = *port;
  WantServeTurn(timers_.NextAt());
}

void ReceivingSide::WantServeTurn(base::Instant at) {
  if (at.IsNever() || serve_at_ <= at) return;
  serve_at_ = at;
  world_.At(at, [this, at] {
    if (serve_at_ != at) return;
    serve_at_ = base::Instant::Never();
    ServeTurn();
  });
}

void ReceivingSide::ServeTurn() {
  timers_.Advance(world_.now());
  WantServeTurn(std::max(timers_.NextAt(), world_.now() + base::Duration::Microseconds(100)));
}

std::map<std::string, SimulatedCampaign::Seen> ReceivingSide::Seen(io::Disk& disk) const {
  CHECK(exchanger_->oracle().Write(disk, "/oracle.ndjson").ok());
  absl::StatusOr<std::string> text = io::ReadFile(disk, "/oracle.ndjson", 1u << 26);
  CHECK(text.ok());
  std::map<std::string, SimulatedCampaign::Seen> seen;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const nlohmann::json row = nlohmann::json::parse(line);
    seen[row.at("address")] = {row.at("accepted"), row.at("accepted_silent")};
  }
  return seen;
}

}  // namespace sim
