#include "tools/sandbox/connection.h"

#include <algorithm>
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
        plan_(std::move(plan)),
        server_(*plan_.server, *plan_.handler, TlsOf(plan_)),
        delay_([this] { SendDue(); }),
        idle_([this] { OnIdle(); }) {}

  ServerHandler& handler() { return *plan_.handler; }
  // From OnAccept, where the stream cannot be closed yet: a greeting that ends it waits for the next turn.
  void Start() {
    if (plan_.implicit_tls) {
      tls_ = plan_.tls->Accept(*plan_.tls_profile);
    } else {
      server_.Start();
    }
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
    if (tls_ != nullptr) return ReceiveTls(bytes);
    server_.Receive(bytes);
    PassOn(false);
    if (server_.wants_tls()) tls_ = plan_.tls->Accept(*plan_.tls_profile);
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

  static SmtpServer::Tls TlsOf(const ConnectionPlan& plan) {
    if (plan.tls == nullptr) return SmtpServer::Tls::kNone;
    return plan.implicit_tls ? SmtpServer::Tls::kFromTheStart : SmtpServer::Tls::kByStartTls;
  }

  void ReceiveTls(std::string_view bytes) {
    switch (plan_.tls_fault) {
      case TlsFault::kNone:
        break;
      case TlsFault::kReset:
        set_.loop_.io.Close(id_, io::CloseMode::kReset);
        return set_.Retire(id_);
      case TlsFault::kGarbage:
        wire_.append("250 This is no TLS\r\n");
        tls_ended_ = true;
        return PassOn(false);
    }
    const bool was_open = tls_->state() != TlsSession::State::kHandshaking;
    plain_.clear();
    tls_->Receive(bytes, plain_, wire_);
    if (!was_open && tls_->state() == TlsSession::State::kOpen) {
      set_.owner_.OnHandshake(*plan_.handler, tls_->info());
      if (plan_.implicit_tls) {
        server_.Start();
      } else {
        server_.OnTlsOpen();
      }
    }
    if (!plain_.empty()) server_.Receive(plain_);
    tls_ended_ = tls_->state() == TlsSession::State::kClosed;
    PassOn(false);
  }

  // Sends what the session has to say, or puts it onto the delay line.
  void PassOn(bool later) {
    idle_at_ = set_.loop_.clock.Now() + kIdleMax;
    if (!idle_.IsSet()) set_.loop_.wheel.Set(idle_, idle_at_);
    const bool close = server_.closed() || tls_ended_;
    std::string& output = Output(close);
    if (closing_ || (output.empty() && !close)) return;
    closing_ = close;
    const base::Duration delay = plan_.reply_delay + server_.TakeDelay();
    if (later || delay > base::Duration() || !delayed_.empty()) {
      base::Instant at = set_.loop_.clock.Now() + delay;
      if (!delayed_.empty()) at = std::max(at, delayed_.back().at);
      delayed_.push_back({at, std::exchange(output, {}), close});
      if (!delay_.IsSet()) set_.loop_.wheel.Set(delay_, delayed_.front().at);
      return;
    }
    Send(output, close);
    output.clear();
  }

  // What the session has said so far, as it goes onto the wire.
  std::string& Output(bool close) {
    if (tls_ == nullptr) return server_.output();
    if (tls_->state() == TlsSession::State::kOpen && !closing_) {
      if (!server_.output().empty()) {
        tls_->Send(server_.output(), wire_);
        if (close) tls_->Close(wire_);  // Who hangs up says no goodbye.
      }
    }
    server_.output().clear();
    return wire_;
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
    server_.output() = "421 4.4.2 Idle for too long\r\n";
    const std::string last = std::exchange(Output(true), {});
    closing_ = true;
    Send(last, true);
    if (!ended_) set_.loop_.wheel.Set(idle_, set_.loop_.clock.Now() + kIdleMax);
  }

  ConnectionSet& set_;
  const io::StreamId id_;
  const ConnectionPlan plan_;
  SmtpServer server_;
  std::unique_ptr<TlsSession> tls_;  // From STARTTLS on, or from the start.
  std::string wire_;                 // Encrypted, not sent yet.
  std::string plain_;                // Decrypted, within one call.
  std::deque<Delayed> delayed_;
  io::Timer delay_;
  io::Timer idle_;  // Set once per kIdleMax, not once per event: idle_at_ says when it counts.
  base::Instant idle_at_;
  bool tls_ended_ = false;  // By goodbye or failure: no answer reaches the client any more.
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
