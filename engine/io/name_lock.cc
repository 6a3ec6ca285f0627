#include "engine/io/name_lock.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace io {
namespace {

constexpr int kBacklog = 4096;  // Of askers, whom nobody accepts.
constexpr std::size_t kNameMax = 100;

struct Address {
  explicit Address(std::string_view name) {
    CHECK(name.size() <= kNameMax);
    socket.sun_family = AF_UNIX;
    std::memcpy(socket.sun_path + 1, name.data(), name.size());  // The byte 0 in front makes it abstract.
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&socket); }
  sockaddr_un socket = {};
  socklen_t size = 0;
};

int MakeSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

}  // namespace

absl::StatusOr<std::unique_ptr<NameLock>> NameLock::Take(const std::string& name) {
  const int fd = MakeSocket();
  if (fd < 0) return absl::InternalError(absl::StrFormat("a socket for the name %s: %s", name, std::strerror(errno)));
  std::unique_ptr<NameLock> lock(new NameLock(fd));
  const Address address(name);
  if (bind(fd, address.get(), address.size) == 0 && listen(fd, kBacklog) == 0) return lock;
  if (errno == EADDRINUSE) return absl::UnavailableError("in use by " + HolderOf(name));
  return absl::InternalError(absl::StrFormat("the name %s: %s", name, std::strerror(errno)));
}

std::string NameLock::HolderOf(const std::string& name) {
  if (name.size() > kNameMax) return "another process";  // Anybody's name, that begins so.
  const int fd = MakeSocket();
  const absl::Cleanup close_it = [fd] {
    if (fd >= 0) close(fd);
  };
  const Address address(name);
  ucred holder = {};
  socklen_t size = sizeof holder;
  if (fd < 0 || connect(fd, address.get(), address.size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &size) != 0 || holder.pid == 0)
    return "another process";  // One of another process namespace has no number here.
  return absl::StrFormat("process %d of user %d", holder.pid, holder.uid);
}

// The path is the last word of each line; that of an abstract socket begins with "@".
std::vector<std::string> NameLock::Held(std::string_view prefix) {
  std::vector<std::string> held;
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);) {
    const std::size_t at = line.find(" @");
    if (at == std::string::npos || line.compare(at + 2, prefix.size(), prefix) != 0) continue;
    const std::string name = line.substr(at + 2);
    if (held.empty() || held.back() != name) held.push_back(name);
  }
  return held;
}

NameLock::~NameLock() { close(fd_); }

}  // namespace io
