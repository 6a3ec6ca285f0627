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

absl::Status LearnedAddresses::Write(const roster::Roster& roster, const std::string& path,
                                     SuppressionWatch& suppression) {
  std::vector<ledger::RecipientId> ids;
  {
    const std::lock_guard lock(mutex_);
    ids.swap(added_);
  }
  if (ids.empty()) return absl::OkStatus();
  std::string lines;
  for (const ledger::RecipientId id : ids) {
    const absl::StatusOr<std::string> line = campaign::SuppressionLine(roster.Recipient(id).address);
    if (line.ok()) lines += *line + "\n";
  }
  absl::Status status = suppression.Add(path, lines);
  if (status.ok()) return status;
  const std::lock_guard lock(mutex_);
  added_.insert(added_.begin(), ids.begin(), ids.end());
  return status;
}

void RunWatcher::OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) {
  if (parts_.login != nullptr) parts_.login->Refresh();
  if (parts_.host != nullptr) parts_.host->SaveSometimes();
  const absl::Status learned = learned_.Write(parts_.roster, parts_.host_list, parts_.suppression);
  if (!learned.ok() && !std::exchange(write_failed_, true)) {
    parts_.log.Warning(absl::StrFormat("addresses that bounced are not on the suppression list yet: %s",
                                       std::string(learned.message())));
  }
  if (learned.ok()) write_failed_ = false;
  if (parts_.desk != nullptr) parts_.desk->Serve(counters, open_sessions);
  if (parts_.notifier != nullptr) parts_.notifier->Serve(io::SystemClock().Now());
  if (parts_.metrics != nullptr) parts_.metrics->Serve(counters, open_sessions);
  watcher_.OnProgress(counters, open_sessions);
}

absl::StatusOr<std::optional<OperationOrder>> WaitForStart(const StartWait& wait) {
  constexpr std::chrono::milliseconds kLookEvery{100};
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
    nothing.wait_for(lock, kLookEvery, [&wait] { return wait.watcher.Stops() > 0; });
  }
}

}  // namespace engine
