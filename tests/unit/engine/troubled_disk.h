// The machine's disk, which cannot open files for a while, or takes long to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/io/disk.h"

namespace engine {

class TroubledDisk final : public io::Disk {
 public:
  absl::StatusOr<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override {
    {
      std::unique_lock lock(mutex_);
      has_arrived_ = has_arrived_ || is_held_;
      change_.notify_all();
      if (is_held_ && !change_.wait_for(lock, std::chrono::seconds(10), [this] { return !is_held_; })) gave_up_ = true;
    }
    if (fails) return absl::InternalError(path + ": too many open files");
    return disk_->Open(path, mode);
  }
  absl::StatusOr<std::unique_ptr<io::Mapping>> Map(const std::string& path, bool writable) override {
    return disk_->Map(path, writable);
  }
  bool Exists(const std::string& path) override { return disk_->Exists(path); }
  absl::Status Rename(const std::string& from, const std::string& to) override { return disk_->Rename(from, to); }
  absl::Status Remove(const std::string& path) override { return disk_->Remove(path); }
  absl::Status MakeDirectories(const std::string& path) override { return disk_->MakeDirectories(path); }
  absl::Status SyncDirectory(const std::string& path) override { return disk_->SyncDirectory(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return disk_->List(directory);
  }
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& directory) override { return disk_->FreeBytes(directory); }

  // Whoever opens a file from now on waits until it is let go: ten seconds at most, so that a test ends that waits,
  // too.
  void Hold() {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
  }
  // Until somebody does.
  void WaitUntilOneWaits() {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [this] { return has_arrived_; });
  }
  // False: somebody has waited all the time.
  bool LetGo() {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    change_.notify_all();
    return !gave_up_;
  }
  bool fails = false;

 private:
  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  std::mutex mutex_;
  std::condition_variable change_;
  bool is_held_ = false, has_arrived_ = false, gave_up_ = false;
};

}  // namespace engine
