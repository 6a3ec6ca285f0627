#include "engine/sealing.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/delivery/sealer.h"
#include "engine/dkim/batch_rsa_signer.h"
#include "engine/dkim/private_key.h"
#include "engine/io/clock.h"
#include "engine/roster/roster.h"

namespace engine {
namespace {

using delivery::SignatureHead;

constexpr std::chrono::milliseconds kWatchEvery{100};
constexpr std::uint64_t kChunk = 256;             // Recipients whose records are written at once.
constexpr std::size_t kMessages = 16;             // Held in memory at once, by each thread.
constexpr std::uint64_t kSpareBytes = 16u << 20;  // Of the disk: the ledger is to begin on it.

std::string FileOf(const StatePaths& paths) {
  return paths.campaign + "/" + std::string(delivery::SignatureFile::kName);
}

// What is to be done.
struct Task {
  const Sealing& sealing;
  delivery::Job job;  // What the messages are made of.
  SignatureHead head;
  std::string path;
};

absl::StatusOr<SignatureHead> HeadFor(const Sealing& sealing) {
  const std::vector<dkim::SigningKey>& keys = sealing.keys;
  if (keys.empty() || keys.size() > SignatureHead::kKeysMax) {
    return absl::FailedPreconditionError(absl::StrFormat("%d DKIM keys sign campaign %s: it can be sealed with 1 to %d",
                                                         keys.size(), sealing.campaign.id, SignatureHead::kKeysMax));
  }
  SignatureHead head;
  head.campaign_hash = sealing.started.hash();
  head.recipients = sealing.started.roster->recipients();
  const dkim::Crypto crypto;
  for (const dkim::SigningKey& key : keys) {
    const auto parsed = dkim::PrivateKey::Parse(key.pem, /*allow_weak=*/true, crypto);
    if (!parsed.ok()) return parsed.status();
    head.keys.push_back({delivery::IdentityOf(key), static_cast<std::uint32_t>((*parsed)->signature_size())});
  }
  return head;
}

// Whether it may stay. What is old is renewed early: what was sealed may then be sent for a while.
bool IsGood(const std::optional<delivery::MadeSignatures>& made, const delivery::Job& job, base::WallTime now) {
  return made.has_value() && delivery::IsFresh(*made, delivery::SignatureAgeMax(job.keys) / 2, now) &&
         (made->date <= now || made->date == job.date);
}

// Gathers the requests of a few messages, and signs them key by key: batches are of one kind.
class GatheringSigner final : public dkim::Signer {
 public:
  GatheringSigner(std::unique_ptr<dkim::DigestSigner> signer, std::size_t keys)
      : signer_(std::move(signer)), waiting_(keys) {}
  void Sign(dkim::SignRequest& request) override { waiting_[request.key].push_back(&request); }
  void Cancel(dkim::SignRequest& request) override { std::erase(waiting_[request.key], &request); }
  void Serve() override {  // All of them.
    for (std::vector<dkim::SignRequest*>& of_key : waiting_) {
      while (!of_key.empty()) ServeBatch(of_key);
    }
  }
  bool WantsTurn() const override { return false; }

 private:
  void ServeBatch(std::vector<dkim::SignRequest*>& of_key) {
    const std::size_t count = std::min(signer_->batch_max(), of_key.size());
    const std::vector<dkim::SignRequest*> batch(of_key.end() - static_cast<std::ptrdiff_t>(count), of_key.end());
    of_key.resize(of_key.size() - count);
    std::vector<absl::Status> statuses(count);
    signer_->SignDigests(batch, absl::MakeSpan(statuses));
    for (std::size_t i = 0; i < count; ++i) batch[i]->OnSigned(statuses[i]);
  }

  const std::unique_ptr<dkim::DigestSigner> signer_;
  std::vector<std::vector<dkim::SignRequest*>> waiting_;  // By key.
};

// What the threads share.
struct Shared {
  std::atomic<std::uint64_t> next_chunk = 0;
  std::atomic<std::uint64_t> made = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;  // Guards what follows.
  std::condition_variable change;
  std::uint32_t running = 0;
  absl::Status failure;
};

// One thread's part.
class Worker final : private delivery::Sealed::Waiter {
 public:
  Worker(const Task& task, std::unique_ptr<io::File> file, std::unique_ptr<dkim::DigestSigner> signer, Shared& shared)
      : task_(task),
        head_(task.head),
        file_(std::move(file)),
        signer_(std::move(signer), task.head.keys.size()),
        sealer_(task.job, clock_, signer_),
        shared_(shared) {}

  void Run() {
    absl::Status status;
    while (status.ok() && !shared_.stop) {
      const std::uint64_t first = kChunk * shared_.next_chunk++;
      if (first >= head_.recipients) break;
      status = SealChunk(first, std::min(first + kChunk, head_.recipients));
    }
    const std::lock_guard lock(shared_.mutex);
    if (!status.ok()) shared_.stop = true;
    if (shared_.failure.ok()) shared_.failure = status;
    --shared_.running;
    shared_.change.notify_one();
  }

 private:
  struct Message {
    ledger::RecipientId id;
    std::unique_ptr<delivery::Sealed> sealed;
  };

  void OnSealed(const absl::Status& status) override {
    if (key_failure_.ok()) key_failure_ = status;
  }

  // Reads the records of the chunk, makes those that are missing, and writes all of them.
  absl::Status SealChunk(ledger::RecipientId first, ledger::RecipientId end) {
    const std::uint32_t size = head_.RecordSize();
    if (absl::Status status = file_->ReadAt(head_.OffsetOf(first), (end - first) * size, records_); !status.ok())
      return status;
    if (records_.size() != (end - first) * size) return absl::DataLossError("the file of signatures was cut off");
    std::uint64_t made = 0;
    std::vector<Message> messages;
    clock_.Update();
    for (ledger::RecipientId id = first; id < end && !shared_.stop; ++id) {
      if (IsWanted(id, std::string_view(records_).substr((id - first) * size, size))) {
        absl::StatusOr<std::unique_ptr<delivery::Sealed>> sealed = sealer_.Seal(id, *this);
        if (!sealed.ok()) {
          return absl::FailedPreconditionError(absl::StrFormat("row %d: its message cannot be made: %s",
                                                               task_.job.roster->Recipient(id).row,
                                                               std::string(sealed.status().message())));
        }
        messages.push_back({id, *std::move(sealed)});
      }
      if (messages.size() < kMessages && id + 1 < end) continue;
      signer_.Serve();
      if (!key_failure_.ok()) return key_failure_;
      for (Message& message : messages) Take(message, first);
      made += messages.size();
      messages.clear();
    }
    if (made == 0) return absl::OkStatus();
    absl::Status status = file_->WriteAt(head_.OffsetOf(first), records_);
    if (status.ok()) shared_.made += made;
    return status;
  }

  bool IsWanted(ledger::RecipientId id, std::string_view record) const {
    return !ledger::IsFinal(task_.sealing.table[id].state) &&
           !IsGood(delivery::DecodeSignatures(head_, id, record), task_.job, clock_.WallNow());
  }

  void Take(Message& message, ledger::RecipientId first) {
    delivery::MadeSignatures made;
    made.signed_at = clock_.WallNow();
    made.date = task_.job.date.value_or(made.signed_at);
    made.by_key = message.sealed->signatures();
    delivery::EncodeSignatures(head_, message.id, made, record_);
    records_.replace((message.id - first) * record_.size(), record_.size(), record_);
    sealer_.Recycle(std::move(message.sealed));
  }

  const Task& task_;
  const SignatureHead& head_;
  const std::unique_ptr<io::File> file_;
  io::SystemClock clock_;  // Stands still within a chunk.
  GatheringSigner signer_;
  delivery::Sealer sealer_;
  Shared& shared_;
  absl::Status key_failure_;
  std::string records_, record_;
};

// The file, as it is or made anew. Its head is durable before anything else is in it.
absl::Status MakeFile(io::Disk& disk, const Task& task) {
  const auto known = delivery::SignatureFile::Open(disk, task.path);
  if (known.ok() && (*known)->head() == task.head) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(task.path, io::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Truncate(task.head.FileSize());
  if (status.ok()) status = (*file)->WriteAt(0, task.head.Encode());
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) status = disk.SyncDirectory(task.sealing.started.paths.campaign);
  return status;
}

// Who is pending, and how many of them have no signature that may stay. Chunks with one of those are written whole:
// where they are holes of the file yet, so many records take room.
struct Need {
  std::uint64_t pending = 0, missing = 0, holes = 0;
};
absl::StatusOr<Need> CountNeed(io::Disk& disk, const Task& task) {
  const auto file = delivery::SignatureFile::Open(disk, task.path);
  if (!file.ok()) return file.status();
  const base::WallTime now = io::SystemClock().WallNow();
  Need need;
  for (ledger::RecipientId first = 0; first < task.head.recipients; first += kChunk) {
    const std::uint64_t missing_before = need.missing;
    std::uint64_t holes = 0;
    for (ledger::RecipientId id = first; id < std::min(first + kChunk, task.head.recipients); ++id) {
      if ((*file)->IsHole(id)) ++holes;
      if (ledger::IsFinal(task.sealing.table[id].state)) continue;
      ++need.pending;
      if (!IsGood((*file)->Find(id), task.job, now)) ++need.missing;
    }
    const std::uint64_t records = std::min(kChunk, task.head.recipients - first);
    if (need.missing > missing_before && holes == records) need.holes += records;
  }
  return need;
}

// Signatures that would be too old when the campaign starts are of no use.
absl::Status CheckStart(const delivery::Job& job) {
  const base::Duration age_max = delivery::SignatureAgeMax(job.keys);
  if (!job.date.has_value() || *job.date <= io::SystemClock().WallNow() + age_max) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("%s starts at %s, and sealed signatures are used for %d hours; seal it later", job.campaign,
                      base::FormatRfc3339(*job.date), age_max.milliseconds() / 3'600'000));
}

absl::Status CheckRoom(io::Disk& disk, const std::string& folder, std::uint64_t bytes) {
  const absl::StatusOr<std::uint64_t> free = disk.FreeBytes(folder);
  if (!free.ok()) return free.status();
  if (*free >= bytes + kSpareBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrFormat("%s: the signatures need %d MB, and %d MB are free; make room, or send without sealing", folder,
                      (bytes + kSpareBytes) >> 20, *free >> 20));
}

absl::StatusOr<std::vector<std::unique_ptr<Worker>>> MakeWorkers(io::Disk& disk, const Task& task, Shared& shared,
                                                                 base::Log& log) {
  const bool batches = task.sealing.config.engine.signer == config::SignerChoice::kAuto;
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t i = 0; i < task.sealing.threads; ++i) {
    absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(task.path, io::OpenMode::kReadWrite);
    if (!file.ok()) return file.status();
    absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> signer = dkim::MakeDigestSigner(task.job.keys, batches, log);
    if (!signer.ok()) return signer.status();
    if (i == 0) log.Info(absl::StrFormat("signs: %s", dkim::MethodOf(**signer)));
    workers.push_back(std::make_unique<Worker>(task, *std::move(file), *std::move(signer), shared));
  }
  return workers;
}

// Starts the threads, watches them, and waits for their end. What they made is durable then, whatever ended them.
absl::Status MakeSignatures(io::Disk& disk, const Task& task, const Need& need, Shared& shared, base::Log& log) {
  const absl::StatusOr<std::vector<std::unique_ptr<Worker>>> workers = MakeWorkers(disk, task, shared, log);
  if (!workers.ok()) return workers.status();
  shared.running = static_cast<std::uint32_t>(workers->size());
  std::vector<std::thread> threads;
  for (const std::unique_ptr<Worker>& worker : *workers) threads.emplace_back([&worker] { worker->Run(); });
  const std::uint64_t had = need.pending - need.missing;
  for (bool running = true;;) {
    if (!task.sealing.progress(had + shared.made, need.pending)) shared.stop = true;
    if (!running) break;
    std::unique_lock lock(shared.mutex);
    running = !shared.change.wait_for(lock, kWatchEvery, [&shared] { return shared.running == 0; });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(task.path, io::OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (!shared.failure.ok() || !shared.stop || shared.made >= need.missing) return shared.failure;
  return absl::CancelledError(absl::StrFormat("%s: interrupted; %d of %d are sealed; run it again to go on",
                                              task.job.campaign, had + shared.made, need.pending));
}

// What `date = "start"` says of a campaign where its start is not planned: now.
std::optional<base::WallTime> DateOf(const Sealing& sealing) {
  if (sealing.campaign.message.date != campaign::DateMode::kStart) return std::nullopt;
  if (sealing.facts.runs > 0) return sealing.facts.started_at;
  return std::max(io::SystemClock().WallNow(), sealing.campaign.delivery.start.value_or(base::WallTime()));
}

}  // namespace

absl::StatusOr<SealTotals> SealCampaign(io::Disk& disk, const Sealing& sealing, base::Log& log) {
  absl::StatusOr<SignatureHead> head = HeadFor(sealing);
  if (!head.ok()) return head.status();
  const StartedCampaign& started = sealing.started;
  const Task task{.sealing = sealing,
                  .job = {.campaign = sealing.campaign.id,
                          .pool = {},
                          .roster = started.roster.get(),
                          .message = started.message.get(),
                          .keys = sealing.keys,
                          .token = [&started](std::uint64_t row) { return started.Token(row); },
                          .sources = {},
                          .retry_plan = delivery::RetryPlan(sealing.config.retry_intervals),
                          .date = DateOf(sealing),
                          .max_age = {},
                          .finish_by = {}},
                  .head = *std::move(head),
                  .path = FileOf(started.paths)};
  absl::Status status = CheckStart(task.job);
  if (status.ok()) status = MakeFile(disk, task);
  if (!status.ok()) return status;
  const absl::StatusOr<Need> need = CountNeed(disk, task);
  if (!need.ok()) return need.status();
  Shared shared;
  if (need->missing > 0) {
    status = CheckRoom(disk, started.paths.campaign, need->holes * task.head.RecordSize());
    if (status.ok()) status = MakeSignatures(disk, task, *need, shared, log);
    if (!status.ok()) return status;
  }
  return SealTotals{need->pending, shared.made};
}

std::unique_ptr<const delivery::SignatureFile> OpenSealed(io::Disk& disk, const StartedCampaign& started,
                                                          const std::vector<dkim::SigningKey>& keys, base::Log& log) {
  const std::string path = FileOf(started.paths);
  auto file = delivery::SignatureFile::Open(disk, path);
  if (absl::IsNotFound(file.status())) return nullptr;
  const char* why = "they were sealed with other keys, or other settings of them";
  if (!file.ok()) why = "their file is damaged";
  if (file.ok() && (*file)->IsOf(started.hash(), started.roster->recipients(), keys)) return *std::move(file);
  log.Warning(absl::StrFormat("%s: its sealed signatures are not used: %s; sluice seal makes new ones",
                              started.roster->manifest().campaign, why));
  return nullptr;
}

std::string SealedText(const delivery::SignatureCounts& counts) {
  return absl::StrFormat(" (%d messages went as they were sealed, %d were signed now)", counts.made_before,
                         counts.made_now);
}

}  // namespace engine
