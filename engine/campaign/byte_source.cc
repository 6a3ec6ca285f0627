#include "engine/campaign/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

namespace campaign {
namespace {

constexpr std::size_t kChunk = 256u << 10;

class FdSource final : public ByteSource {
 public:
  FdSource(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~FdSource() override {
    if (fd_ > 2) close(fd_);
  }
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    while (true) {
      const ssize_t got = read(fd_, out, size);
      if (got >= 0) {
        consumed_ += static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR)
        return absl::InternalError(absl::StrFormat("%s: cannot be read: %s", name_, std::strerror(errno)));
    }
  }
  std::uint64_t consumed() const override { return consumed_; }

 private:
  const int fd_;
  const std::string name_;
  std::uint64_t consumed_ = 0;
};

// Gives back what was looked at first.
class Peeked final : public ByteSource {
 public:
  Peeked(std::string head, std::unique_ptr<ByteSource> rest) : head_(std::move(head)), rest_(std::move(rest)) {}
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    if (head_.empty()) return rest_->Read(out, size);
    const std::size_t n = std::min(size, head_.size());
    std::memcpy(out, head_.data(), n);
    head_.erase(0, n);
    return n;
  }
  std::uint64_t consumed() const override { return rest_->consumed() - head_.size(); }

 private:
  std::string head_;
  std::unique_ptr<ByteSource> rest_;
};

class GzipSource final : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)), in_(kChunk) {}
  ~GzipSource() override {
    if (open_) inflateEnd(&stream_);
  }
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
    while (stream_.next_out == reinterpret_cast<Bytef*>(out)) {
      if (stream_.avail_in == 0) {
        absl::StatusOr<std::size_t> got = source_->Read(in_.data(), in_.size());
        if (!got.ok()) return got;
        stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
        stream_.avail_in = static_cast<uInt>(*got);
        if (*got == 0)
          return open_ ? absl::StatusOr<std::size_t>(absl::DataLossError(name_ + ": the gzip file is cut short")) : 0;
      }
      if (!open_ && inflateInit2(&stream_, 15 + 16) != Z_OK) return absl::InternalError("zlib cannot start");
      open_ = true;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {  // Another member may follow.
        inflateEnd(&stream_);
        open_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return absl::DataLossError(name_ + ": not a valid gzip file");
      }
    }
    return static_cast<std::size_t>(reinterpret_cast<char*>(stream_.next_out) - out);
  }
  std::uint64_t consumed() const override { return source_->consumed(); }

 private:
  std::unique_ptr<ByteSource> source_;
  const std::string name_;
  std::vector<char> in_;
  z_stream stream_{};
  bool open_ = false;
};

class ZstdSource final : public ByteSource {
 public:
  ZstdSource(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)), in_(kChunk), stream_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax,
                           27);  // 128 MB: what `zstd --ultra` uses at most without --long.
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) {
        absl::StatusOr<std::size_t> got = source_->Read(in_.data(), in_.size());
        if (!got.ok()) return got;
        input_ = {in_.data(), *got, 0};
        if (*got == 0)
          return whole_ ? absl::StatusOr<std::size_t>(0) : absl::DataLossError(name_ + ": the zstd file is cut short");
      }
      const std::size_t result = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(result)) return absl::DataLossError(name_ + ": not a valid zstd file");
      whole_ = result == 0;
    }
    return output.pos;
  }
  std::uint64_t consumed() const override { return source_->consumed(); }

 private:
  std::unique_ptr<ByteSource> source_;
  const std::string name_;
  std::vector<char> in_;
  ZSTD_DStream* stream_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool whole_ = true;
};

absl::StatusOr<std::unique_ptr<ByteSource>> OpenPlain(const std::string& path) {
  // Of a named pipe that nobody writes to, open() would not come back.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const std::string text = absl::StrFormat("%s: %s", path, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::PermissionDeniedError(text);
  }
  auto source = std::make_unique<FdSource>(fd, path);
  struct stat status {};
  if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
    return absl::InvalidArgumentError(path + ": a pipe and no file; recipients can come from standard input, as \"-\"");
  fcntl(fd, F_SETFL, 0);
  return source;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> source, const std::string& name) {
  std::string head(4, '\0');
  std::size_t size = 0;
  while (size < head.size()) {
    absl::StatusOr<std::size_t> got = source->Read(head.data() + size, head.size() - size);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    size += *got;
  }
  head.resize(size);
  const bool gzip = head.starts_with("\x1F\x8B"), zstd = head.starts_with("\x28\xB5\x2F\xFD");
  std::unique_ptr<ByteSource> whole = std::make_unique<Peeked>(std::move(head), std::move(source));
  if (gzip) return std::make_unique<GzipSource>(std::move(whole), name);
  if (zstd) return std::make_unique<ZstdSource>(std::move(whole), name);
  return whole;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenSource(const std::string& path) {
  if (path == "-") return Decompressed(std::make_unique<FdSource>(STDIN_FILENO, "standard input"), "standard input");
  absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenPlain(path);
  if (!file.ok()) return file.status();
  return Decompressed(*std::move(file), path);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t bytes_max) {
  constexpr std::size_t kStep = 1u << 16;
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenPlain(path);
  if (!source.ok()) return source.status();
  std::string bytes;
  for (std::size_t got = 1; got > 0;) {
    const std::size_t old = bytes.size();
    if (old > bytes_max)
      return absl::InvalidArgumentError(absl::StrFormat("%s: larger than %d MB", path, bytes_max >> 20));
    bytes.resize(old + kStep);
    absl::StatusOr<std::size_t> read = (*source)->Read(bytes.data() + old, kStep);
    if (!read.ok()) return read.status();
    got = *read;
    bytes.resize(old + got);
  }
  return bytes;
}

absl::StatusOr<char> PeekByte(std::unique_ptr<ByteSource>& source) {
  std::string head;
  char byte = ' ';
  while (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
    absl::StatusOr<std::size_t> got = source->Read(&byte, 1);
    if (!got.ok()) return got.status();
    if (*got == 0) {
      byte = 0;
      break;
    }
    head.push_back(byte);
  }
  source = std::make_unique<Peeked>(std::move(head), std::move(source));
  return byte;
}

std::uint64_t FileSize(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace campaign
