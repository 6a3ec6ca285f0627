#include "engine/io/reactor_base.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"

namespace io {
namespace {

constexpr std::size_t kBuffersKept = 128;
constexpr base::Duration kLingerTimeout = base::Duration::Seconds(2);

using State = Stream::State;

}  // namespace

ReactorBase::ReactorBase(const ReactorOptions& options, int socket_flags)
    : socket_flags_(socket_flags),
      streams_max_(options.streams_max),
      flush_timeout_(options.flush_timeout),
      pool_(kBuffersKept),
      wake_fd_(eventfd(0, EFD_CLOEXEC)),
      wake_error_(wake_fd_ < 0 ? errno : 0) {}

ReactorBase::~ReactorBase() {
  CHECK(streams_.in_use() == 0 && listeners_.empty());
  if (wake_fd_ >= 0) close(wake_fd_);
}

void ReactorBase::CloseAll() {
  watched_.clear();
  for (std::size_t i = listeners_.size(); i > 0; --i) {
    if (listeners_[i - 1]->handler != nullptr) CloseListener(listeners_[i - 1]->id);
  }
  for (Stream& stream : streams_.all()) {
    if (stream.IsOwned()) {
      Close(stream.id, CloseMode::kNow);
    } else if (stream.state == State::kFlushing || stream.state == State::kLingering) {
      StartClosing(stream, false);
    }
  }
}

StreamId ReactorBase::Connect(const ConnectOptions& options, StreamHandler& handler) {
  const bool full = streams_.in_use() >= streams_max_;
  // Every failure is told from the next RunOnce, so even a refusal for want of room takes a slot for so long.
  Stream& stream = streams_.Take();
  stream.handler = &handler;
  stream.state = State::kConnecting;
  stream.bound = options.source.has_value();
  if (full) {
    End(stream, Stage::kConnect, EMFILE);
    return stream.id;
  }
  const OpenedSocket opened = OpenStreamSocket(options, socket_flags_);
  stream.fd = opened.fd;
  if (opened.fd < 0) {
    End(stream, opened.stage, opened.error);
  } else {
    stream.remote = SocketAddress(options.remote);
    StartConnect(stream);
  }
  return stream.id;
}

void ReactorBase::Connected(Stream& stream, int error) {
  if (stream.state != State::kConnecting) return Settle(stream);
  if (error != 0) {
    // A bound stream chooses its port in connect: none may be left.
    return End(stream, stream.bound && error == EADDRNOTAVAIL ? Stage::kBind : Stage::kConnect, error);
  }
  stream.state = State::kOpen;
  Enqueue(stream);
  stream.handler->OnConnect();
}

void ReactorBase::Send(StreamId id, absl::Span<const std::string_view> pieces) {
  Stream& stream = Owned(id);
  CHECK(stream.state != State::kConnecting);
  stream.sending.Append(pool_, pieces);
  if (stream.state == State::kOpen && !stream.sending.empty()) Enqueue(stream);
}

std::uint64_t ReactorBase::Unsent(StreamId id) const {
  const Stream& stream = Owned(id);
  return stream.sending.size() - TakenUnseen(stream);
}

void ReactorBase::PauseReceive(StreamId id, bool paused) {
  Stream& stream = Owned(id);
  if (stream.paused == paused) return;
  stream.paused = paused;
  if (stream.state == State::kOpen) Enqueue(stream);
}

Endpoint ReactorBase::Local(StreamId id) const {
  const Stream& stream = Owned(id);
  CHECK(stream.state != State::kConnecting);
  return LocalEndpoint(stream.fd);
}

void ReactorBase::Close(StreamId id, CloseMode mode) {
  Stream& stream = Owned(id);
  const bool established = stream.state == State::kOpen;
  stream.handler = nullptr;
  stream.held.Clear(pool_);
  if (mode != CloseMode::kFlush || !established || stream.send_error != 0) {
    return StartClosing(stream, mode == CloseMode::kReset);
  }
  if (stream.sending.empty()) return StartLingering(stream);
  stream.state = State::kFlushing;
  stream.deadline = now() + flush_timeout_;
  flushing_.PushBack(stream);
  Enqueue(stream);
}

// What is queued and not yet taken by the kernel never will be, even if a send is in flight.
void ReactorBase::StartClosing(Stream& stream, bool reset) {
  StopClosingTimer(stream);
  const bool established = stream.state != State::kConnecting;
  stream.state = State::kClosing;
  stream.handler = nullptr;
  if (reset && stream.fd >= 0) {
    SetResetOnClose(stream.fd);
    if (IsBusy(stream)) ResetNow(stream.fd);
  } else if (established && stream.fd >= 0) {
    shutdown(stream.fd, SHUT_WR);
    DiscardReceived(stream.fd);
  }
  if (IsBusy(stream)) {
    Enqueue(stream);
  } else {
    Release(stream);
  }
}

void ReactorBase::StartLingering(Stream& stream) {
  StopClosingTimer(stream);
  shutdown(stream.fd, SHUT_WR);
  if (stream.receive_ended) return StartClosing(stream, false);
  stream.state = State::kLingering;
  stream.deadline = now() + kLingerTimeout;
  lingering_.PushBack(stream);
  Enqueue(stream);
}

void ReactorBase::StopClosingTimer(Stream& stream) {
  if (!stream.closing_hook.IsLinked()) return;
  (stream.state == State::kFlushing ? flushing_ : lingering_).Remove(stream);
}

void ReactorBase::ExpireClosing() {
  for (ClosingList* list : {&flushing_, &lingering_}) {
    while (!list->empty() && list->front().deadline <= now()) {
      // An RST tells a peer that comes back that it did not get all; after a FIN, it has got all.
      StartClosing(list->front(), list == &flushing_);
    }
  }
}

void ReactorBase::Received(Stream& stream, std::string_view bytes) {
  if (stream.state != State::kOpen) return;  // Closed streams read only to find the end.
  if (stream.paused || !stream.held.empty()) {
    stream.held.Append(pool_, {bytes});
  } else {
    told_ = true;
    stream.handler->OnReceive(bytes);
  }
}

void ReactorBase::ReceiveEnded(Stream& stream, int error) {
  stream.receive_ended = true;
  stream.receive_error = error;
  switch (stream.state) {
    case State::kOpen:
      if (!stream.paused && stream.held.empty()) End(stream, Stage::kStream, error != 0 ? error : stream.send_error);
      return;
    case State::kFlushing:  // After a FIN the peer may still read.
      if (error != 0) StartClosing(stream, false);
      return;
    case State::kLingering:
      return StartClosing(stream, false);
    case State::kConnecting:
    case State::kEnded:
    case State::kClosing:
    case State::kFree:
      return Settle(stream);
  }
}

void ReactorBase::Sent(Stream& stream, std::uint64_t count) {
  stream.sending.Consume(pool_, count);
  if (stream.state == State::kOpen) {
    told_ = true;
    if (stream.sending.empty()) return stream.handler->OnSent();
    return Enqueue(stream);
  }
  if (stream.state != State::kFlushing) return Settle(stream);
  if (stream.sending.empty()) return StartLingering(stream);
  StopClosingTimer(stream);
  stream.deadline = now() + flush_timeout_;
  flushing_.PushBack(stream);
  Enqueue(stream);
}

void ReactorBase::SendFailed(Stream& stream, int error) {
  if (stream.state == State::kFlushing) return StartClosing(stream, false);
  if (stream.state != State::kOpen) return Settle(stream);
  // What the peer wrote before it hung up says why: it is read first, then the stream ends. The shutdown makes sure of
  // the end.
  stream.send_error = error;
  shutdown(stream.fd, SHUT_RDWR);
  Enqueue(stream);
}

void ReactorBase::Settle(Stream& stream) {
  if (stream.state == State::kOpen) {
    const StreamId id = stream.id;
    DeliverHeld(stream);
    if (Find(id) != &stream || stream.state != State::kOpen) return;
    if (stream.receive_ended && !stream.paused) {
      return End(stream, Stage::kStream, stream.receive_error != 0 ? stream.receive_error : stream.send_error);
    }
    // A paused owner would not hear of the end otherwise.
    if (stream.send_error != 0 && stream.paused) return End(stream, Stage::kStream, stream.send_error);
    return;
  }
  if (IsBusy(stream)) return;
  if (stream.state == State::kEnded) return ReportEnd(stream);
  if (stream.state == State::kClosing) Release(stream);
}

// Buffer by buffer: the owner may pause or close in between.
void ReactorBase::DeliverHeld(Stream& stream) {
  const StreamId id = stream.id;
  while (Find(id) == &stream && stream.state == State::kOpen && !stream.paused && !stream.held.empty()) {
    const std::string_view bytes = stream.held.Front();
    Buffer* const buffer = stream.held.TakeFirst();  // Out of the queue, so that it outlives a Close by the handler.
    told_ = true;
    stream.handler->OnReceive(bytes);
    pool_.Give(buffer);
  }
}

// The owner hears of it from the work list: this may run inside of Connect.
void ReactorBase::End(Stream& stream, Stage stage, int error) {
  stream.state = State::kEnded;
  stream.reason = CloseReason{stage, error, 0};
  Enqueue(stream);
}

void ReactorBase::ReportEnd(Stream& stream) {
  CloseReason reason = stream.reason;
  reason.unsent = stream.sending.size();
  StreamHandler* const handler = stream.handler;
  Release(stream);
  told_ = true;
  handler->OnClose(reason);
}

void ReactorBase::Release(Stream& stream) {
  if (stream.work_hook.IsLinked()) work_.Remove(stream);
  if (stream.fd >= 0) close(stream.fd);
  stream.fd = -1;
  stream.handler = nullptr;
  stream.sending.Clear(pool_);
  stream.held.Clear(pool_);
  stream.bound = stream.paused = stream.receive_ended = false;
  stream.receive_error = stream.send_error = 0;
  stream.readable = stream.writable = stream.hung_up = false;
  stream.state = State::kFree;
  streams_.Give(stream);
}

const Stream& ReactorBase::Owned(StreamId id) const {
  const Stream* const stream = streams_.Find(id);
  CHECK(stream != nullptr && stream->IsOwned());
  return *stream;
}

void ReactorBase::Enqueue(Stream& stream) {
  if (!stream.work_hook.IsLinked()) work_.PushBack(stream);
}

void ReactorBase::RunOnce(base::Instant until) {
  UpdateClock();
  ExpireClosing();
  ArmListeners();
  told_ = false;
  for (std::size_t left = work_.size(); left > 0 && !work_.empty(); --left) Work(work_.PopFront());
  // A handler that was called may have given the caller something to do: a timer, a message.
  const bool waits = work_.empty() && !told_;
  WaitAndDispatch(waits ? std::min(until, NextDeadline()) : now());
}

base::Instant ReactorBase::NextDeadline() const {
  base::Instant next = base::Instant::Never();
  if (!flushing_.empty()) next = std::min(next, flushing_.front().deadline);
  if (!lingering_.empty()) next = std::min(next, lingering_.front().deadline);
  for (const std::unique_ptr<Listener>& listener : listeners_) {
    if (!listener->armed && listener->handler != nullptr) next = std::min(next, listener->arm_at);
  }
  return next;
}

}  // namespace io
