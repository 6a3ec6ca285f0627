// Rehearsals: the configuration for a sandbox that runs.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/config/config.h"
#include "engine/io/disk.h"

namespace tools {

// The name that the sender gives itself in a rehearsal, where the configuration has none.
inline constexpr std::string_view kRehearsalEhlo = "sluice.sandbox.test";

// `ready_file`: what `sluice sandbox --ready-file` wrote. Errors (InvalidArgument): it is something else.
absl::Status UseSandboxAt(const std::string& ready_file, io::Disk& disk, config::Config& config);

}  // namespace tools
