// The network as a shard sees it: TCP streams, as events. One thread; io_uring, epoll and the simulator implement it.
//
// Handlers are called from the reactor's loop, never from inside a call that the handler's owner made. Within a handler
// every method may be called, for any stream.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/ip_address.h"

namespace io {

struct Endpoint {
  base::IpAddress address;
  std::uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  std::string ToString() const;  // "192.0.2.1:25", "[2001:db8::1]:25"
  // Reads what ToString writes. Nullopt: anything else.
  static std::optional<Endpoint> Parse(std::string_view text);
};

// Names one stream for its whole life and never another one after it. kNone is no stream.
enum class StreamId : std::uint64_t { kNone = 0 };
enum class ListenerId : std::uint64_t { kNone = 0 };

// Where a stream ended.
enum class Stage : std::uint8_t {
  kBind,     // The local address cannot be used.
  kConnect,  // No connection came about.
  kStream,   // An established connection ended.
};

struct CloseReason {
  Stage stage = Stage::kStream;
  int error = 0;             // errno; 0: the peer ended it in order (FIN).
  std::uint64_t unsent = 0;  // Bytes given to Send that were not handed to the kernel: always the last ones.
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void OnConnect() = 0;                        // Only for streams from Connect.
  virtual void OnReceive(std::string_view bytes) = 0;  // `bytes` (1 or more) are valid within the call only.
  virtual void OnSent() = 0;                           // Everything given to Send has been handed to the kernel.
  virtual void OnClose(CloseReason reason) = 0;        // The last call; the id is dead.
};

class AcceptHandler {
 public:
  virtual ~AcceptHandler() = default;
  // A connection arrived. Returns who handles it (it outlives the stream), or null to reset it.
  virtual StreamHandler* OnAccept(StreamId id, const Endpoint& peer, const Endpoint& local) = 0;
};

enum class CloseMode : std::uint8_t {
  kFlush,  // Sends what is queued, then FIN, then closes; gives up when the peer does not take it.
  kNow,    // Drops what is queued; FIN.
  kReset,  // Drops what is queued; RST.
};

class Io {
 public:
  struct ConnectOptions {
    Endpoint remote;
    std::optional<base::IpAddress> source;  // Local address; none: the kernel chooses.
  };

  virtual ~Io() = default;

  // Starts a connection. The handler hears OnConnect, or OnClose with what went wrong; it must outlive the stream.
  // There is no time-out: the caller closes what takes too long.
  virtual StreamId Connect(const ConnectOptions& options, StreamHandler& handler) = 0;
  // Copies the pieces, in order, into the stream's queue. Requires: `id` lives and is connected.
  virtual void Send(StreamId id, absl::Span<const std::string_view> pieces) = 0;
  // Bytes given to Send that the kernel has not taken yet. Requires: `id` lives.
  virtual std::uint64_t Unsent(StreamId id) const = 0;
  // Stops calling OnReceive until resumed: back-pressure for receivers. Requires: `id` lives.
  virtual void PauseReceive(StreamId id, bool paused) = 0;
  // Ends the stream: no handler call follows, and the id is dead. Requires: `id` lives.
  virtual void Close(StreamId id, CloseMode mode) = 0;
  // The local address and port. Requires: `id` lives and is connected.
  virtual Endpoint Local(StreamId id) const = 0;

  struct Listening {
    ListenerId id = ListenerId::kNone;
    Endpoint local;  // With the port that the kernel chose, where 0 was asked for.
  };
  // Accepts connections until CloseListener. Errors: the address cannot be used.
  virtual absl::StatusOr<Listening> Listen(const Endpoint& local, AcceptHandler& handler) = 0;
  virtual void CloseListener(ListenerId id) = 0;
};

}  // namespace io
