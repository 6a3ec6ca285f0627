#include "engine/io/own_address.h"

#include <unistd.h>

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

}  // namespace io
