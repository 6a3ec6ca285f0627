// What the configuration says of a run, as the engine wants it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/config/config.h"
#include "engine/delivery/source.h"
#include "engine/engine.h"
#include "engine/ledger/state.h"

namespace engine {

// The sources of a pool; an empty name: all there are. Errors: InvalidArgument, there is no such pool.
absl::StatusOr<std::vector<delivery::Source>> SourcesOf(const config::Config& config, std::string_view pool,
                                                        std::string_view host_name);
// Errors: InvalidArgument, `[suppression] learn` names something that is no class of bounces.
absl::Status CheckLearnedClasses(const config::Config& config);
// What `sluice resume` has to take away, as the ledger has it.
std::vector<delivery::PauseReason> PausesOf(const ledger::CampaignFacts& facts);
// The engine's part of the configuration, and what held the campaign when it last stopped.
EngineOptions EngineOptionsOf(const config::Config& config, const ledger::CampaignFacts& facts);

}  // namespace engine
