// What a plan tries on this machine: how long its messages and its disk take.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/config/config.h"
#include "engine/dkim/signing_key.h"
#include "engine/io/disk.h"
#include "engine/plan_model.h"
#include "engine/roster/roster.h"

namespace engine {

// Renders and signs some of the messages, but what TLS, SMTP, the ledger and the kernel take of a message is what it is
// on the machine of bench/README.md.
absl::StatusOr<MessageCost> MeasureMessages(const roster::Roster& roster, const std::vector<dkim::SigningKey>& keys,
                                            const config::Config& config, base::Log& log);
// How long an attempt takes to be durable. Leaves a file "commits" in the folder.
absl::StatusOr<base::Duration> MeasureCommit(io::Disk& disk, const std::string& folder);

}  // namespace engine
