#include "engine/io/new_file.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace io {

absl::Status MakeFileOnce(Disk& disk, const std::string& path, std::string_view content) {
  static std::atomic<std::uint64_t> made = 0;
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".", ++made);
  const auto write = [&]() -> absl::Status {
    absl::StatusOr<std::unique_ptr<File>> file = disk.Open(temporary, OpenMode::kCreate);
    if (!file.ok()) return file.status();
    if (absl::Status status = (*file)->WriteAt(0, content); !status.ok()) return status;
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
    // Unlike rename, it replaces nothing.
    if (link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
      return absl::InternalError(absl::StrCat(path, ": ", std::strerror(errno)));
    return absl::OkStatus();
  };
  const absl::Status status = write();
  disk.Remove(temporary).IgnoreError();  // The first error is the one to tell.
  if (!status.ok()) return status;
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return disk.SyncDirectory(".");
  return disk.SyncDirectory(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace io
