// The table [retry] of sluice.toml: when deferred recipients are tried again.
#pragma once

#include <toml++/toml.h>

#include "engine/base/retry_intervals.h"
#include "engine/config/toml_section.h"

namespace config {

// What is wrong goes to `problems`.
base::RetryIntervals ReadRetry(const toml::table& table, Problems& problems);

}  // namespace config
