// With its real thread: ThreadSanitizer looks at these.
#include "engine/ledger/journal_thread.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/ledger/small_ledger.h"

namespace ledger {
namespace {

using testing::AttemptOf;
using testing::OutcomeOf;
using testing::Table;

std::unique_ptr<RecordBatch> BatchOf(RecipientId id, std::uint16_t number) {
  auto batch = std::make_unique<RecordBatch>();
  batch->Add(AttemptOf(id, number));
  batch->Add(OutcomeOf(id, OutcomeKind::kDeferred, number));
  return batch;
}

// What the thread says, for another thread to wait for.
class Told {
 public:
  JournalThread::Listener Listener() {
    return {[this](std::uint32_t shard, std::uint64_t ticket) {
              const std::lock_guard lock(mutex_);
              EXPECT_GT(ticket, durable_[shard]) << "tickets of a shard only grow";
              durable_[shard] = ticket;
              ++calls_;
              change_.notify_all();
            },
            [this](const absl::Status& why) {
              const std::lock_guard lock(mutex_);
              EXPECT_TRUE(failure_.ok()) << "told twice";
              failure_ = why;
              change_.notify_all();
            }};
  }
  void WaitForTicket(std::uint32_t shard, std::uint64_t ticket) {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [&] { return durable_[shard] >= ticket; });
  }
  absl::Status WaitForFailure() {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [&] { return !failure_.ok(); });
    return failure_;
  }
  std::uint64_t calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  std::map<std::uint32_t, std::uint64_t> durable_;
  std::uint64_t calls_ = 0;
  absl::Status failure_;
};

// The machine's disk, whose syncs wait while the gate is shut.
class GatedDisk final : public io::Disk {
 public:
  void Shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    shut_ = false;
    change_.notify_all();
  }
  // From the sync after the next one on.
  void ShutAfterOne() {
    const std::lock_guard lock(mutex_);
    shuts_after_one_ = true;
  }
  void FailSyncs() {
    const std::lock_guard lock(mutex_);
    fails_ = true;
  }
  void WaitUntilBlocked() {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [this] { return blocked_; });
  }

  absl::StatusOr<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override {
    absl::StatusOr<std::unique_ptr<io::File>> file = disk_->Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<GatedFile>(*this, *std::move(file));
  }
  absl::StatusOr<std::unique_ptr<io::Mapping>> Map(const std::string& path, bool writable) override {
    return disk_->Map(path, writable);
  }
  bool Exists(const std::string& path) override { return disk_->Exists(path); }
  absl::Status Rename(const std::string& from, const std::string& to) override { return disk_->Rename(from, to); }
  absl::Status Remove(const std::string& path) override { return disk_->Remove(path); }
  absl::Status MakeDirectories(const std::string& path) override { return disk_->MakeDirectories(path); }
  absl::Status SyncDirectory(const std::string& path) override { return disk_->SyncDirectory(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) override { return disk_->List(folder); }
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& folder) override { return disk_->FreeBytes(folder); }

 private:
  class GatedFile final : public io::File {
   public:
    GatedFile(GatedDisk& gate, std::unique_ptr<io::File> file) : gate_(gate), file_(std::move(file)) {}
    absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
      return file_->WriteAt(offset, bytes);
    }
    absl::Status ReadAt(std::uint64_t offset, std::size_t size, std::string& out) const override {
      return file_->ReadAt(offset, size, out);
    }
    absl::StatusOr<std::uint64_t> Size() const override { return file_->Size(); }
    absl::Status Truncate(std::uint64_t size) override { return file_->Truncate(size); }
    absl::Status Sync() override { return gate_.Pass() ? file_->Sync() : absl::InternalError("input/output error"); }

   private:
    GatedDisk& gate_;
    std::unique_ptr<io::File> file_;
  };

  bool Pass() {
    std::unique_lock lock(mutex_);
    blocked_ = shut_;
    if (std::exchange(shuts_after_one_, false)) {
      shut_ = true;
      return !fails_;
    }
    change_.notify_all();
    change_.wait(lock, [this] { return !shut_; });
    blocked_ = false;
    return !fails_;
  }

  std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  std::mutex mutex_;
  std::condition_variable change_;
  bool shut_ = false, shuts_after_one_ = false, blocked_ = false, fails_ = false;
};

class JournalThreadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        ::testing::TempDir() + "/journal_thread." + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    journal_ = std::make_unique<Journal>(disk_,
                                         Journal::Options{.directory = folder_,
                                                          .campaign_hash = testing::kHash,
                                                          .last_seq = 0,
                                                          .next_segment = 1,
                                                          .segment_bytes = 1u << 18},
                                         CampaignFacts(), table_.table);
    ASSERT_TRUE(journal_->Start().ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // What another program finds.
  Recovered Recover(Table& table) {
    const auto recovered = ledger::Recover(disk_, folder_, testing::kHash, table.table);
    EXPECT_TRUE(recovered.ok()) << recovered.status();
    return recovered.ok() ? *recovered : Recovered();
  }

  GatedDisk disk_;
  Told told_;
  Table table_;
  std::string folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalThreadTest, MakesDurableWhatSeveralShardsSubmitAtOnce) {
  constexpr std::uint32_t kShards = 4;
  constexpr std::uint64_t kBatches = 500;
  JournalThread thread(*journal_, kShards, told_.Listener());
  thread.Start();
  std::vector<std::thread> shards;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    shards.emplace_back([&thread, shard] {
      for (std::uint64_t ticket = 1; ticket <= kBatches; ++ticket)
        thread.Submit(shard, BatchOf(shard, static_cast<std::uint16_t>(ticket)), ticket);
    });
  }
  for (std::uint32_t shard = 0; shard < kShards; ++shard) told_.WaitForTicket(shard, kBatches);
  for (std::thread& shard : shards) shard.join();
  EXPECT_TRUE(thread.Stop().ok());
  Table after;
  EXPECT_EQ(Recover(after).last_seq, 2 * kShards * kBatches);
  for (std::uint32_t shard = 0; shard < kShards; ++shard) EXPECT_EQ(after.table[shard].attempts, kBatches);
}

TEST_F(JournalThreadTest, TellsOnlyWhatIsSyncedAndGathersAGroupMeanwhile) {
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Start();
  disk_.Shut();
  thread.Submit(0, BatchOf(1, 1), 1);
  disk_.WaitUntilBlocked();
  for (std::uint64_t ticket = 2; ticket <= 100; ++ticket)
    thread.Submit(0, BatchOf(1, static_cast<std::uint16_t>(ticket)), ticket);
  EXPECT_EQ(told_.calls(), 0u) << "something was told before its sync";
  disk_.Open();
  told_.WaitForTicket(0, 100);
  EXPECT_LE(told_.calls(), 3u) << "what waits becomes one group";
  EXPECT_TRUE(thread.Stop().ok());
}

TEST_F(JournalThreadTest, GivesBatchesThatAreCommittedAgain) {
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Start();
  std::unique_ptr<RecordBatch> batch = thread.NewBatch();
  EXPECT_TRUE(batch->empty());
  batch->Add(AttemptOf(1, 1));
  const RecordBatch* const submitted = batch.get();
  thread.Submit(0, std::move(batch), 1);
  EXPECT_TRUE(thread.Stop().ok());
  batch = thread.NewBatch();
  EXPECT_EQ(batch.get(), submitted);
  EXPECT_TRUE(batch->empty());
  EXPECT_NE(thread.NewBatch().get(), submitted);
}

TEST_F(JournalThreadTest, StopCommitsWhatWasSubmitted) {
  {
    JournalThread thread(*journal_, 1, told_.Listener());
    thread.Start();
    for (std::uint64_t ticket = 1; ticket <= 50; ++ticket)
      thread.Submit(0, BatchOf(1, static_cast<std::uint16_t>(ticket)), ticket);
    EXPECT_TRUE(thread.Stop().ok());
    told_.WaitForTicket(0, 50);
  }
  EXPECT_TRUE(journal_->Close().ok());
  Table after;
  EXPECT_EQ(Recover(after).last_seq, 100u);
}

TEST_F(JournalThreadTest, AFailedSyncIsToldOnceAndNothingIsDurableAfterIt) {
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Start();
  thread.Submit(0, BatchOf(1, 1), 1);
  told_.WaitForTicket(0, 1);
  disk_.FailSyncs();
  thread.Submit(0, BatchOf(1, 2), 2);
  EXPECT_EQ(told_.WaitForFailure().message(), "input/output error");
  thread.Submit(0, BatchOf(1, 3), 3);
  EXPECT_FALSE(thread.Stop().ok());
  EXPECT_EQ(told_.calls(), 1u);
}

TEST_F(JournalThreadTest, TellsNothingBeforeItIsStarted) {
  disk_.FailSyncs();
  {
    JournalThread thread(*journal_, 1, told_.Listener());
    thread.Submit(0, BatchOf(1, 1), 1);
  }
  EXPECT_EQ(told_.calls(), 0u);
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Start();
  EXPECT_EQ(told_.WaitForFailure().message(), "input/output error");
}

TEST_F(JournalThreadTest, LetsReadersOfOtherProcessesSeeTheLastGroup) {
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Start();
  thread.Submit(0, BatchOf(1, 1), 1);
  told_.WaitForTicket(0, 1);
  Reader reader(disk_, {.directory = folder_, .campaign_hash = testing::kHash, .first_segment = 1, .live = true});
  std::uint64_t seen = 0;
  while (seen < 2) {  // Ends when the frame that confirms them is written: without it, never.
    const auto next = reader.Next();
    ASSERT_TRUE(next.ok()) << next.status();
    if (next->has_value()) seen = (*next)->seq;
  }
  EXPECT_TRUE(thread.Stop().ok());
}

TEST_F(JournalThreadTest, ReadersDoNotWaitUntilTheNextSegmentIsReady) {
  disk_.ShutAfterOne();  // The group is durable; the slice of zeros that is made next is not.
  JournalThread thread(*journal_, 1, told_.Listener());
  thread.Submit(0, BatchOf(1, 1), 1);
  thread.Start();
  told_.WaitForTicket(0, 1);
  disk_.WaitUntilBlocked();
  Reader reader(disk_, {.directory = folder_, .campaign_hash = testing::kHash, .first_segment = 1, .live = true});
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    const auto next = reader.Next();
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_TRUE(next->has_value() && (*next)->seq == seq);
  }
  disk_.Open();
  EXPECT_TRUE(thread.Stop().ok());
}

TEST(NullLog, CountsEverythingAsDurableAtOnce) {
  std::uint64_t told = 0;
  NullLog log([&told](std::uint32_t, std::uint64_t ticket) { told = ticket; });
  log.Submit(0, BatchOf(1, 1), 7);
  EXPECT_EQ(told, 7u);
}

}  // namespace
}  // namespace ledger
