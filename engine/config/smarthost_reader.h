// The [smarthost] table of sluice.toml.
#pragma once

#include <string>

#include <toml++/toml.h>

#include "engine/config/config.h"
#include "engine/config/toml_section.h"

namespace config {

// `folder`: what a relative path in it is relative to. What it returns is good where there are no problems.
SmarthostConfig ReadSmarthost(const toml::table& table, const std::string& folder, Problems& problems);

}  // namespace config
