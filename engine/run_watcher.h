// What goes on beside the shards while a campaign runs: progress is told, the operator served, the smarthost's token
// kept fresh, addresses that bounced are learned.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/log.h"
#include "engine/control_desk.h"
#include "engine/engine.h"
#include "engine/host_state.h"
#include "engine/io/clock.h"
#include "engine/ledger/record.h"
#include "engine/metrics_desk.h"
#include "engine/notifier.h"
#include "engine/roster/roster.h"
#include "engine/smarthost_login.h"
#include "engine/suppression_watch.h"

namespace engine {

// Addresses that bounced for a class of `[suppression] learn`, on their way to the host's list.
class LearnedAddresses {
 public:
  void Add(ledger::RecipientId id);  // Any thread.
  // Writes down what was added, on a thread of its own: other programs add to the list, too, and are waited for there.
  // Nullopt: there is no news. OK: something has been written. Errors: the list could not be written; the next call
  // tries again.
  std::optional<absl::Status> Write(const roster::Roster& roster, const std::string& path,
                                    SuppressionWatch& suppression);
  // The same to the end.
  std::optional<absl::Status> Finish(const roster::Roster& roster, const std::string& path,
                                     SuppressionWatch& suppression);

 private:
  absl::Status TakeWritten(const std::string& path, SuppressionWatch& suppression);

  std::mutex mutex_;  // Guards added_.
  std::vector<ledger::RecipientId> added_;
  std::vector<ledger::RecipientId> being_written_;
  std::future<absl::StatusOr<io::Appended>> writing_;
};

class RunWatcher final : public Engine::Watcher {
 public:
  struct Parts {
    SmarthostLogin* login = nullptr;  // Null: there is no smarthost.
    ControlDesk* desk = nullptr;      // Null: nobody is served.
    Notifier* notifier = nullptr;     // Null: nobody is told.
    MetricsDesk* metrics = nullptr;   // Null: the same.
    SuppressionWatch& suppression;
    const roster::Roster& roster;
    std::string host_list;      // The host's suppression list; empty: there is none.
    HostState* host = nullptr;  // Null: nothing outlives the campaign.
    base::Log& log;
  };
  RunWatcher(Engine::Watcher& watcher, LearnedAddresses& learned, Parts parts)
      : watcher_(watcher), learned_(learned), parts_(std::move(parts)) {}

  int Stops() override { return watcher_.Stops(); }
  void OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) override;
  bool HasMore() const override { return parts_.desk != nullptr && parts_.desk->IsSending(); }
  void Finish();  // The engine has ended: waits for what is being written down.

 private:
  void OnLearned(const std::optional<absl::Status>& status);

  Engine::Watcher& watcher_;
  LearnedAddresses& learned_;
  const Parts parts_;
  bool write_failed_ = false;
};

struct StartWait {
  ledger::Journal& journal;        // Was started.
  ControlDesk* desk = nullptr;     // Null: nobody is served.
  MetricsDesk* metrics = nullptr;  // The same.
  Engine::Watcher& watcher;
  std::optional<base::WallTime> start;  // None, or past: there is nothing to wait for.
};
// Waits for a campaign's start, and serves the operator meanwhile. Returns what the operator wants instead of it, as
// ControlDesk::ServeBeforeStart says; nullopt: it begins. Errors: Cancelled, the watcher was asked to stop; the
// journal's.
absl::StatusOr<std::optional<OperationOrder>> WaitForStart(const StartWait& wait);

}  // namespace engine
