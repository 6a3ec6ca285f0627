// Limits of a source over all receivers ([sources.NAME]), as the receivers together see them: over sites, providers,
// shards, campaigns and restarts never more connections open from it than it may have, and in no time more messages
// than its rate allows. What it may is drawn, anew for some of the programs that follow a crash, and changes with them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/prng.h"
#include "engine/base/time.h"
#include "engine/delivery/source.h"
#include "tests/sim/rate_count.h"
#include "tests/sim/simulation.h"

namespace sim {

class SourceChecks {
 public:
  // Its chance is its own: other parts of the world are the same with and without limits.
  SourceChecks(std::uint64_t seed, std::function<void(std::string violation)> report);

  // Before a program starts: the sources, with what holds of them from now on.
  std::vector<delivery::Source> Draw(std::vector<delivery::Source> sources, base::Instant now);
  // Of any campaign, at any receiver.
  void OnRecipient(const base::IpAddress& client, base::Instant now);
  void OnConnection(const base::IpAddress& client, bool begins, base::Instant now);
  void Tell(Findings& findings) const;

 private:
  struct Known {
    config::SourceLimits limits;
    RateHistory rate;
    Arrivals arrivals;
    std::uint32_t open = 0;
  };
  config::SourceLimits DrawLimits();
  // Null: none that is limited has it.
  Known* KnownOf(const base::IpAddress& client);
  void Report(std::string_view what, const base::IpAddress& client, base::Instant now) const;

  const std::function<void(std::string)> report_;
  base::Prng prng_;
  const bool draws_;
  std::map<std::string, Known> known_;  // By address; "": of those that have none of their own.
  std::uint64_t reached_ = 0, changes_ = 0;
};

}  // namespace sim
