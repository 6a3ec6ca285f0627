// Test sends: the message of one row, as its recipient would get it, to another address. Each has a token and a state
// of its own, so that the campaign knows nothing of it, before its start or after.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/campaign_run.h"
#include "engine/engine.h"
#include "engine/io/disk.h"
#include "engine/state_folder.h"

namespace engine {

// Turns `request` into that of a test send below `request.paths.root`: `test` and `paths` are filled in. The token key
// is made where there is none. Errors: the key cannot be read; `recipient` is no address (OutOfRange).
absl::Status MakeTestSend(io::Disk& disk, std::uint64_t row, const std::string& recipient, RunRequest& request);

// How a run of one ended, for people: what became of the message, with the server's words. Requires: the journal was
// closed.
RunOutcome ConcludeTest(io::Disk& disk, const StartedCampaign& started, const RunResult& result);

}  // namespace engine
