// Lets other programs of the same user on this machine ask a running one something: over a Unix socket of mode 0600, a
// line each way. Nothing waits here; whoever connects and says nothing, too much, or does not read, loses the
// connection, to the next who comes if there are many, and costs no more than a little memory. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace io {

class LocalServer {
 public:
  struct Request {
    std::uint64_t connection = 0;
    std::string line;  // Without its end.
  };

  // Makes the socket; one that a dead program has left there goes. Requires: nobody else serves there (a lock).
  static absl::StatusOr<std::unique_ptr<LocalServer>> Listen(const std::string& path);
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  ~LocalServer();  // Whoever was not answered sees the end of the connection.

  // Moves bytes and takes new connections. Returns the requests that are complete, of clients that are still there.
  std::vector<Request> Serve(base::Instant now);
  // Whether the client is still there for its answer.
  bool Waits(std::uint64_t connection) const;
  // A client is reading an answer, and there is more of it than was sent at once: Serve should be called soon.
  bool IsSending() const { return now_ < sends_until_; }
  // Sends the answer and closes. A connection that is gone is ignored.
  void Answer(std::uint64_t connection, std::string_view line);
  // Takes no connection any more and removes the socket's file. Connections that wait for an answer stay.
  void StopListening();
  // Waits until the answers have been taken, or for `longest`.
  void Flush(base::Duration longest);

 private:
  static constexpr std::size_t kConnectionsMax = 32;
  static constexpr std::size_t kLineMax = 4096;
  static constexpr base::Duration kPatience = base::Duration::Seconds(10);  // For a request, and for reading an answer.

  struct Connection {
    int fd = -1;
    base::Instant until;  // While it owes something: the request, or reading the answer.
    bool seen = false;    // What it has said so far has been read once.
    bool asked = false;   // The request is here.
    bool answered = false;
    std::string in, out;
  };

  LocalServer(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void Accept(base::Instant now);
  bool HasRoom();                      // For one who waits; whoever has been silent longest goes for him.
  bool Read(Connection& connection);   // False: it is over.
  bool Write(Connection& connection);  // False: it is over.

  int fd_;
  const std::string path_;
  base::Instant now_;
  base::Instant sends_until_;
  std::uint64_t connections_made_ = 0;
  std::map<std::uint64_t, Connection> connections_;
};

// Asks the program that serves at `path`, and waits for its answer; empty: it ended without one.
// Errors: NotFound, nobody serves there; DeadlineExceeded, no answer within `patience`; others: the machine.
absl::StatusOr<std::string> AskLocal(const std::string& path, std::string_view line, base::Duration patience);

}  // namespace io
