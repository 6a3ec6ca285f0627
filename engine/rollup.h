// Which domains share the mail exchangers of the blocks ["domain"] of shaping files: such a block holds for all of
// them.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"

namespace engine {

// Looks the mail exchangers up, and waits for a few seconds at most, while `go_on` says so (about ten times a second).
// Where there is no answer, what was known before stays; the warning that is returned names these domains. Where
// everything goes to a smarthost there is nothing to ask.
std::string LookUpRollups(
    const config::Config& config, config::Shaping& shaping, absl::FunctionRef<bool()> go_on = [] { return true; });

}  // namespace engine
