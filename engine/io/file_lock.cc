#include "engine/io/file_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"

namespace io {
namespace {

constexpr int kLookAgainMs = 20;

// Of the open file and not of the process (fcntl(2), "open file description locks"): looking at one does not take it.
struct flock WholeFile(short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string ReadHolder(int fd) {
  char holder[32] = {};
  const ssize_t size = pread(fd, holder, sizeof holder - 1, 0);
  return size > 0 ? std::string(base::TrimAscii({holder, static_cast<std::size_t>(size)})) : "unknown";
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::string& path, base::Duration patience) {
  SystemClock clock;
  const base::Instant end = clock.Now() + patience;
  while (true) {
    absl::StatusOr<std::unique_ptr<FileLock>> lock = Lock(path, F_OFD_SETLK);
    clock.Update();
    if (!absl::IsUnavailable(lock.status()) || clock.Now() >= end) return lock;
    poll(nullptr, 0, kLookAgainMs);  // fcntl(2) has no wait that ends at some time.
  }
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Await(const std::string& path) { return Lock(path, F_OFD_SETLKW); }

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Lock(const std::string& path, int command) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::PermissionDeniedError(absl::StrFormat("%s: %s", path, std::strerror(errno)));
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  struct flock wanted = WholeFile(F_WRLCK);
  if (fcntl(fd, command, &wanted) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return absl::InternalError(absl::StrFormat("%s: %s", path, std::strerror(errno)));
    return absl::UnavailableError(absl::StrFormat("%s: in use by process %s", path, ReadHolder(fd)));
  }
  const std::string pid = absl::StrFormat("%d\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const int error = errno;
    const std::string text = absl::StrFormat("%s: %s", path, std::strerror(error));
    return error == ENOSPC ? absl::ResourceExhaustedError(text) : absl::InternalError(text);
  }
  return lock;
}

std::string FileLock::HolderOf(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string holder = ReadHolder(fd);  // Of no file nothing can be read.
  if (fd >= 0) close(fd);
  return holder;
}

bool FileLock::IsHeld(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock seen = WholeFile(F_RDLCK);
  const bool held = fcntl(fd, F_OFD_GETLK, &seen) == 0 && seen.l_type != F_UNLCK;
  close(fd);
  return held;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace io
