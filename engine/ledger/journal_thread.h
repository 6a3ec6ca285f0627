// The journal's thread: takes what the shards submit, commits it in groups, and says what is durable. A group begins
// when the one before is done, so that a slow disk makes larger groups, not a queue.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "engine/ledger/commit_log.h"
#include "engine/ledger/journal.h"

namespace ledger {

class JournalThread final : public CommitLog {
 public:
  // Called on the journal's thread; to be handed to the shard's.
  struct Listener {
    absl::AnyInvocable<void(std::uint32_t shard, std::uint64_t ticket)> on_durable;
    absl::AnyInvocable<void(const absl::Status& why)> on_failure;  // Once; nothing becomes durable after it.
  };
  // The journal was started, and outlives the thread.
  JournalThread(Journal& journal, std::uint32_t shards, Listener listener);
  ~JournalThread() override;  // Stops as Stop does.

  // Begins. It may fail at once: whoever the listener tells must be there before.
  void Start();

  void Submit(std::uint32_t shard, std::unique_ptr<RecordBatch> batch, std::uint64_t ticket) override;
  std::unique_ptr<RecordBatch> NewBatch() override;
  // Commits what was submitted and ends the thread. Returns how the journal fared.
  absl::Status Stop();

 private:
  struct Submitted {
    std::uint32_t shard;
    std::uint64_t ticket;
    std::unique_ptr<RecordBatch> batch;
  };
  void Run();
  absl::Status CommitGroup(std::vector<Submitted>& group);
  void KeepMemory(std::vector<Submitted>& group);
  bool HasNothingToDo();

  Journal& journal_;
  Listener listener_;
  std::vector<std::uint64_t> highest_;  // Ticket of each shard in the group at hand.
  std::mutex mutex_;                    // Guards what follows.
  std::condition_variable wake_;
  std::vector<Submitted> submitted_;
  std::vector<std::unique_ptr<RecordBatch>> used_;  // Empty ones, for NewBatch.
  bool stopping_ = false;
  absl::Status failure_;
  std::thread thread_;
};

// A commit log without a disk: everything counts as durable at once. For benchmarks of what durability costs.
class NullLog final : public CommitLog {
 public:
  explicit NullLog(absl::AnyInvocable<void(std::uint32_t shard, std::uint64_t ticket)> on_durable)
      : on_durable_(std::move(on_durable)) {}
  void Submit(std::uint32_t shard, std::unique_ptr<RecordBatch>, std::uint64_t ticket) override {
    const std::lock_guard lock(mutex_);
    on_durable_(shard, ticket);
  }

 private:
  std::mutex mutex_;
  absl::AnyInvocable<void(std::uint32_t shard, std::uint64_t ticket)> on_durable_;
};

}  // namespace ledger
