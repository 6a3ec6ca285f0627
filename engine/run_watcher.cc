#include "engine/run_watcher.h"

#include <chrono>
#include <condition_variable>
#include <utility>

#include "absl/strings/str_format.h"

namespace engine {

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
  const absl::Status learned = learned_.Write(parts_.roster, parts_.host_list, parts_.suppression);
  if (!learned.ok() && !std::exchange(write_failed_, true)) {
    parts_.log.Warning(absl::StrFormat("addresses that bounced are not on the suppression list yet: %s",
                                       std::string(learned.message())));
  }
  if (learned.ok()) write_failed_ = false;
  if (parts_.desk != nullptr) parts_.desk->Serve(counters, open_sessions);
  watcher_.OnProgress(counters, open_sessions);
}

bool WaitUntil(base::WallTime time, Engine::Watcher& watcher) {
  constexpr std::chrono::milliseconds kLookEvery{100};
  std::mutex mutex;
  std::condition_variable nothing;
  std::unique_lock lock(mutex);
  while (io::SystemClock().WallNow() < time) {
    if (watcher.Stops() > 0) return false;
    nothing.wait_for(lock, kLookEvery, [&watcher] { return watcher.Stops() > 0; });
  }
  return watcher.Stops() == 0;
}

}  // namespace engine
