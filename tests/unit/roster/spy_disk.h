// The machine's disk, with a note of all that changes it, and failures on demand.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/disk.h"

namespace roster::testing {

class SpyDisk final : public io::Disk {
 public:
  std::vector<std::string> log;               // "sync roster.dat", in order; writes are not in it.
  std::optional<std::uint64_t> fail_after;    // So many changes succeed, and none after them.
  std::optional<std::uint64_t> free_bytes;    // What FreeBytes says.
  std::uint64_t changes = 0, created = 0;     // Files count as created each time.
  std::size_t read_most = 0, write_most = 0;  // Of one call.

  absl::StatusOr<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override {
    if (mode == io::OpenMode::kCreate) {
      if (absl::Status status = Change("create", path); !status.ok()) return status;
      ++created;
    }
    absl::StatusOr<std::unique_ptr<io::File>> file = disk_->Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<SpyFile>(*this, *std::move(file), path);
  }
  absl::StatusOr<std::unique_ptr<io::Mapping>> Map(const std::string& path, bool writable) override {
    return disk_->Map(path, writable);
  }
  bool Exists(const std::string& path) override { return disk_->Exists(path); }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    absl::Status status = Change("rename to", to);
    return status.ok() ? disk_->Rename(from, to) : status;
  }
  absl::Status Remove(const std::string& path) override {
    absl::Status status = Change("remove", path);
    return status.ok() ? disk_->Remove(path) : status;
  }
  absl::Status MakeDirectories(const std::string& path) override { return disk_->MakeDirectories(path); }
  absl::Status SyncDirectory(const std::string& path) override {
    absl::Status status = Change("sync", path + "/.");
    return status.ok() ? disk_->SyncDirectory(path) : status;
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return disk_->List(directory);
  }
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& directory) override {
    return free_bytes.has_value() ? *free_bytes : disk_->FreeBytes(directory);
  }

  // Where a line of the log comes first; npos: nowhere.
  std::size_t IndexOf(const std::string& line) const {
    const auto found = std::find(log.begin(), log.end(), line);
    return found == log.end() ? std::string::npos : static_cast<std::size_t>(found - log.begin());
  }

 private:
  class SpyFile final : public io::File {
   public:
    SpyFile(SpyDisk& spy, std::unique_ptr<io::File> file, std::string path)
        : spy_(spy), file_(std::move(file)), path_(std::move(path)) {}
    absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
      spy_.write_most = std::max(spy_.write_most, bytes.size());
      absl::Status status = spy_.Change("", path_);
      return status.ok() ? file_->WriteAt(offset, bytes) : status;
    }
    absl::Status ReadAt(std::uint64_t offset, std::size_t size, std::string& out) const override {
      spy_.read_most = std::max(spy_.read_most, size);
      return file_->ReadAt(offset, size, out);
    }
    absl::StatusOr<std::uint64_t> Size() const override { return file_->Size(); }
    absl::Status Truncate(std::uint64_t size) override {
      absl::Status status = spy_.Change("truncate", path_);
      return status.ok() ? file_->Truncate(size) : status;
    }
    absl::Status Sync() override {
      absl::Status status = spy_.Change("sync", path_);
      return status.ok() ? file_->Sync() : status;
    }

   private:
    SpyDisk& spy_;
    std::unique_ptr<io::File> file_;
    const std::string path_;
  };

  absl::Status Change(const std::string& verb, const std::string& path) {
    if (fail_after.has_value() && changes >= *fail_after) return absl::InternalError(path + ": input/output error");
    ++changes;
    if (!verb.empty()) log.push_back(verb + " " + path.substr(path.rfind('/') + 1));
    return absl::OkStatus();
  }

  std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
};

}  // namespace roster::testing
