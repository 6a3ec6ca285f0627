// The shaping file that is read before all others.
#pragma once

#include <string_view>

namespace config {

// TOML: what holds where no file says anything, and the large mailbox providers, by the names of their mail exchangers,
// with what they are known to take. Of KumoMTA's shaping.toml and of the providers' own pages.
std::string_view BuiltinShaping();

}  // namespace config
