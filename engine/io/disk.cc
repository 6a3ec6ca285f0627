#include "engine/io/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace io {
namespace {

absl::Status Error(const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(path + ": no space left on device");
  const std::string text = absl::StrCat(path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  if (error == EMFILE || error == ENFILE || error == ENOMEM) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

absl::Status Result(const std::string& path, int result) { return result == 0 ? absl::OkStatus() : Error(path, errno); }

// Repeats a call that a signal interrupted.
template <typename Call>
auto Retried(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { close(fd_); }

  absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          Retried([&] { return pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (count < 0) return Error(path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return absl::OkStatus();
  }

  absl::Status ReadAt(std::uint64_t offset, std::size_t size, std::string& out) const override {
    out.resize(size);
    std::size_t done = 0;
    while (done < size) {
      const ssize_t count =
          Retried([&] { return pread(fd_, out.data() + done, size - done, static_cast<off_t>(offset + done)); });
      if (count < 0) {
        const int error = errno;
        out.clear();
        return Error(path_, error);
      }
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    out.resize(done);
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> Size() const override {
    struct stat status {};
    if (fstat(fd_, &status) != 0) return Error(path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  absl::Status Truncate(std::uint64_t size) override {
    return Result(path_, Retried([&] { return ftruncate(fd_, static_cast<off_t>(size)); }));
  }

  // Not repeated after a signal either: a sync that failed may have dropped what it was to write.
  absl::Status Sync() override { return Result(path_, fdatasync(fd_)); }

 private:
  const int fd_;
  const std::string path_;
};

class PosixMapping final : public Mapping {
 public:
  PosixMapping(char* data, std::size_t size) : data_(data), size_(size) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override {
    if (data_ != nullptr) munmap(data_, size_);
  }
  char* data() override { return data_; }
  const char* data() const override { return data_; }
  std::size_t size() const override { return size_; }

 private:
  char* const data_;  // Null for an empty file, which cannot be mapped.
  const std::size_t size_;
};

class FileDisk final : public Disk {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    const int flags = mode == OpenMode::kRead        ? O_RDONLY
                      : mode == OpenMode::kReadWrite ? O_RDWR
                                                     : O_RDWR | O_CREAT | O_TRUNC;
    const int fd = Retried([&] { return open(path.c_str(), flags | O_CLOEXEC, 0600); });
    if (fd < 0) return Error(path, errno);
    struct stat status {};
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
      close(fd);
      return Error(path, EISDIR);
    }
    return std::make_unique<PosixFile>(fd, path);
  }

  absl::StatusOr<std::unique_ptr<Mapping>> Map(const std::string& path, bool writable) override {
    const int fd = Retried([&] { return open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC); });
    if (fd < 0) return Error(path, errno);
    struct stat status {};
    int error = fstat(fd, &status) == 0 ? 0 : errno;
    const std::size_t size = static_cast<std::size_t>(status.st_size);
    void* data = nullptr;
    if (error == 0 && size > 0) {
      data = mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
      if (data == MAP_FAILED) error = errno;
    }
    close(fd);
    if (error != 0) return Error(path, error);
    return std::make_unique<PosixMapping>(static_cast<char*>(data), size);
  }

  bool Exists(const std::string& path) override { return access(path.c_str(), F_OK) == 0; }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Result(absl::StrCat("rename ", from, " to ", to), std::rename(from.c_str(), to.c_str()));
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return Error(path, errno);
  }

  absl::Status MakeDirectories(const std::string& path) override {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return Error(part, errno);
      if (slash == std::string::npos) break;
    }
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return Error(path, errno);
    return S_ISDIR(status.st_mode) ? absl::OkStatus() : Error(path, ENOTDIR);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const int fd = Retried([&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return Error(path, errno);
    const absl::Status status = Result(path, fsync(fd));
    close(fd);
    return status;
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    DIR* const handle = opendir(directory.c_str());
    if (handle == nullptr) return Error(directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* const entry = readdir(handle)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    closedir(handle);
    if (error != 0) return Error(directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& directory) override {
    struct statvfs status {};
    if (statvfs(directory.c_str(), &status) != 0) return Error(directory, errno);
    return std::uint64_t{status.f_bavail} * status.f_frsize;
  }
};

}  // namespace

std::unique_ptr<Disk> MakeFileDisk() { return std::make_unique<FileDisk>(); }

absl::Status WriteFileAtomically(Disk& disk, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  const auto write = [&]() -> absl::Status {
    absl::StatusOr<std::unique_ptr<File>> file = disk.Open(temporary, OpenMode::kCreate);
    if (!file.ok()) return file.status();
    if (absl::Status status = (*file)->WriteAt(0, content); !status.ok()) return status;
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
    return disk.Rename(temporary, path);
  };
  if (absl::Status status = write(); !status.ok()) {
    disk.Remove(temporary).IgnoreError();  // The first error is the one to tell.
    return status;
  }
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return disk.SyncDirectory(".");
  return disk.SyncDirectory(slash == 0 ? "/" : path.substr(0, slash));
}

absl::StatusOr<std::string> ReadFile(Disk& disk, const std::string& path, std::uint64_t size_max) {
  absl::StatusOr<std::unique_ptr<File>> file = disk.Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  // Read to the end rather than to the size it claims: that of a special file is 0.
  constexpr std::size_t kStep = 1024 * 1024;
  std::string content;
  std::string piece;
  do {
    const std::size_t left = static_cast<std::size_t>(size_max - content.size());
    const std::size_t want = left < kStep ? left + 1 : kStep;
    if (absl::Status status = (*file)->ReadAt(content.size(), want, piece); !status.ok()) return status;
    if (piece.size() > left) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": larger than ", size_max, " bytes"));
    }
    const bool is_last = piece.size() < want;
    if (content.empty()) {
      content.swap(piece);  // One copy of it, where it is small: it may be a secret.
    } else {
      content += piece;
    }
    if (is_last) return content;
  } while (true);
}

}  // namespace io
