// A DNS server for tests on one loopback port, UDP and TCP, without threads: it works when it is told to.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/wire.h"
#include "engine/base/check.h"

namespace dns {

class SmallServer {
 public:
  // Gives the response to a query; "" is silence.
  using Handler = std::function<std::string(const Query& query, bool tcp)>;

  explicit SmallServer(Handler handler) : handler_(std::move(handler)) {
    // A port that is free for both.
    for (int attempt = 0; attempt < 50 && tcp_ < 0; ++attempt) {
      udp_ = Bind(SOCK_DGRAM, 0);
      CHECK(udp_ >= 0);
      sockaddr_in address{};
      socklen_t size = sizeof(address);
      CHECK(getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
      port_ = ntohs(address.sin_port);
      tcp_ = Bind(SOCK_STREAM, port_);
      if (tcp_ < 0) close(udp_);
    }
    CHECK(tcp_ >= 0 && listen(tcp_, 16) == 0);
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;
  ~SmallServer() {
    close(udp_);
    close(tcp_);
    for (const auto& client : clients_) close(client.first);
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  int udp_queries = 0;
  std::set<std::uint16_t> ports;  // That they came from.
  int tcp_queries = 0;

  void Work() {
    char buffer[2048];
    sockaddr_in peer{};
    socklen_t peer_size = sizeof(peer);
    ssize_t size;
    while ((size = recvfrom(udp_, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&peer), &peer_size)) >= 0) {
      ++udp_queries;
      ports.insert(ntohs(peer.sin_port));
      const std::string response = Respond({buffer, static_cast<std::size_t>(size)}, false);
      if (!response.empty()) {
        CHECK(sendto(udp_, response.data(), response.size(), 0, reinterpret_cast<sockaddr*>(&peer), peer_size) >= 0);
      }
    }
    for (int fd; (fd = accept4(tcp_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) clients_.emplace_back(fd, "");
    for (auto& [fd, received] : clients_) {
      while ((size = read(fd, buffer, sizeof(buffer))) > 0) received.append(buffer, static_cast<std::size_t>(size));
      if (received.size() < 2) continue;
      const std::size_t length =
          static_cast<unsigned char>(received[0]) * std::size_t{256} + static_cast<unsigned char>(received[1]);
      if (received.size() < 2 + length) continue;
      ++tcp_queries;
      const std::string response = Respond(std::string_view(received).substr(2, length), true);
      received.erase(0, 2 + length);
      if (response.empty()) continue;
      const std::string framed =
          std::string{static_cast<char>(response.size() >> 8), static_cast<char>(response.size() & 0xFF)} + response;
      CHECK(write(fd, framed.data(), framed.size()) == static_cast<ssize_t>(framed.size()));
    }
  }

 private:
  static int Bind(int type, std::uint16_t port) {
    const int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
    close(fd);
    return -1;
  }
  std::string Respond(std::string_view message, bool tcp) {
    const auto query = ParseQuery(message);
    return query.has_value() ? handler_(*query, tcp) : std::string();
  }

  const Handler handler_;
  int udp_ = -1;
  int tcp_ = -1;
  std::uint16_t port_ = 0;
  std::vector<std::pair<int, std::string>> clients_;  // Sockets and what they sent so far.
};

}  // namespace dns
