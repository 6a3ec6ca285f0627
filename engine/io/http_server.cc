#include "engine/io/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/io/socket.h"

namespace io {
namespace {

constexpr int kAcceptsMax = 64;  // At a time.

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(const Endpoint& local, std::string page) {
  const absl::StatusOr<int> fd = OpenListenSocket(local, SOCK_NONBLOCK);
  if (!fd.ok()) return fd.status();
  return std::unique_ptr<HttpServer>(new HttpServer(*fd, std::move(page)));
}

HttpServer::~HttpServer() {
  for (const auto& [number, connection] : connections_) close(connection.fd);
  close(fd_);
}

Endpoint HttpServer::local() const { return LocalEndpoint(fd_); }

void HttpServer::Accept(base::Instant now) {
  for (int accepts = 0; accepts < kAcceptsMax; ++accepts) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (connections_.size() >= kConnectionsMax) {
      Close(connections_.begin()->second);
      connections_.erase(connections_.begin());
    }
    Connection connection;
    connection.fd = fd;
    connection.until = now + kPatience;
    connections_.emplace(++connections_made_, std::move(connection));
  }
}

// What it still sends would turn the end of its answer into a reset.
void HttpServer::Close(const Connection& connection) {
  DiscardReceived(connection.fd);
  close(connection.fd);
}

bool HttpServer::Read(Connection& connection) {
  char buffer[kRequestMax];
  const ssize_t size = recv(connection.fd, buffer, sizeof buffer, 0);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return connection.asked;  // It may have closed its side only.
  if (!connection.asked) connection.in.append(buffer, static_cast<std::size_t>(size));
  return true;
}

bool HttpServer::Write(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t size = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    connection.out.erase(0, static_cast<std::size_t>(size));
    if (connection.out.empty()) {
      shutdown(connection.fd, SHUT_WR);
      return false;
    }
  }
  return true;
}

void HttpServer::Respond(Connection& connection, std::string_view status, std::string_view fields,
                         std::string_view body) {
  connection.out = absl::StrCat("HTTP/1.1 ", base::AbslView(status), "\r\n", base::AbslView(fields),
                                "Content-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", base::AbslView(body));
}

bool HttpServer::TakeRequest(Connection& connection) {
  if (connection.asked) return false;
  constexpr std::string_view kPlain = "Content-Type: text/plain; charset=utf-8\r\n";
  const bool is_complete = connection.in.find("\r\n\r\n") != std::string::npos;
  if (!is_complete && connection.in.size() <= kRequestMax) return false;
  connection.asked = true;
  const std::string_view line = std::string_view(connection.in).substr(0, connection.in.find("\r\n"));
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  const std::string_view version = last == std::string_view::npos ? "" : line.substr(last + 1);
  if (!is_complete) {
    Respond(connection, "431 Request Header Fields Too Large", kPlain, "the request is too long\n");
  } else if (first == last || !version.starts_with("HTTP/1.")) {
    Respond(connection, "400 Bad Request", kPlain, "no request of HTTP/1.1\n");
  } else {
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const bool is_page = target.substr(0, target.find('?')) == page_;
    if (is_page && line.substr(0, first) == "GET") return true;
    if (is_page) {
      Respond(connection, "405 Method Not Allowed", absl::StrCat("Allow: GET\r\n", base::AbslView(kPlain)),
              "only GET\n");
    } else {
      Respond(connection, "404 Not Found", kPlain, absl::StrCat("only ", page_, "\n"));
    }
  }
  return false;
}

std::vector<std::uint64_t> HttpServer::Serve(base::Instant now) {
  now_ = now;
  Accept(now);
  std::vector<std::uint64_t> clients;
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    Connection& connection = current->second;
    bool open = Read(connection) && now < connection.until;
    if (open && TakeRequest(connection)) clients.push_back(current->first);
    if (open) open = Write(connection);
    if (open) continue;
    Close(connection);
    connections_.erase(current);
  }
  return clients;
}

void HttpServer::Answer(std::uint64_t client, std::string_view content_type, std::string_view body) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  found->second.until = now_ + kPatience;
  Respond(found->second, "200 OK", absl::StrCat("Content-Type: ", base::AbslView(content_type), "\r\n"), body);
  if (Write(found->second)) return;
  Close(found->second);
  connections_.erase(found);
}

}  // namespace io
