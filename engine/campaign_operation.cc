#include "engine/campaign_operation.h"

#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_format.h"
#include "engine/base/terminal_text.h"
#include "engine/campaign_run.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/recovery.h"
#include "engine/open_ledger.h"
#include "engine/report/summary.h"

namespace engine {
namespace {

constexpr std::uint64_t kCancelledAtOnce = 4096;  // Records of one commit.

std::string StateOf(const IdleLedger& idle) {
  const std::uint64_t pending = CountPending(idle.journal.table());
  return std::string(report::StateName(idle.journal.facts(), pending, /*running=*/false));
}

absl::Status Write(const IdleLedger& idle, absl::FunctionRef<absl::Status()> write) {
  absl::Status status = idle.is_started ? absl::OkStatus() : idle.journal.Start();
  if (status.ok()) status = write();
  if (!status.ok()) return status;
  return idle.is_started ? idle.journal.Confirm() : idle.journal.Close();
}

absl::Status Commit(const IdleLedger& idle, const ledger::RecordBatch& batch) {
  const ledger::RecordBatch* batches[] = {&batch};
  return Write(idle, [&] { return idle.journal.Commit(batches); });
}

OperationOutcome Problem(absl::Status status) {
  OperationOutcome outcome;
  outcome.exit_code = kExitFailure;
  outcome.problem = std::move(status);
  return outcome;
}

OperationOutcome Unchanged(std::string state, std::string line) {
  OperationOutcome outcome;
  outcome.state = std::move(state);
  outcome.line = std::move(line);
  return outcome;
}

OperationOutcome Pause(const IdleLedger& idle, const OperationOrder& order, base::WallTime now) {
  const delivery::PauseReason pause = PauseReasonOf(order);
  const std::string scope = pause.scope.ToString();
  if (idle.journal.facts().pauses.count(scope) > 0)
    return Unchanged(StateOf(idle), absl::StrFormat("%s: paused already (%s)", idle.paths.id, scope));
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kPaused,
                                  .time = now,
                                  .scope = scope,
                                  .by = pause.by,
                                  .reason = pause.reason,
                                  .sample = ""});
  if (absl::Status status = Commit(idle, batch); !status.ok()) return Problem(status);
  return OutcomeOfPause(idle.paths, order, StateOf(idle));
}

OperationOutcome Resume(const IdleLedger& idle, base::WallTime now) {
  const ledger::CampaignFacts& facts = idle.journal.facts();
  if (facts.pauses.empty() && facts.suspensions.empty())
    return Unchanged(StateOf(idle), idle.paths.id + ": not paused");
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kResumed,
                                  .time = now,
                                  .scope = ledger::kWholeCampaign,
                                  .by = "operator",
                                  .reason = "",
                                  .sample = ""});
  for (const auto& [key, suspension] : facts.suspensions) {
    batch.Add(ledger::SiteState{.time = now,
                                .site = key.site,
                                .source = key.source,
                                .until = base::WallTime(),
                                .reason = "resumed",
                                .sample = "",
                                .scope = key.scope});
  }
  if (absl::Status status = Commit(idle, batch); !status.ok()) return Problem(status);
  const std::string then = idle.is_started ? "it goes on" : "to go on: sluice send CAMPAIGN_FILE" + idle.paths.option;
  OperationOutcome outcome =
      Unchanged(StateOf(idle), absl::StrFormat("%s: nothing is paused or suspended any more; %s", idle.paths.id, then));
  outcome.changed = true;
  return outcome;
}

OperationOutcome Cancel(const IdleLedger& idle, base::WallTime now) {
  std::uint64_t cancelled = 0;
  const absl::Status status = Write(idle, [&] { return CancelPending(idle.journal, now, cancelled); });
  if (!status.ok()) return Problem(status);
  OperationOutcome outcome =
      Unchanged(StateOf(idle),
                absl::StrFormat("%s: cancelled; nothing is sent to %d who were pending", idle.paths.id, cancelled));
  outcome.changed = true;
  return outcome;
}

}  // namespace

delivery::PauseReason PauseReasonOf(const OperationOrder& order) {
  delivery::PauseReason pause;
  pause.by = "operator";
  pause.reason = order.operation == Operation::kCancel ? "cancelled by the operator" : base::Harmless(order.reason);
  if (pause.reason.empty()) pause.reason = "paused by the operator";
  pause.scope = order.scope;
  pause.cancels = order.operation == Operation::kCancel;
  return pause;
}

OperationOutcome OutcomeOfPause(const StatePaths& paths, const OperationOrder& order, const std::string& state) {
  OperationOutcome outcome;
  outcome.state = state;
  outcome.changed = true;
  const std::string what = order.scope.IsCampaign() ? "paused" : order.scope.ToString() + " is paused";
  outcome.line = absl::StrFormat("%s: %s; to go on: sluice resume %s", paths.id, what, paths.Named());
  return outcome;
}

absl::Status CancelPending(ledger::Journal& journal, base::WallTime now, std::uint64_t& cancelled) {
  ledger::RecordBatch first;
  ledger::ConcludeOpenAttempts(journal.table(), now, /*resend=*/false, first);
  if (journal.facts().kind != ledger::CampaignStateKind::kCancelled) {
    first.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kCancelled,
                                    .time = now,
                                    .scope = ledger::kWholeCampaign,
                                    .by = "operator",
                                    .reason = "cancelled by the operator",
                                    .sample = ""});
  }
  const auto commit = [&journal](const ledger::RecordBatch& batch) {
    const ledger::RecordBatch* batches[] = {&batch};
    return batch.empty() ? absl::OkStatus() : journal.Commit(batches);
  };
  if (absl::Status status = commit(first); !status.ok()) return status;
  const std::uint64_t recipients = journal.table().size();
  for (ledger::RecipientId next = 0; next < recipients;) {
    ledger::RecordBatch batch;
    for (std::uint64_t records = 0; next < recipients && records < kCancelledAtOnce; ++next) {
      const ledger::RecipientEntry& entry = journal.table()[next];
      if (ledger::IsFinal(entry.state)) continue;
      ledger::Outcome outcome;
      outcome.recipient = next;
      outcome.kind = ledger::OutcomeKind::kCancelled;
      outcome.number = entry.attempts;
      outcome.time = now;
      batch.Add(outcome);
      ++records;
      ++cancelled;
    }
    if (absl::Status status = commit(batch); !status.ok()) return status;
  }
  return absl::OkStatus();
}

OperationOutcome OperateOn(const IdleLedger& idle, const OperationOrder& order, base::WallTime now) {
  const std::string& id = idle.paths.id;
  const bool over = CountPending(idle.journal.table()) == 0;
  if (idle.journal.facts().kind == ledger::CampaignStateKind::kCancelled) {
    if (order.operation == Operation::kResume) {
      OperationOutcome refused = Problem(absl::InvalidArgumentError(id + " was cancelled, and is not resumed"));
      refused.exit_code = kExitInvalid;
      return refused;
    }
    if (over || order.operation == Operation::kPause) return Unchanged(StateOf(idle), id + ": cancelled already");
  } else if (over) {
    return Unchanged(StateOf(idle), id + ": finished; nobody is pending");
  }
  switch (order.operation) {
    case Operation::kPause:
      return Pause(idle, order, now);
    case Operation::kResume:
      return Resume(idle, now);
    case Operation::kCancel:
      return Cancel(idle, now);
  }
  return Unchanged(StateOf(idle), id);
}

OperationOutcome Operate(io::Disk& disk, const StartedCampaign& started, const OperationOrder& order,
                         base::WallTime now, base::Duration patience) {
  const absl::StatusOr<std::unique_ptr<io::FileLock>> lock = io::FileLock::Take(started.paths.lock(), patience);
  if (!lock.ok()) return Problem(lock.status());
  // A pause is one record; a cancellation is one for each who is pending.
  const std::uint64_t segment_bytes =
      order.operation == Operation::kCancel ? SegmentBytesFor(started.roster->recipients()) : 1u << 20;
  const absl::StatusOr<OpenedLedger> opened = OpenLedger(disk, started, segment_bytes);
  if (!opened.ok()) return Problem(opened.status());
  return OperateOn({.journal = *opened->journal, .is_started = false, .paths = started.paths}, order, now);
}

}  // namespace engine
