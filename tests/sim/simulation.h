// One simulated campaign from a seed: the shipped shards, router, sessions, journal and recovery, on a simulated clock,
// network, DNS and disk, against the sandbox's mail exchangers; with crashes, hang-ups, refusals and silence. At the
// end the checkers compare what the ledger says with what the exchangers saw.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/delivery/planted_bugs.h"

namespace sim {

struct Settings {
  std::uint64_t seed = 0;
  delivery::PlantedBugs bugs;
};

struct Findings {
  std::vector<std::string> violations;  // Empty: everything held.
  std::uint64_t trace = 0;              // The same for the same seed, in every process.
  std::uint64_t recipients = 0, delivered = 0, bounced = 0, in_doubt = 0, expired = 0, pending = 0;
  std::uint64_t encrypted = 0;  // Messages that were accepted under TLS.
  std::uint64_t resumed = 0;    // Handshakes.
  std::uint32_t crashes = 0;
  std::string end;  // "finished", "paused", "time is over"
};

Findings Simulate(const Settings& settings);

}  // namespace sim
