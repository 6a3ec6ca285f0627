// Message rates of providers, drawn for a simulated campaign, and what the receivers see of them: over all shards and
// through crashes, never more than the rate allows and the path can bunch together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "engine/base/prng.h"
#include "engine/base/time.h"
#include "engine/delivery/rate_gate.h"
#include "tools/sandbox/personality.h"

namespace sim {

class LimitChecks {
 public:
  explicit LimitChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Draws rates for some of the providers, whose mail exchangers are named mx1.pN.example and the like. Returns the
  // lines of the shaping file.
  std::string Draw(base::Prng& prng, const sandbox::Personality& personality);
  // A server of the provider with this number heard of a recipient.
  void OnRecipient(std::size_t provider, base::Instant now);
  bool empty() const { return gates_.empty(); }

 private:
  const std::function<void(std::string)> report_;
  std::map<std::size_t, delivery::RateGate> gates_;
};

}  // namespace sim
