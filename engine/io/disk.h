// Files as the ledger and the roster see them. Calls block; they belong on the journal's thread or in start-up code,
// not in a shard's loop. The simulator implements it with a disk that keeps synced and unsynced apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace io {

// An open file. Closed by the destructor, which does not sync. One thread.
class File {
 public:
  virtual ~File() = default;
  // Writes all bytes at `offset`, growing the file. Errors: ResourceExhausted when the disk is full; Internal
  // otherwise.
  virtual absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) = 0;
  // Reads up to `size` bytes into `out` (resized to what was read); fewer only at the end of the file.
  virtual absl::Status ReadAt(std::uint64_t offset, std::size_t size, std::string& out) const = 0;
  virtual absl::StatusOr<std::uint64_t> Size() const = 0;
  virtual absl::Status Truncate(std::uint64_t size) = 0;
  // Makes content and size durable (fdatasync). A failed sync is never retried: what was written since the last one is
  // unknown.
  virtual absl::Status Sync() = 0;
};

// A file mapped into memory, shared with the file. Only for files that nobody else truncates.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual char* data() = 0;
  virtual const char* data() const = 0;
  virtual std::size_t size() const = 0;
  std::string_view view() const { return {data(), size()}; }
};

enum class OpenMode : std::uint8_t {
  kRead,       // Must exist.
  kReadWrite,  // Must exist.
  kCreate,     // Made, or emptied. Mode 0600.
};

class Disk {
 public:
  virtual ~Disk() = default;
  // Errors: NotFound; PermissionDenied; ResourceExhausted; Internal. Each names the path.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Maps the whole file. Writable needs a file that exists; its size stays.
  virtual absl::StatusOr<std::unique_ptr<Mapping>> Map(const std::string& path, bool writable) = 0;
  virtual bool Exists(const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;  // Replaces `to`.
  virtual absl::Status Remove(const std::string& path) = 0;                         // A missing file is fine.
  virtual absl::Status MakeDirectories(const std::string& path) = 0;  // Mode 0700; existing ones are fine.
  virtual absl::Status SyncDirectory(
      const std::string& path) = 0;  // Makes renames, creations and removals in it durable.
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& directory) = 0;  // Names, sorted, without "." and "..".
  virtual absl::StatusOr<std::uint64_t> FreeBytes(const std::string& directory) = 0;
};

// The machine's disk. One instance serves any number of threads.
std::unique_ptr<Disk> MakeFileDisk();

// Writes a whole file so that it is either the old one or the new one after a crash: temporary file, sync, rename, sync
// directory.
absl::Status WriteFileAtomically(Disk& disk, const std::string& path, std::string_view content);
// The whole file. Errors: as Open; ResourceExhausted beyond `size_max` bytes.
absl::StatusOr<std::string> ReadFile(Disk& disk, const std::string& path, std::uint64_t size_max);

}  // namespace io
