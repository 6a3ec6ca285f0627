// Writes chosen rows of a roster as a new recipients file.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/roster/roster.h"

namespace roster {

// The rows of the recipients that `chosen` says, in the order of the roster: for a CSV its header and the columns as
// they were (RFC 4180), for NDJSON the lines. `write` gets the text piece by piece. Errors: DataLoss.
absl::Status WriteRows(const Roster& roster, absl::FunctionRef<bool(std::uint64_t id)> chosen,
                       absl::FunctionRef<void(std::string_view text)> write);

}  // namespace roster
