// The part of a run that is about its ends: what it waits for before it begins, and what is said when it is over.

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/campaign_operation.h"
#include "engine/run.h"
#include "engine/test_send.h"

namespace engine {
namespace {

int CodeOf(const absl::Status& status) {
  if (absl::IsCancelled(status)) return kExitInterrupted;
  if (absl::IsAborted(status)) return kExitRefused;
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ? kExitInvalid : kExitFailure;
}

}  // namespace

RunOutcome Problem(const absl::Status& status) { return {CodeOf(status), status, ""}; }

// Waits for the campaign's start. How the run ends instead of it; nullopt: it begins.
std::optional<RunOutcome> Run::AwaitStart() {
  std::optional<base::WallTime> start = campaign_.delivery.start;
  if (request_.test.has_value() || request_.rehearsal) start.reset();
  const bool waits = start.has_value() && io::SystemClock().WallNow() < *start;
  if (waits) log_.Info(absl::StrFormat("%s: waits for its start at %s", campaign_.id, base::FormatRfc3339(*start)));
  const absl::StatusOr<std::optional<OperationOrder>> order = WaitForStart(
      {.journal = *journal_, .desk = desk_.get(), .metrics = metrics_.get(), .watcher = observer_, .start = start});
  const bool begins = order.ok() && !order->has_value();
  absl::Status status = begins && waits ? CheckSender() : absl::OkStatus();  // The DNS may have changed meanwhile.
  if (begins && status.ok()) return std::nullopt;
  clock_.Update();
  if (begins) {
    if (absl::Status closed = journal_->Close(); !closed.ok()) status = closed;
  } else if (absl::IsCancelled(order.status())) {
    status = journal_->Close();
    if (status.ok()) status = absl::CancelledError(campaign_.id + ": interrupted before its start; run it again");
  } else if (!order.ok()) {
    status = order.status();
  } else if ((*order)->operation == Operation::kCancel) {
    return ConcludeCancelled();
  } else {
    const IdleLedger idle = {.journal = *journal_, .is_started = true, .paths = request_.paths};
    status = OperateOn(idle, **order, clock_.WallNow()).problem;
    if (status.ok()) status = journal_->Close();
    const bool is_paused = journal_->facts().pauses.contains(std::string(ledger::kWholeCampaign));
    if (status.ok()) return is_paused ? ConcludePaused() : ConcludeFinished();  // Nobody was pending any more.
  }
  return Problem(status);
}

RunOutcome Run::ConcludePaused() const {
  return {
      kExitPaused, absl::OkStatus(),
      absl::StrFormat("%s: paused: %s; when that is mended: sluice resume %s", campaign_.id,
                      journal_->facts().pauses.at(std::string(ledger::kWholeCampaign)).reason, request_.paths.Named())};
}

RunOutcome Run::ConcludeFinished() {
  return {kExitOk, absl::OkStatus(),
          absl::StrFormat("%s: finished; sluice report %s says how", campaign_.id, request_.paths.Named())};
}

RunOutcome Run::ConcludeCancelled() {
  if (CountFinals() == started_.roster->recipients())
    return {kExitOk, absl::OkStatus(), campaign_.id + ": cancelled; nobody is pending"};
  std::uint64_t cancelled = 0;
  clock_.Update();
  absl::Status status = is_started_ ? absl::OkStatus() : journal_->Start();
  if (status.ok()) status = CancelPending(*journal_, clock_.WallNow(), cancelled);
  if (status.ok()) status = journal_->Close();
  if (!status.ok()) return Problem(status);
  return {kExitOk, absl::OkStatus(),
          absl::StrFormat("%s: cancelled; nothing is sent to %d who were pending", campaign_.id, cancelled)};
}

RunOutcome Run::Conclude(const RunResult& result) {
  if (result.end == RunEnd::kFailed) {
    return {
        kExitFailure,
        result.failure.ok() ? absl::InternalError("the engine stopped before the campaign was done") : result.failure,
        ""};
  }
  if (result.end == RunEnd::kPaused && result.pause.cancels) return ConcludeCancelled();
  absl::Status status;
  const std::uint64_t left = started_.roster->recipients() - CountFinals();  // Who is not in the sample.
  if (result.end == RunEnd::kFinished)
    status = Append(left == 0 ? ledger::CampaignStateKind::kFinished : ledger::CampaignStateKind::kInterrupted);
  if (result.end == RunEnd::kInterrupted) status = Append(ledger::CampaignStateKind::kInterrupted);
  if (status.ok()) status = journal_->Close();
  if (!status.ok()) return Problem(status);
  if (request_.test.has_value()) return ConcludeTest(disk_, started_, result);
  if (result.end == RunEnd::kFinished && left == 0) return ConcludeFinished();
  if (result.end == RunEnd::kFinished)
    return {
        kExitInterrupted, absl::OkStatus(),
        absl::StrFormat("%s: the sample is done; %d are pending: without --limit they get it too", campaign_.id, left)};
  if (result.end == RunEnd::kInterrupted)
    return {kExitInterrupted, absl::OkStatus(),
            absl::StrFormat("%s: interrupted; run it again to go on", campaign_.id)};
  return {kExitPaused, absl::OkStatus(),
          absl::StrFormat("%s: paused: %s%s; when that is mended: sluice resume %s", campaign_.id, result.pause.reason,
                          result.pause.sample.empty() ? "" : " (" + result.pause.sample + ")", request_.paths.Named())};
}

}  // namespace engine
