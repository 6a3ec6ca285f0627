// What a campaign that runs takes up without being started again: suppression lists and shaping files that change, and
// DKIM records that vanish.
#pragma once

#include "engine/campaign_run.h"
#include "engine/run_options.h"
#include "engine/suppression_watch.h"

namespace engine {

// Everything outlives the engine.
void AddWatches(const RunRequest& request, const SendingMeans& means, SuppressionWatch& suppression, base::Log& log,
                EngineOptions& options);

}  // namespace engine
