// Reads [[dkim."DOMAIN"]] of sluice.toml.
#pragma once

#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "engine/config/dkim_keys.h"
#include "engine/config/toml_section.h"

namespace config {

// Reads the table "dkim". Relative key files are relative to `folder`.
std::vector<DkimKey> ReadDkimKeys(const toml::table& table, std::string_view folder, Problems& problems);

}  // namespace config
