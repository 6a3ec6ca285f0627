// Serves one page over HTTP to whoever asks for it (RFC 9112), without a thread of its own: Serve is called now and
// then, and never waits. GET of the page's path is for the caller to answer; everything else is answered here. One
// request for each connection. Clients that are slow, or many, cost a bounded amount and hold up nobody.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/io/io.h"

namespace io {

class HttpServer {
 public:
  static constexpr std::size_t kConnectionsMax = 16;                       // One more takes the place of the oldest.
  static constexpr std::size_t kRequestMax = 8192;                         // Bytes of a request's head.
  static constexpr base::Duration kPatience = base::Duration::Seconds(5);  // For its request, and for its reading.

  // Errors: the address cannot be used, with address and reason.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const Endpoint& local, std::string page);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Takes and answers what has come. Returns who asks for the page since the last call.
  std::vector<std::uint64_t> Serve(base::Instant now);
  // The page, as text of this kind. A client that has gone is no trouble.
  void Answer(std::uint64_t client, std::string_view content_type, std::string_view body);
  Endpoint local() const;

 private:
  struct Connection {
    int fd = -1;
    base::Instant until;
    bool asked = false;  // Its request is here.
    std::string in, out;
  };

  HttpServer(int fd, std::string page) : fd_(fd), page_(std::move(page)) {}
  void Accept(base::Instant now);
  static void Close(const Connection& connection);
  static bool Read(Connection& connection);   // False: it is over.
  static bool Write(Connection& connection);  // False: it is over.
  bool TakeRequest(Connection& connection);   // True: the page is asked for.
  static void Respond(Connection& connection, std::string_view status, std::string_view fields, std::string_view body);

  const int fd_;
  const std::string page_;
  base::Instant now_;
  std::uint64_t connections_made_ = 0;
  std::map<std::uint64_t, Connection> connections_;  // The oldest first.
};

}  // namespace io
