// A disk in memory that keeps synced and unsynced apart, as POSIX leaves it open: what was written since the last sync
// of a file may be there after a crash, or not, or in part; a name that was made, renamed or removed since the last
// sync of its directory, likewise.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "engine/io/disk.h"

namespace sim {

class CrashDisk final : public io::Disk {
 public:
  struct Content;  // Of one file, whatever its name.

  absl::StatusOr<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override;
  absl::StatusOr<std::unique_ptr<io::Mapping>> Map(const std::string& path, bool writable) override;
  bool Exists(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status MakeDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& directory) override;

  // Power loss: unsynced writes are kept, dropped or torn at 512-byte sectors, each by chance; unsynced names are kept
  // or dropped.
  void Crash(base::Prng& prng);
  // Every operation from the `operations`-th on fails (0: the next); nullopt: none.
  void FailAfter(std::optional<std::uint64_t> operations) { fail_after_ = operations; }
  // No more than this many bytes in all files.
  void SetCapacity(std::uint64_t bytes) { capacity_ = bytes; }
  std::uint64_t operations() const { return operations_; }  // That change something.

 private:
  friend class CrashFile;
  absl::Status Operate();  // Counts an operation; the error that it is to have.
  absl::Status Grow(std::uint64_t bytes);

  std::map<std::string, std::shared_ptr<Content>> names_;    // As programs see them.
  std::map<std::string, std::shared_ptr<Content>> durable_;  // As a crash leaves them, at least.
  std::optional<std::uint64_t> fail_after_;
  std::uint64_t operations_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
};

}  // namespace sim
