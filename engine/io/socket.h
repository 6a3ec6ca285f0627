// What both reactors ask of the kernel's sockets besides moving bytes: addresses, opening, options, ways to end.
// Every socket is closed on exec.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/status/statusor.h"
#include "engine/io/io.h"

namespace io {

struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size = 0;

  SocketAddress() : v6{} {}
  explicit SocketAddress(const Endpoint& endpoint);
  Endpoint ToEndpoint() const;  // The default Endpoint when it is no IP address.
};

struct OpenedSocket {
  int fd = -1;  // -1: it could not be opened, because of `error` in `stage`.
  Stage stage = Stage::kConnect;
  int error = 0;
};

// A TCP socket for this connection, bound when a source is given, not yet connected. `flags`: SOCK_NONBLOCK or 0.
OpenedSocket OpenStreamSocket(const Io::ConnectOptions& options, int flags);

// Listens. An IPv6 address does not take IPv4 connections. Errors: the address cannot be used, with address and reason.
absl::StatusOr<int> OpenListenSocket(const Endpoint& local, int flags);

Endpoint LocalEndpoint(int fd);
Endpoint PeerEndpoint(int fd);
void SetNoDelay(int fd);
void SetResetOnClose(int fd);          // The close that follows sends RST and drops what is queued.
void ResetNow(int fd);                 // Sends RST at once, even while operations of the kernel still hold the socket.
void DiscardReceived(int fd);          // Unread bytes would turn an orderly close into a reset.
bool IsDescriptorShortage(int error);  // Accepting fails until somebody closes something.

}  // namespace io
