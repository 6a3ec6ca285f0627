// The integrity of a whole ledger: every frame, and that no record contradicts those before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"

namespace ledger {

struct Verification {
  std::uint64_t records = 0;
  std::uint64_t attempts = 0;
  std::uint64_t outcomes = 0;
  std::uint64_t open_attempts = 0;    // At the end: in flight, or in doubt from a crash.
  std::vector<std::string> findings;  // One line each; at most 100.
};

// `table`: all zero; afterwards, what is true of each recipient. `live`: somebody may be writing.
absl::StatusOr<Verification> Verify(io::Disk& disk, const std::string& directory, std::uint64_t campaign_hash,
                                    StateTable& table, bool live);

}  // namespace ledger
