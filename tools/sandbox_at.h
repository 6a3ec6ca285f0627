// Rehearsals: the configuration for a sandbox that runs.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "engine/config/config.h"
#include "engine/io/disk.h"

namespace tools {

// `ready_file`: what `sluice sandbox --ready-file` wrote. Errors (InvalidArgument): it is something else.
absl::Status UseSandboxAt(const std::string& ready_file, io::Disk& disk, config::Config& config);

}  // namespace tools
