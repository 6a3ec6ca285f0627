// What a plan tries on this machine: how long its signatures and its disk take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/config/config.h"
#include "engine/dkim/signing_key.h"
#include "engine/io/disk.h"

namespace engine {

// Messages per second on so many cores, each with the signatures of all keys.
absl::StatusOr<double> MeasureSignatures(const std::vector<dkim::SigningKey>& keys, const config::Config& config,
                                         std::uint32_t shards, base::Log& log);
// How long an attempt takes to be durable. Leaves a file "commits" in the folder.
absl::StatusOr<base::Duration> MeasureCommit(io::Disk& disk, const std::string& folder);

}  // namespace engine
