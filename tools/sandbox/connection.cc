#include "tools/sandbox/connection.h"

#include <array>
#include <utility>

#include "engine/base/check.h"

namespace sandbox {
namespace {

constexpr base::Duration kIdleMax = base::Duration::Minutes(5);
constexpr std::uint64_t kUnsentMax =
    256 * 1024;  // Beyond it, nothing more is read until the client has read its replies.

}  // namespace

class ConnectionSet::Connection final : public io::StreamHandler {
 public:
  Connection(ConnectionSet& set, io::StreamId id, ConnectionPlan plan)
      : set_(set),
        id_(id),
        handler_(std::move(plan.handler)),
        reply_delay_(plan.reply_delay),
        server_(*plan.server, *handler_),
        delay_([this] { SendDue(); }),
        idle_([this] { OnIdle(); }) {}

  ServerHandler& handler() { return *handler_; }
  // From OnAccept, where the stream cannot be closed yet: a greeting that ends it waits for the next turn.
  void Start() {
    server_.Start();
    PassOn(server_.closed());
  }
  void End() {
    ended_ = true;
    set_.loop_.wheel.Cancel(delay_);
    set_.loop_.wheel.Cancel(idle_);
  }

  void OnConnect() override {}
  void OnReceive(std::string_view bytes) override {
    set_.retired_.clear();
    set_.loop_.clock.Update();
    set_.owner_.OnBytes(bytes.size());
    server_.Receive(bytes);
    PassOn(false);
  }
  void OnSent() override {
    if (finishing_) return Finish();
    if (std::exchange(paused_, false)) set_.loop_.io.PauseReceive(id_, false);
  }
  void OnClose(io::CloseReason) override { set_.Retire(id_); }

 private:
  struct Delayed {
    base::Instant at;
    std::string bytes;
    bool close;
  };

  // Sends what the session has to say, or puts it onto the delay line.
  void PassOn(bool later) {
    idle_at_ = set_.loop_.clock.Now() + kIdleMax;
    if (!idle_.IsSet()) set_.loop_.wheel.Set(idle_, idle_at_);
    std::string& output = server_.output();
    if (closing_ || (output.empty() && !server_.closed())) return;
    closing_ = server_.closed();
    if (later || reply_delay_ > base::Duration()) {
      delayed_.push_back({set_.loop_.clock.Now() + reply_delay_, std::exchange(output, {}), server_.closed()});
      if (!delay_.IsSet()) set_.loop_.wheel.Set(delay_, delayed_.front().at);
      return;
    }
    Send(output, server_.closed());
    output.clear();
  }

  void SendDue() {
    set_.loop_.clock.Update();
    while (!ended_ && !delayed_.empty() && delayed_.front().at <= set_.loop_.clock.Now()) {
      const Delayed due = std::move(delayed_.front());
      delayed_.pop_front();
      Send(due.bytes, due.close);
    }
    if (!ended_ && !delayed_.empty()) set_.loop_.wheel.Set(delay_, delayed_.front().at);
  }

  void Send(std::string_view bytes, bool close) {
    if (!bytes.empty()) set_.loop_.io.Send(id_, std::array{bytes});
    if (close) {
      // A connection counts as ended once its last reply has left, so that who waits for the end may exit then.
      finishing_ = true;
      if (set_.loop_.io.Unsent(id_) == 0) Finish();
    } else if (!paused_ && set_.loop_.io.Unsent(id_) > kUnsentMax) {
      paused_ = true;
      set_.loop_.io.PauseReceive(id_, true);
    }
  }

  void Finish() {
    set_.loop_.io.Close(id_, io::CloseMode::kFlush);
    set_.Retire(id_);
  }

  void OnIdle() {
    set_.loop_.clock.Update();
    if (set_.loop_.clock.Now() < idle_at_) return set_.loop_.wheel.Set(idle_, idle_at_);
    if (finishing_) return Finish();  // The client does not take the last reply.
    closing_ = true;
    Send("421 4.4.2 Idle for too long\r\n", true);
    if (!ended_) set_.loop_.wheel.Set(idle_, set_.loop_.clock.Now() + kIdleMax);
  }

  ConnectionSet& set_;
  const io::StreamId id_;
  const std::unique_ptr<ServerHandler> handler_;
  const base::Duration reply_delay_;
  SmtpServer server_;
  std::deque<Delayed> delayed_;
  io::Timer delay_;
  io::Timer idle_;  // Set once per kIdleMax, not once per event: idle_at_ says when it counts.
  base::Instant idle_at_;
  bool paused_ = false;
  bool closing_ = false;    // The close is on the delay line, or done.
  bool finishing_ = false;  // The last reply is with the reactor.
  bool ended_ = false;
};

ConnectionSet::ConnectionSet(const Loop& loop, ConnectionOwner& owner) : loop_(loop), owner_(owner) {}

ConnectionSet::~ConnectionSet() {
  StopListening();
  for (auto& [id, connection] : connections_) {
    loop_.io.Close(id, io::CloseMode::kNow);
    connection->End();
  }
}

absl::StatusOr<io::Endpoint> ConnectionSet::Listen(const io::Endpoint& local) {
  absl::StatusOr<io::Io::Listening> listening = loop_.io.Listen(local, *this);
  if (!listening.ok()) return listening.status();
  listeners_.push_back(listening->id);
  return listening->local;
}

void ConnectionSet::StopListening() {
  for (const io::ListenerId id : listeners_) loop_.io.CloseListener(id);
  listeners_.clear();
}

io::StreamHandler* ConnectionSet::OnAccept(io::StreamId id, const io::Endpoint& peer, const io::Endpoint& local) {
  retired_.clear();
  loop_.clock.Update();
  auto connection = std::make_unique<Connection>(*this, id, owner_.OnConnection(peer, local));
  Connection& handler = *connection;
  const bool fresh = connections_.emplace(id, std::move(connection)).second;
  CHECK(fresh);
  handler.Start();
  return &handler;
}

void ConnectionSet::Retire(io::StreamId id) {
  const auto found = connections_.find(id);
  CHECK(found != connections_.end());
  std::unique_ptr<Connection> connection = std::move(found->second);
  connections_.erase(found);
  connection->End();
  owner_.OnConnectionEnd(connection->handler());
  retired_.push_back(std::move(connection));
}

}  // namespace sandbox
