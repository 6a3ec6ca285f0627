#include "engine/io/own_address.h"

#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "engine/io/socket.h"

namespace io {

std::optional<base::IpAddress> OwnAddressTowards(const Endpoint& destination) {
  const SocketAddress address(destination);
  const int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  const absl::Cleanup close_it = [fd] { close(fd); };
  // Of a datagram socket: it only fixes the addresses.
  if (connect(fd, &address.any, address.size) != 0) return std::nullopt;
  return LocalEndpoint(fd).address;
}

int ErrorOfSource(const base::IpAddress& address) {
  const SocketAddress local(Endpoint{address, 0});
  const int fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const absl::Cleanup close_it = [fd] { close(fd); };
  return bind(fd, &local.any, local.size) == 0 ? 0 : errno;
}

}  // namespace io
