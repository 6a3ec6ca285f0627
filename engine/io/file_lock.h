// A lock on a file, held by this process: two programs never work on the same state. It ends with the process, however
// that ends.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace io {

class FileLock {
 public:
  // Makes the file where it is missing. Errors: Unavailable, somebody holds it (the text says which process);
  // PermissionDenied; Internal.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path) {
    return Take(path, base::Duration());
  }
  // Waits for so long until it is free.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path, base::Duration patience);
  // Waits until it is free. Errors: as Take; Unavailable: a signal came before.
  static absl::StatusOr<std::unique_ptr<FileLock>> Await(const std::string& path);
  // The process that took it last (its number), and may hold it still; "unknown": nobody has written it down yet.
  static std::string HolderOf(const std::string& path);
  // Whether some process holds it now.
  static bool IsHeld(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  static absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path, int command);
  const int fd_;
};

}  // namespace io
