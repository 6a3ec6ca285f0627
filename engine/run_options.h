// What the configuration says of a run, as the engine wants it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/delivery/retry_plan.h"
#include "engine/delivery/source.h"
#include "engine/dkim/signing_key.h"
#include "engine/engine.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"

namespace engine {

// What it takes to send a campaign, apart from its own files.
struct SendingMeans {
  std::string authorities;             // Who may sign receivers' certificates, PEM.
  std::vector<dkim::SigningKey> keys;  // Those that sign.
  std::vector<delivery::Source> sources;
};
// `check` and `send` ask here, the latter before anything is prepared. Errors: InvalidArgument, FailedPrecondition,
// what is wrong in the configuration or the files that it names.
absl::StatusOr<SendingMeans> LoadMeans(io::Disk& disk, const config::Config& config, const campaign::Campaign& campaign,
                                       std::string_view host_name, base::Log& log);
// What `sluice resume` has to take away, as the ledger has it.
std::vector<delivery::PauseReason> PausesOf(const ledger::CampaignFacts& facts);
// When deferred recipients of the campaign come back: as its file says, else the configuration.
delivery::RetryPlan RetryPlanOf(const config::Config& config, const campaign::Campaign& campaign);
// The engine's part of the configuration, and what held the campaign when it last stopped.
EngineOptions EngineOptionsOf(const config::Config& config, const ledger::CampaignFacts& facts);

}  // namespace engine
