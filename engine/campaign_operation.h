// What an operator does to a campaign from another terminal: pause, resume, cancel. Here on the ledger itself, while no
// engine runs on it; control_desk.h is for one that does.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/delivery/pause.h"
#include "engine/io/disk.h"
#include "engine/ledger/journal.h"
#include "engine/state_folder.h"

namespace engine {

enum class Operation : std::uint8_t { kPause, kResume, kCancel };

struct OperationOrder {
  Operation operation = Operation::kPause;
  delivery::PauseScope scope;  // kPause
  std::string reason;          // kPause, for people.
};

struct OperationOutcome {
  int exit_code = 0;
  absl::Status problem;  // To be told, where it is not OK.
  std::string state;     // The campaign's, as in reports.
  bool changed = false;
  std::string line;  // One line that says how it went.
};

// How an operator's pause is written down.
delivery::PauseReason PauseReasonOf(const OperationOrder& order);
OperationOutcome OutcomeOfPause(const StatePaths& paths, const OperationOrder& order, const std::string& state);

// A ledger that no engine runs on.
struct IdleLedger {
  ledger::Journal& journal;
  bool is_started = false;  // The journal; else it is started and closed where there is something to write down.
  const StatePaths& paths;
};
// Durable when it returns.
OperationOutcome OperateOn(const IdleLedger& idle, const OperationOrder& order, base::WallTime now);

// Requires: nobody works on the campaign, or no longer than for `patience` (else Unavailable, and who does). Durable
// when it returns.
OperationOutcome Operate(io::Disk& disk, const StartedCampaign& started, const OperationOrder& order,
                         base::WallTime now, base::Duration patience);

// Cancels a campaign in its ledger: whoever is pending becomes cancelled, and a message that was in flight is in doubt.
// Goes on with a cancellation that was cut off. `cancelled`: how many were pending.
absl::Status CancelPending(ledger::Journal& journal, base::WallTime now, std::uint64_t& cancelled);

}  // namespace engine
