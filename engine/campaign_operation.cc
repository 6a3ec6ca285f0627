#include "engine/campaign_operation.h"

#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/campaign_run.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/recovery.h"
#include "engine/report/summary.h"

namespace engine {
namespace {

constexpr std::uint64_t kCancelledAtOnce = 4096;  // Records of one commit.

// The ledger of a campaign on which nobody works.
class IdleLedger {
 public:
  IdleLedger(io::Disk& disk, const StartedCampaign& started) : disk_(disk), started_(started) {}

  absl::Status Open();
  absl::Status Commit(const ledger::RecordBatch& batch);
  absl::Status Start() { return journal_->Start(); }
  absl::Status Close() { return journal_->Close(); }
  ledger::Journal& journal() { return *journal_; }
  const ledger::CampaignFacts& facts() const { return journal_->facts(); }
  std::uint64_t CountPending() const;
  std::string state() const { return std::string(report::StateName(facts(), CountPending(), /*running=*/false)); }

 private:
  io::Disk& disk_;
  const StartedCampaign& started_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<io::Mapping> memory_;
  std::unique_ptr<ledger::Journal> journal_;
};

absl::Status IdleLedger::Open() {
  absl::StatusOr<std::unique_ptr<io::FileLock>> lock = io::FileLock::Take(started_.paths.lock());
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  if (absl::Status status = disk_.MakeDirectories(started_.paths.ledger()); !status.ok()) return status;
  const std::uint64_t recipients = started_.roster->recipients();
  absl::StatusOr<std::unique_ptr<io::Mapping>> memory =
      ledger::MakeTableFile(disk_, started_.paths.campaign + "/fold.table", recipients);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  ledger::StateTable table(memory_->data(), recipients);
  absl::StatusOr<ledger::Recovered> recovered = ledger::Recover(disk_, started_.paths.ledger(), started_.hash(), table);
  if (!recovered.ok()) return recovered.status();
  journal_ = std::make_unique<ledger::Journal>(disk_,
                                               ledger::Journal::Options{.directory = started_.paths.ledger(),
                                                                        .campaign_hash = started_.hash(),
                                                                        .last_seq = recovered->last_seq,
                                                                        .next_segment = recovered->next_segment,
                                                                        .segment_bytes = 1u << 20},
                                               recovered->facts, table);
  return absl::OkStatus();
}

absl::Status IdleLedger::Commit(const ledger::RecordBatch& batch) {
  const ledger::RecordBatch* batches[] = {&batch};
  absl::Status status = Start();
  if (status.ok()) status = journal_->Commit(batches);
  if (status.ok()) status = Close();
  return status;
}

std::uint64_t IdleLedger::CountPending() const {
  std::uint64_t pending = 0;
  const ledger::StateTable& table = journal_->table();
  for (ledger::RecipientId id = 0; id < table.size(); ++id) pending += ledger::IsFinal(table[id].state) ? 0 : 1;
  return pending;
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

OperationOutcome Pause(IdleLedger& idle, const std::string& id, const OperationOrder& order, base::WallTime now) {
  const delivery::PauseReason pause = PauseReasonOf(order);
  const std::string scope = pause.scope.ToString();
  if (idle.facts().pauses.count(scope) > 0)
    return Unchanged(idle.state(), absl::StrFormat("%s: paused already (%s)", id, scope));
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kPaused,
                                  .time = now,
                                  .scope = scope,
                                  .by = pause.by,
                                  .reason = pause.reason,
                                  .sample = ""});
  if (absl::Status status = idle.Commit(batch); !status.ok()) return Problem(status);
  return OutcomeOfPause(id, order, idle.state());
}

OperationOutcome Resume(IdleLedger& idle, const std::string& id, base::WallTime now) {
  if (idle.facts().kind == ledger::CampaignStateKind::kCancelled) {
    OperationOutcome outcome =
        Problem(absl::InvalidArgumentError(absl::StrFormat("%s was cancelled, and is not resumed", id)));
    outcome.exit_code = kExitInvalid;
    return outcome;
  }
  if (idle.facts().pauses.empty()) return Unchanged(idle.state(), id + ": not paused");
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kResumed,
                                  .time = now,
                                  .scope = ledger::kWholeCampaign,
                                  .by = "operator",
                                  .reason = "",
                                  .sample = ""});
  for (const auto& [key, suspension] : idle.facts().suspensions) {
    batch.Add(ledger::SiteState{.time = now,
                                .site = key.first,
                                .source = key.second,
                                .until = base::WallTime(),
                                .reason = "resumed",
                                .sample = ""});
  }
  if (absl::Status status = idle.Commit(batch); !status.ok()) return Problem(status);
  OperationOutcome outcome =
      Unchanged(idle.state(), absl::StrFormat("%s: no longer paused; run: sluice send %s", id, id));
  outcome.changed = true;
  return outcome;
}

OperationOutcome Cancel(IdleLedger& idle, const std::string& id, base::WallTime now) {
  std::uint64_t cancelled = 0;
  absl::Status status = idle.Start();
  if (status.ok()) status = CancelPending(idle.journal(), now, cancelled);
  if (status.ok()) status = idle.Close();
  if (!status.ok()) return Problem(status);
  OperationOutcome outcome =
      Unchanged(idle.state(), absl::StrFormat("%s: cancelled; nothing is sent to %d who were pending", id, cancelled));
  outcome.changed = true;
  return outcome;
}

}  // namespace

delivery::PauseReason PauseReasonOf(const OperationOrder& order) {
  delivery::PauseReason pause;
  pause.by = "operator";
  pause.reason = order.operation == Operation::kCancel ? "cancelled by the operator" : order.reason;
  if (pause.reason.empty()) pause.reason = "paused by the operator";
  pause.scope = order.scope;
  pause.cancels = order.operation == Operation::kCancel;
  return pause;
}

OperationOutcome OutcomeOfPause(const std::string& campaign, const OperationOrder& order, const std::string& state) {
  OperationOutcome outcome;
  outcome.state = state;
  outcome.changed = true;
  const std::string what = order.scope.IsCampaign() ? "paused" : order.scope.ToString() + " is paused";
  outcome.line = absl::StrFormat("%s: %s; to go on: sluice resume %s", campaign, what, campaign);
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

OperationOutcome Operate(io::Disk& disk, const StartedCampaign& started, const OperationOrder& order,
                         base::WallTime now) {
  IdleLedger idle(disk, started);
  if (absl::Status status = idle.Open(); !status.ok()) return Problem(status);
  const std::string& id = started.roster->manifest().campaign;
  const bool cancelled = idle.facts().kind == ledger::CampaignStateKind::kCancelled;
  const bool over = idle.CountPending() == 0;
  if (over && !cancelled && order.operation != Operation::kResume)
    return Unchanged(idle.state(), id + ": finished; nobody is pending");
  if (cancelled && (order.operation == Operation::kPause || (over && order.operation == Operation::kCancel)))
    return Unchanged(idle.state(), id + ": cancelled already");
  switch (order.operation) {
    case Operation::kPause:
      return Pause(idle, id, order, now);
    case Operation::kResume:
      return Resume(idle, id, now);
    case Operation::kCancel:
      return Cancel(idle, id, now);
  }
  return Unchanged(idle.state(), id);
}

}  // namespace engine
