#include "engine/io/socket.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace io {
namespace {

constexpr int kBacklog = 4096;  // The kernel lowers it to net.core.somaxconn.

void SetFlag(int fd, int level, int option) {
  // Every option set here exists in every kernel that runs this; a refusal only costs efficiency.
  const int on = 1;
  static_cast<void>(setsockopt(fd, level, option, &on, sizeof on));
}

OpenedSocket Fail(int fd, Stage stage) {
  const int error = errno;
  if (fd >= 0) close(fd);
  return {-1, stage, error};
}

}  // namespace

SocketAddress::SocketAddress(const Endpoint& endpoint) : v6{} {
  const std::string_view bytes = endpoint.address.bytes();
  if (endpoint.address.IsV6()) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    size = sizeof v6;
  } else {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    size = sizeof v4;
  }
}

Endpoint SocketAddress::ToEndpoint() const {
  if (any.sa_family == AF_INET6) return {base::IpAddress::V6Bytes(v6.sin6_addr.s6_addr), ntohs(v6.sin6_port)};
  if (any.sa_family == AF_INET) return {base::IpAddress::V4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  return {};
}

OpenedSocket OpenStreamSocket(const Io::ConnectOptions& options, int flags) {
  const int family = options.remote.address.IsV6() ? AF_INET6 : AF_INET;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP);
  if (fd < 0) return Fail(fd, Stage::kConnect);
  SetNoDelay(fd);
  if (options.source) {
    // The port is chosen at connect: else a source address could have no more connections than it has ports, to all
    // destinations together. The option belongs to the IP level for IPv6 too.
    SetFlag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    const SocketAddress source(Endpoint{*options.source, 0});
    if (bind(fd, &source.any, source.size) != 0) return Fail(fd, Stage::kBind);
  }
  return {fd, Stage::kConnect, 0};
}

absl::StatusOr<int> OpenListenSocket(const Endpoint& local, int flags) {
  const SocketAddress address(local);
  const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP);
  if (fd >= 0) {
    SetFlag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (local.address.IsV6()) SetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(fd, &address.any, address.size) == 0 && listen(fd, kBacklog) == 0) return fd;
  }
  const int error = errno;
  if (fd >= 0) close(fd);
  return absl::UnavailableError(absl::StrCat("cannot listen on ", local.ToString(), ": ", std::strerror(error)));
}

Endpoint LocalEndpoint(int fd) {
  SocketAddress address;
  address.size = sizeof address.v6;
  return getsockname(fd, &address.any, &address.size) == 0 ? address.ToEndpoint() : Endpoint{};
}

Endpoint PeerEndpoint(int fd) {
  SocketAddress address;
  address.size = sizeof address.v6;
  return getpeername(fd, &address.any, &address.size) == 0 ? address.ToEndpoint() : Endpoint{};
}

void SetNoDelay(int fd) { SetFlag(fd, IPPROTO_TCP, TCP_NODELAY); }

void SetResetOnClose(int fd) {
  const linger reset{1, 0};
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
}

void ResetNow(int fd) {
  SetResetOnClose(fd);
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  static_cast<void>(connect(fd, &none, sizeof none));
}

void DiscardReceived(int fd) { static_cast<void>(recv(fd, nullptr, std::size_t{1} << 30, MSG_TRUNC | MSG_DONTWAIT)); }

bool IsDescriptorShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace io
