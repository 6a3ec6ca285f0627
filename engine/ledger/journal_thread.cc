#include "engine/ledger/journal_thread.h"

#include <algorithm>
#include <utility>

namespace ledger {
namespace {

constexpr std::size_t kBatchesKept = 16;
constexpr std::size_t kRecordsKept = 2048;  // A larger batch is rare, and its memory goes back.

}  // namespace

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

std::unique_ptr<RecordBatch> JournalThread::NewBatch() {
  const std::lock_guard lock(mutex_);
  if (used_.empty()) return std::make_unique<RecordBatch>();
  std::unique_ptr<RecordBatch> batch = std::move(used_.back());
  used_.pop_back();
  return batch;
}

// What is too much is freed without the lock: shards want it.
void JournalThread::KeepMemory(std::vector<Submitted>& group) {
  {
    const std::lock_guard lock(mutex_);
    for (Submitted& one : group) {
      if (used_.size() >= kBatchesKept || one.batch->count() > kRecordsKept) continue;
      one.batch->Clear();
      used_.push_back(std::move(one.batch));
    }
  }
  group.clear();
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

bool JournalThread::HasNothingToDo() {
  const std::lock_guard lock(mutex_);
  return submitted_.empty();
}

void JournalThread::Run() {
  bool prepared = false;  // Nothing is left to prepare in this segment.
  std::vector<Submitted> group;
  while (true) {
    KeepMemory(group);
    {
      std::unique_lock lock(mutex_);
      if (prepared) wake_.wait(lock, [this] { return stopping_ || !submitted_.empty(); });
      if (submitted_.empty() && stopping_) return;
      group.swap(submitted_);
    }
    absl::Status status;
    if (!group.empty()) {
      status = CommitGroup(group);
      // Whoever reads along must not wait for the next segment's sync.
      if (status.ok() && HasNothingToDo()) status = journal_.Confirm();
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
