// One simulated program from a seed: the shipped shards, router, sessions, journal and recovery, with one campaign or
// several that share their limits, on a simulated clock, network, DNS and disk, against the sandbox's mail exchangers;
// with crashes, hang-ups, refusals and silence, mail exchangers that move, and shaping files and MTA-STS policies that
// change. At the end
// the checkers compare what the ledgers say with what the exchangers saw; all the time they watch that no limit is
// exceeded, and nothing goes where it must not.
#pragma once

#include <cstdint>
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
  std::uint64_t campaigns = 0, recipients = 0;
  std::uint64_t delivered = 0, bounced = 0, in_doubt = 0, expired = 0, pending = 0;
  std::uint64_t encrypted = 0;            // Messages that were accepted under TLS.
  std::uint64_t resumed = 0;              // Handshakes.
  std::uint64_t moved = 0;                // Recipients named elsewhere than their domain's first ones.
  std::uint64_t enforced = 0;             // Recipients named while an MTA-STS policy was enforced.
  std::uint64_t at_limit = 0;             // Connections that were the last one allowed…
  std::uint64_t at_limit_over_sites = 0;  // …by a limit of several sites, while more than one had some.
  std::uint64_t at_rate = 0;              // Messages and connections that were the last one a rate allowed.
  std::uint64_t at_source_limit = 0;      // Connections and messages that were the last one allowed of their source…
  std::uint64_t source_changes = 0;       // …and programs where that was another than before.
  std::uint64_t changes = 0;              // Of the shaping files.
  std::uint64_t rules_fired = 0;          // Automation rules.
  std::uint64_t unheard = 0;              // Refusals that fit one, and may have been lost with their connection.
  std::uint64_t days_used_up = 0;         // Of warm-ups.
  std::uint32_t crashes = 0;
  std::string end;  // "finished", "paused", "time is over"
};

Findings Simulate(const Settings& settings);

}  // namespace sim
