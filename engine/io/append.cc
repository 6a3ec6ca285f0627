#include "engine/io/append.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"

namespace io {
namespace {

absl::Status Failed(const std::string& path, int error) {
  const std::string text = absl::StrFormat("%s: %s", path, std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return error == EACCES || error == EPERM || error == EROFS ? absl::PermissionDeniedError(text)
                                                             : absl::InternalError(text);
}

FileStamp StampOf(const struct stat& status) {
  return {status.st_ino, static_cast<std::uint64_t>(status.st_size),
          std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

}  // namespace

absl::StatusOr<Appended> AppendLines(const std::string& path, std::string_view lines) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return Failed(path, errno);
  const absl::Cleanup close_it = [fd] { close(fd); };
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  while (fcntl(fd, F_OFD_SETLKW, &lock) != 0) {
    if (errno != EINTR) return Failed(path, errno);
  }
  struct stat before = {}, after = {};
  if (fstat(fd, &before) != 0) return Failed(path, errno);
  const off_t size = before.st_size;
  char last = '\n';
  if (size > 0 && pread(fd, &last, 1, size - 1) != 1) return Failed(path, errno);
  std::string bytes(last == '\n' ? "" : "\n");  // Somebody's last line has no end.
  bytes.append(lines);
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t written = write(fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      const int error = errno;
      if (ftruncate(fd, size) != 0) return Failed(path, errno);  // No half lines.
      return Failed(path, error);
    }
  }
  if (fdatasync(fd) != 0 || fstat(fd, &after) != 0) return Failed(path, errno);
  return Appended{StampOf(before), StampOf(after), after.st_size == size + static_cast<off_t>(bytes.size())};
}

std::optional<FileStamp> StampOf(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return StampOf(status);
}

}  // namespace io
