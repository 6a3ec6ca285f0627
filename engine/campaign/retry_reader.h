// The table [delivery.retry] of a campaign file: when its deferred recipients are tried again, where that is to be
// otherwise than sluice.toml says.
#pragma once

#include "engine/base/retry_intervals.h"
#include "engine/campaign/document.h"

namespace campaign {

base::RetryIntervals ReadRetry(Section retry);

}  // namespace campaign
