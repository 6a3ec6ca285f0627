#include "engine/run_watcher.h"

#include <chrono>
#include <condition_variable>
#include <utility>

#include "absl/strings/str_format.h"

namespace engine {
namespace {

// Reports say "scheduled" from here on.
absl::Status TellScheduled(ledger::Journal& journal, base::WallTime now) {
  if (journal.facts().kind == ledger::CampaignStateKind::kScheduled) return absl::OkStatus();
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kScheduled,
                                  .time = now,
                                  .scope = ledger::kWholeCampaign,
                                  .by = "",
                                  .reason = "",
                                  .sample = ""});
  const ledger::RecordBatch* batches[] = {&batch};
  if (absl::Status status = journal.Commit(batches); !status.ok()) return status;
  return journal.Confirm();
}

}  // namespace

void LearnedAddresses::Add(ledger::RecipientId id) {
  const std::lock_guard lock(mutex_);
  added_.push_back(id);
}

absl::Status LearnedAddresses::TakeWritten(const std::string& path, SuppressionWatch& suppression) {
  const absl::StatusOr<io::Appended> appended = writing_.get();
  const std::vector<ledger::RecipientId> written = std::exchange(being_written_, {});
  suppression.NoteOwn(path, appended.ok() ? std::optional(*appended) : std::nullopt);
  if (appended.ok()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  added_.insert(added_.begin(), written.begin(), written.end());
  return appended.status();
}

std::optional<absl::Status> LearnedAddresses::Write(const roster::Roster& roster, const std::string& path,
                                                    SuppressionWatch& suppression) {
  std::optional<absl::Status> status;
  if (writing_.valid()) {
    if (writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return std::nullopt;
    status = TakeWritten(path, suppression);
  }
  {
    const std::lock_guard lock(mutex_);
    being_written_.swap(added_);
  }
  if (being_written_.empty()) return status;
  std::string lines;
  for (const ledger::RecipientId id : being_written_) {
    const absl::StatusOr<std::string> line = campaign::SuppressionLine(roster.Recipient(id).address);
    if (line.ok()) lines += *line + "\n";
  }
  suppression.ExpectOwn(path);
  writing_ = std::async(std::launch::async, [path, lines = std::move(lines)] { return io::AppendLines(path, lines); });
  return status;
}

std::optional<absl::Status> LearnedAddresses::Finish(const roster::Roster& roster, const std::string& path,
                                                     SuppressionWatch& suppression) {
  std::optional<absl::Status> status;
  if (writing_.valid()) status = TakeWritten(path, suppression);  // What failed is tried once more.
  (void)Write(roster, path, suppression);                         // Nothing was under way.
  if (writing_.valid()) status = TakeWritten(path, suppression);
  return status;
}

void RunWatcher::OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) {
  if (parts_.login != nullptr) parts_.login->Refresh();
  if (parts_.host != nullptr) parts_.host->SaveSometimes();
  OnLearned(learned_.Write(parts_.roster, parts_.host_list, parts_.suppression));
  if (parts_.desk != nullptr) parts_.desk->Serve(counters, open_sessions);
  if (parts_.notifier != nullptr) parts_.notifier->Serve(io::SystemClock().Now());
  if (parts_.metrics != nullptr) parts_.metrics->Serve(counters, open_sessions);
  watcher_.OnProgress(counters, open_sessions);
}

// Once, until it works again.
void RunWatcher::OnLearned(const std::optional<absl::Status>& status) {
  if (!status.has_value()) return;
  const bool had_failed = std::exchange(write_failed_, !status->ok());
  if (!status->ok() && !had_failed)
    parts_.log.Warning(absl::StrFormat("addresses that bounced are not on the suppression list yet: %s",
                                       std::string(status->message())));
}

void RunWatcher::Finish() { OnLearned(learned_.Finish(parts_.roster, parts_.host_list, parts_.suppression)); }

absl::StatusOr<std::optional<OperationOrder>> WaitForStart(const StartWait& wait) {
  constexpr std::chrono::milliseconds kLookEvery{100}, kLookSoon{2};
  std::mutex mutex;
  std::condition_variable nothing;
  std::unique_lock lock(mutex);
  while (true) {
    const base::WallTime now = io::SystemClock().WallNow();
    const std::optional<base::WallTime> start = wait.start.has_value() && now < *wait.start ? wait.start : std::nullopt;
    if (start.has_value()) {
      if (absl::Status status = TellScheduled(wait.journal, now); !status.ok()) return status;
    }
    if (wait.desk != nullptr) {
      absl::StatusOr<std::optional<OperationOrder>> order = wait.desk->ServeBeforeStart(wait.journal, start);
      if (!order.ok() || order->has_value()) return order;
    }
    if (wait.metrics != nullptr) wait.metrics->ServeIdle();
    if (!start.has_value()) return std::nullopt;
    if (wait.watcher.Stops() > 0) return absl::CancelledError("interrupted before the start");
    const bool is_sending = wait.desk != nullptr && wait.desk->IsSending();
    nothing.wait_for(lock, is_sending ? kLookSoon : kLookEvery, [&wait] { return wait.watcher.Stops() > 0; });
  }
}

}  // namespace engine
