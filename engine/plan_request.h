// What is to be planned, and what it may use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/delivery/source.h"
#include "engine/dkim/signing_key.h"
#include "engine/state_folder.h"

namespace engine {

struct PlanRequest {
  const campaign::Campaign* campaign = nullptr;
  const config::Config* config = nullptr;
  const config::Shaping* shaping = nullptr;
  const std::vector<delivery::Source>* sources = nullptr;
  const std::vector<dkim::SigningKey>* keys = nullptr;
  std::uint32_t shards = 1;
  StatePaths paths;  // Where the campaign's state lies, or would.
  std::string token_key_file;
  bool rehearsal = false;         // The state is that of a rehearsal.
  std::string scratch;            // An empty folder; the caller removes it.
  std::string host_state;         // What the host knows of receivers: <state_dir>/host. Empty: nothing.
  std::string source_names = {};  // As HostState has them.
  base::WallTime now;
  // To all receivers. None: those with the most messages for each connection are asked (receiver_probe.h), and the
  // others are taken to be kAssumedRoundTrip away.
  std::optional<base::Duration> round_trip;
  base::Log* log = nullptr;
  absl::FunctionRef<bool()> go_on;  // False stops.

  // When the campaign begins, or goes on.
  base::WallTime Begin() const { return std::max(now, campaign->delivery.start.value_or(now)); }
};

}  // namespace engine
