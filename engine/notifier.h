// Tells the operator's own command ([notify] command) what has happened, one event after the other: as JSON on its
// standard input. The command has 30 seconds for each. Nothing here waits, except Finish.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "absl/functional/function_ref.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/delivery/job.h"
#include "engine/engine.h"
#include "engine/io/clock.h"
#include "engine/io/shell_command.h"
#include "engine/ledger/journal.h"

namespace engine {

class Notifier {
 public:
  static constexpr base::Duration kPatience = base::Duration::Seconds(30);
  static constexpr std::size_t kQueueMax = 100;  // Beyond that the oldest are dropped.

  Notifier(std::string command, const campaign::Campaign& campaign, bool rehearsal, base::Log& log)
      : command_(std::move(command)), id_(campaign.id), name_(campaign.name), rehearsal_(rehearsal), log_(log) {}

  // Hears of what happens while the job runs. It outlives the run.
  void Watch(delivery::Job& job);
  // From any thread.
  void OnSuspended(const delivery::SuspensionNews& news);
  void OnPaused(const delivery::PauseReason& pause);
  void OnFinished(const ledger::StateTable& table);

  // Starts and ends commands. To be called all the time, by one thread; so is Finish.
  void Serve(base::Instant now);
  // The run is over, and the campaign "finished" or "paused" or something else now: tells that, and what is left, for
  // as long as an event has; shorter where the watcher was asked to stop.
  void Finish(const ledger::Journal& journal, const std::string& state, Engine::Watcher& watcher);
  void TellRest(absl::FunctionRef<bool()> is_over);

 private:
  void Push(const char* event, const std::string& details);
  std::string Pop();  // "": nothing is left.

  const std::string command_;
  const std::string id_, name_;
  const bool rehearsal_;
  base::Log& log_;
  std::unique_ptr<io::ShellCommand> running_;
  base::Instant until_;  // The running one is killed.

  std::mutex mutex_;  // Guards what follows.
  std::deque<std::string> queue_;
  bool dropped_ = false;  // And it was said.
};

}  // namespace engine
