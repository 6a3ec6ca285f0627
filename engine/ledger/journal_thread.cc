#include "engine/ledger/journal_thread.h"

#include <algorithm>
#include <utility>

namespace ledger {

JournalThread::JournalThread(Journal& journal, std::uint32_t shards, Listener listener)
    : journal_(journal), listener_(std::move(listener)), highest_(shards, 0) {}

JournalThread::~JournalThread() { static_cast<void>(Stop()); }

void JournalThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void JournalThread::Submit(std::uint32_t shard, std::unique_ptr<RecordBatch> batch, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  submitted_.push_back({shard, ticket, std::move(batch)});
  if (submitted_.size() == 1) wake_.notify_one();
}

absl::Status JournalThread::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  return failure_;
}

absl::Status JournalThread::CommitGroup(std::vector<Submitted>& group) {
  std::vector<const RecordBatch*> batches;
  std::fill(highest_.begin(), highest_.end(), 0);
  for (const Submitted& one : group) {
    batches.push_back(one.batch.get());
    highest_[one.shard] = std::max(highest_[one.shard], one.ticket);
  }
  if (absl::Status status = journal_.Commit(batches); !status.ok()) return status;
  for (std::uint32_t shard = 0; shard < highest_.size(); ++shard) {
    if (highest_[shard] != 0) listener_.on_durable(shard, highest_[shard]);
  }
  return absl::OkStatus();
}

void JournalThread::Run() {
  bool prepared = false;  // Nothing is left to prepare in this segment.
  while (true) {
    std::vector<Submitted> group;
    {
      std::unique_lock lock(mutex_);
      if (prepared) wake_.wait(lock, [this] { return stopping_ || !submitted_.empty(); });
      if (submitted_.empty() && stopping_) return;
      group.swap(submitted_);
    }
    absl::Status status;
    if (!group.empty()) {
      status = CommitGroup(group);
      if (status.ok()) status = journal_.PrepareNext().status();
      prepared = false;
    } else {
      // Nobody waits: tell readers of other processes, and get the next segment ready.
      status = journal_.Confirm();
      if (status.ok()) {
        absl::StatusOr<bool> more = journal_.PrepareNext();
        status = more.status();
        prepared = more.ok() && !*more;
      }
    }
    if (status.ok()) continue;
    {
      const std::lock_guard lock(mutex_);
      failure_ = status;
    }
    listener_.on_failure(status);
    return;
  }
}

}  // namespace ledger
