#include "engine/io/local_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"

namespace io {
namespace {

constexpr std::size_t kAnswerMax = 64u << 20;
constexpr int kAnswerAtOnce = 1 << 20;
constexpr base::Duration kReadsOn = base::Duration::Milliseconds(200);  // So soon does who reads an answer go on.

absl::Status Failed(const std::string& path) {
  return absl::InternalError(absl::StrFormat("%s: %s", path, std::strerror(errno)));
}

// The address of a path. A long one is named through its folder, which stays open for so long.
class LocalAddress {
 public:
  explicit LocalAddress(const std::string& path) {
    address_.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof address_.sun_path) {
      const std::size_t slash = path.rfind('/');
      const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
      folder_ = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
      name = absl::StrFormat("/proc/self/fd/%d/%s", folder_, path.substr(slash == std::string::npos ? 0 : slash + 1));
    }
    name.copy(address_.sun_path, sizeof address_.sun_path - 1);
  }
  LocalAddress(const LocalAddress&) = delete;
  LocalAddress& operator=(const LocalAddress&) = delete;
  ~LocalAddress() {
    if (folder_ >= 0) close(folder_);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return sizeof address_; }

 private:
  sockaddr_un address_ = {};
  int folder_ = -1;
};

// Waits until the descriptor is ready for `events`; false: not by then.
bool WaitFor(int fd, short events, std::chrono::steady_clock::time_point end) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waited = {.fd = fd, .events = events, .revents = 0};
    const int ready = poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

std::chrono::steady_clock::time_point EndOf(base::Duration wait) {
  return std::chrono::steady_clock::now() + std::chrono::microseconds(wait.microseconds());
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LocalServer>> LocalServer::Listen(const std::string& path) {
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The mode of the socket is that of the file which bind makes, from its first moment on.
  if (fd.get() < 0 || fchmod(fd.get(), 0600) != 0) return Failed(path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(path);
  const LocalAddress address(path);
  if (bind(fd.get(), address.get(), address.size()) != 0) return Failed(path);
  if (listen(fd.get(), static_cast<int>(kConnectionsMax)) != 0) return Failed(path);
  return std::unique_ptr<LocalServer>(new LocalServer(fd.Release(), path));
}

LocalServer::~LocalServer() {
  StopListening();
  for (const auto& [number, connection] : connections_) close(connection.fd);
}

void LocalServer::StopListening() {
  if (fd_ < 0) return;
  unlink(path_.c_str());
  close(std::exchange(fd_, -1));
}

bool LocalServer::HasRoom() {
  if (connections_.size() < kConnectionsMax) return true;
  pollfd waiting = {.fd = fd_, .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, 0) != 1) return false;
  const auto silent = std::find_if(connections_.begin(), connections_.end(),
                                   [](const auto& known) { return known.second.seen && !known.second.asked; });
  if (silent == connections_.end()) return false;
  close(silent->second.fd);
  connections_.erase(silent);
  return true;
}

void LocalServer::Accept(base::Instant now) {
  while (fd_ >= 0 && HasRoom()) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kAnswerAtOnce, sizeof kAnswerAtOnce);  // As much as may be.
    Connection connection;
    connection.fd = fd;
    connection.until = now + kPatience;
    connections_.emplace(++connections_made_, std::move(connection));
  }
}

bool LocalServer::Read(Connection& connection) {
  constexpr int kReadsMax = 64;  // At a time; whoever sends without end holds up nobody.
  char buffer[kLineMax];
  for (int reads = 0; reads < kReadsMax; ++reads) {
    const ssize_t size = recv(connection.fd, buffer, sizeof buffer, 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return connection.answered;  // Who has gone wants no answer; the rest of one may still be read.
    if (connection.asked || connection.in.find('\n') != std::string::npos) continue;  // Nothing more is listened to.
    connection.in.append(buffer, static_cast<std::size_t>(size));
    if (connection.in.size() > kLineMax && connection.in.find('\n') == std::string::npos) return false;
  }
  return true;
}

bool LocalServer::Write(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t size = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    connection.out.erase(0, static_cast<std::size_t>(size));
    sends_until_ = connection.out.empty() ? base::Instant() : now_ + kReadsOn;
  }
  return false;  // All of it is out.
}

std::vector<LocalServer::Request> LocalServer::Serve(base::Instant now) {
  now_ = now;
  Accept(now);
  std::vector<Request> requests;
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    Connection& connection = current->second;
    const bool waits_for_us = connection.asked && !connection.answered;
    bool open = Read(connection) && (waits_for_us || now < connection.until);
    connection.seen = true;
    if (open && connection.answered) open = Write(connection);
    if (open && !connection.asked) {
      if (const std::size_t end = connection.in.find('\n'); end != std::string::npos) {
        connection.asked = true;
        requests.push_back({current->first, connection.in.substr(0, std::min(end, kLineMax))});
        connection.in.clear();
      }
    }
    if (open) continue;
    close(connection.fd);
    connections_.erase(current);
  }
  return requests;
}

bool LocalServer::Waits(std::uint64_t connection) const {
  const auto found = connections_.find(connection);
  return found != connections_.end() && !found->second.answered;
}

void LocalServer::Answer(std::uint64_t connection, std::string_view line) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.answered = true;
  found->second.until = now_ + kPatience;
  found->second.out = std::string(line) + "\n";
  if (Write(found->second)) return;
  close(found->second.fd);
  connections_.erase(found);
}

void LocalServer::Flush(base::Duration longest) {
  const auto end = EndOf(longest);
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    Connection& connection = current->second;
    if (!connection.answered) continue;
    while (Write(connection) && WaitFor(connection.fd, POLLOUT, end)) {
    }
    close(connection.fd);
    connections_.erase(current);
  }
}

absl::StatusOr<std::string> AskLocal(const std::string& path, std::string_view line, base::Duration patience) {
  const auto end = EndOf(patience);
  const Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Where many wait already, connect() waits for its turn, so long (unix(7), socket(7): SO_SNDTIMEO).
  const timeval longest = {.tv_sec = patience.microseconds() / 1'000'000,
                           .tv_usec = std::max<std::int64_t>(patience.microseconds() % 1'000'000, 1)};
  if (fd.get() < 0 || setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest) != 0) return Failed(path);
  const LocalAddress address(path);
  while (connect(fd.get(), address.get(), address.size()) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return absl::NotFoundError(path);
    if (errno == EAGAIN) return absl::DeadlineExceededError(path);
    if (errno != EINTR) return Failed(path);
  }
  const std::string request = std::string(line) + "\n";
  // A short line fits into the socket's buffer. Where it does not go, the other side has ended, and the read says so.
  (void)send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  std::string answer;
  char buffer[65536];
  while (answer.size() <= kAnswerMax) {
    if (!WaitFor(fd.get(), POLLIN, end)) return absl::DeadlineExceededError(path);
    const ssize_t size = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (size > 0) answer.append(buffer, static_cast<std::size_t>(size));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) break;
  }
  return answer.ends_with('\n') ? answer.substr(0, answer.size() - 1) : "";
}

}  // namespace io
