// Reactors and plain sockets for the tests of both backends.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/socket.h"

namespace io {

struct LinesLog : base::Log {
  void Write(base::Severity, std::string_view line) override { lines += std::string(line) + "\n"; }
  std::string lines;
};

inline base::Instant After(int milliseconds) {
  return SystemClock().Now() + base::Duration::Milliseconds(milliseconds);
}

// Io_uring may be forbidden where the tests run: they then pass over it. Tried once: the kernel takes its time to give
// back the locked memory of a ring.
inline bool IoUringWorks() {
  static const bool works = [] {
    LinesLog log;
    ReactorOptions options;
    options.backend = Backend::kIoUring;
    return MakeReactor(options, log).ok();
  }();
  return works;
}

inline std::vector<Backend> Backends() {
  std::vector<Backend> backends{Backend::kEpoll};
  if (IoUringWorks()) backends.push_back(Backend::kIoUring);
  return backends;
}

inline std::string NameOfBackend(const testing::TestParamInfo<Backend>& info) {
  return info.param == Backend::kEpoll ? "epoll" : "io_uring";
}

inline std::unique_ptr<Reactor> MakeTestReactor(ReactorOptions options) {
  LinesLog log;
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = MakeReactor(options, log);
  CHECK(reactor.ok());
  return *std::move(reactor);
}

inline Endpoint Loopback(std::uint16_t port) { return {base::IpAddress::V4(0x7F000001), port}; }

// A plain blocking socket.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) { CHECK(fd >= 0); }
  RawSocket(RawSocket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() { Close(); }
  static RawSocket Connected(const Endpoint& to) {
    RawSocket raw(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress address(to);
    CHECK(connect(raw.fd_, &address.any, address.size) == 0);
    return raw;
  }
  static RawSocket Listening() { return RawSocket(*OpenListenSocket(Loopback(0), 0)); }
  RawSocket Accept() { return RawSocket(accept(fd_, nullptr, nullptr)); }
  Endpoint Local() const { return LocalEndpoint(fd_); }
  int fd() const { return fd_; }
  void Write(std::string_view bytes) {
    CHECK(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // What is there, or comes before the end; "" at the end, "error" after a reset.
  std::string Read() {
    char bytes[65536];
    const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    return count < 0 ? "error" : std::string(bytes, static_cast<std::size_t>(count));
  }
  void Reset() {
    SetResetOnClose(fd_);
    Close();
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

}  // namespace io
