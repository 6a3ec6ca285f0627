// The simulated network: TCP streams between the SimIo of shards and of mail exchangers, byte by byte, with latency,
// fragmentation and faults. A process that dies leaves behind what its kernel had taken; the rest never leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "engine/io/io.h"
#include "tests/sim/world.h"

namespace sim {

class SimIo;

class Network {
 public:
  struct Options {
    base::Duration latency_least = base::Duration::Microseconds(50);
    base::Duration latency_most = base::Duration::Milliseconds(5);
    std::size_t send_chunk_max = 65536;  // The kernel takes at most so much at once…
    std::size_t fragment_max = 65536;    // …and the receiver reads at most so much at once.
    double reset_share = 0;              // Of hand-overs of 256 bytes or more: the connection is reset instead.
  };
  static constexpr std::size_t kReceiveBuffer = 1u << 20;  // Of a side that has paused; some more may be under way.
  enum class Fate : std::uint8_t { kReachable, kRefused, kSilent };  // Of connections to an address.

  Network(World& world, const Options& options) : world_(world), options_(options) {}
  void SetFate(const base::IpAddress& address, Fate fate) { fates_[address] = fate; }
  void SetBindable(const base::IpAddress& address, bool bindable);
  // Somebody on the way may change what an accepting side has handed over.
  void SetTamper(std::function<void(std::string& bytes)> tamper) { tamper_ = std::move(tamper); }
  // `see` is shown each connection when it arrives at a server, and when its client has ended it or knows of its end.
  using ConnectionViewer =
      std::function<void(const base::IpAddress& client, const base::IpAddress& server, bool begins)>;
  void ShowConnections(ConnectionViewer see) { see_connection_ = std::move(see); }
  // `see` is shown each connection that breaks: what was under way to its client may be lost.
  using BreakViewer = std::function<void(const base::IpAddress& client, const base::IpAddress& server)>;
  void ShowBreaks(BreakViewer see) { see_break_ = std::move(see); }
  std::size_t open_sides() const;  // Sides of connections whose owner has not closed them: leaks, at the end.

 private:
  friend class SimIo;
  using StreamKey = std::uint64_t;
  struct Side {
    SimIo* io = nullptr;  // Null: closed.
    io::StreamHandler* handler = nullptr;
    io::Endpoint local;
    StreamKey peer = 0;
    bool connected = false;
    bool accepted = false;  // Not the side that connected.
    bool paused = false;
    bool finishing = false;     // Close(kFlush): FIN once everything is handed over.
    bool handing_over = false;  // An event for it is set.
    bool held_back = false;     // The other side reads nothing, and its buffer is full.
    std::string unsent;         // Not taken by the kernel yet.
    std::string unread;         // Arrived while paused.
    bool unread_end = false;
    std::optional<base::IpAddress> shown;  // Of a client whose connection was shown: the server.
    base::Instant wire_free;               // When what was handed over last arrives: bytes do not overtake each other.
  };

  StreamKey Open(SimIo& io, io::StreamHandler& handler, const io::Io::ConnectOptions& options);
  void Arrive(StreamKey client, const io::Endpoint& remote);
  void FailConnect(StreamKey key, io::Stage stage, int error);
  void Send(StreamKey key, absl::Span<const std::string_view> pieces);
  void HandOver(StreamKey key);
  void OnWire(Side& from, absl::AnyInvocable<void()> arrival);
  void Reset(Side& side, StreamKey key);
  void Receive(StreamKey key, std::string bytes);
  void Resume(StreamKey key);
  void End(StreamKey key, int error);
  void Close(StreamKey key, io::CloseMode mode);
  void Vanish(SimIo& io);  // The process is gone.
  void ShowEnd(Side& side);
  void Erase(StreamKey key);
  Side* Find(StreamKey key);
  base::Duration Latency() { return world_.Between(options_.latency_least, options_.latency_most); }

  World& world_;
  const Options options_;
  StreamKey last_key_ = 0;
  std::map<StreamKey, Side> sides_;
  std::map<base::IpAddress, Fate> fates_;
  std::set<base::IpAddress> unbindable_;
  struct Listener {
    SimIo* io;
    io::AcceptHandler* handler;
    io::ListenerId id;
  };
  std::map<io::Endpoint, Listener> listeners_;
  std::uint16_t last_port_ = 40000;
  std::function<void(std::string& bytes)> tamper_;
  ConnectionViewer see_connection_;
  BreakViewer see_break_;
};

// The network as one process (or one thread of it) sees it.
class SimIo final : public io::Io {
 public:
  explicit SimIo(Network& network) : network_(network) {}
  ~SimIo() override { network_.Vanish(*this); }

  io::StreamId Connect(const ConnectOptions& options, io::StreamHandler& handler) override;
  void Send(io::StreamId id, absl::Span<const std::string_view> pieces) override;
  std::uint64_t Unsent(io::StreamId id) const override;
  void PauseReceive(io::StreamId id, bool paused) override;
  void Close(io::StreamId id, io::CloseMode mode) override;
  io::Endpoint Local(io::StreamId id) const override;
  absl::StatusOr<Listening> Listen(const io::Endpoint& local, io::AcceptHandler& handler) override;
  void CloseListener(io::ListenerId id) override;

  // Called after every event that called one of this process's handlers.
  void SetAfterEvent(absl::AnyInvocable<void()> after) { after_ = std::move(after); }

 private:
  friend class Network;
  Network::Side& Get(io::StreamId id) const;
  void After() {
    if (after_) after_();
  }
  Network& network_;
  absl::AnyInvocable<void()> after_;
};

}  // namespace sim
