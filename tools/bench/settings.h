// One benchmark, fully said: the scenario and everything around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/time.h"
#include "engine/config/config.h"
#include "tools/bench/scenario.h"
#include "tools/bench/target.h"

namespace bench {

struct Settings {
  Scenario scenario;
  std::uint64_t body_bytes = 10'000;
  base::Duration seconds = base::Duration::Seconds(5);  // Measured, after the warm-up.
  std::uint64_t recipients = 0;                         // 0: enough for `seconds`; else all of them are measured.
  std::uint32_t connections = 256;                      // At most, over all sites.
  std::uint64_t domains = 0;                            // 0: one for each site.
  config::IoChoice io = config::IoChoice::kAuto;
  std::optional<Target> target;  // None: a sink of its own.
  bool pinned = true;            // Sender and sink have cores of their own, where there are enough.

  bool is_timed() const { return recipients == 0; }
  std::uint32_t SitesInUse() const;
  std::uint64_t DomainsInUse() const;
  std::uint32_t ConnectionsOfFirstSite() const;  // Its part, by its recipients.
  std::uint32_t ConnectionsPerSite() const;      // Of each other.
  std::uint32_t ConnectionsInUse() const;        // Open at once, over all sites: as many as can be divided among them.
  // What all connections could deliver with one message in each round trip; nullopt: there is no round trip.
  std::optional<double> RoundTripsPerSecond() const;
  // Before the measured time, from the first delivery on: connections open, and the windows of the sites grow.
  base::Duration WarmUp() const;
  // Of the flood that finds out what the sink can take: half a second; less where little else is measured.
  base::Duration FloodTime() const;
  std::uint32_t FloodConnections() const;  // As many as there are, of 32 to 256.
  // The recipients to prepare: more than can be delivered in the time.
  std::uint64_t RecipientsToPrepare() const;
};

}  // namespace bench
