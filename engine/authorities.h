// Reads who may sign receivers' certificates.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/config/config.h"
#include "engine/io/disk.h"

namespace engine {

// As PEM: the configured file, else the system's; "" where there is neither. Errors (InvalidArgument): it is not good.
absl::StatusOr<std::string> LoadAuthorities(io::Disk& disk, const config::Config& config);

}  // namespace engine
