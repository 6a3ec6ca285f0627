// What io_uring and epoll have in common: the life of a stream from Connect or accept to its last call, queues, time
// limits of closing streams, listeners, the eventfd behind Wake. A backend moves the bytes and says what the kernel
// did.
//
// A turn (RunOnce): streams on the work list are looked at, then events are waited for and dispatched. Whatever a
// handler asks for (Send, Connect, PauseReceive) only puts its stream on the work list, so several sends of one turn go
// to the kernel together.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/stream.h"

namespace io {

class ReactorBase : public Reactor {
 public:
  ReactorBase(const ReactorBase&) = delete;
  ReactorBase& operator=(const ReactorBase&) = delete;
  ~ReactorBase() override;

  StreamId Connect(const ConnectOptions& options, StreamHandler& handler) final;
  void Send(StreamId id, absl::Span<const std::string_view> pieces) final;
  std::uint64_t Unsent(StreamId id) const final;
  void PauseReceive(StreamId id, bool paused) final;
  void Close(StreamId id, CloseMode mode) final;
  Endpoint Local(StreamId id) const final;
  absl::StatusOr<Listening> Listen(const Endpoint& local, AcceptHandler& handler) final;
  void CloseListener(ListenerId id) final;
  void RunOnce(base::Instant until) final;
  void Wake() final;

 protected:
  struct Listener {
    ListenerId id = ListenerId::kNone;
    int fd = -1;
    AcceptHandler* handler = nullptr;  // Null: closed.
    bool armed = false;                // The backend accepts.
    base::Instant arm_at;              // While not armed.
  };
  struct Watched {
    PollHandler* handler = nullptr;  // Null: reported, and to be watched again.
    bool readable = false;
    bool writable = false;
    std::uint64_t serial = 0;  // Of this watch; tells it from an earlier one of the same fd.
  };
  using WorkList = base::IntrusiveList<Stream, &Stream::work_hook>;

  // `socket_flags`: SOCK_NONBLOCK or 0.
  ReactorBase(const ReactorOptions& options, int socket_flags);

  // The backend's part.
  virtual void StartConnect(Stream& stream) = 0;        // The socket is open; `remote` is set.
  virtual void StartAccepted(Stream&) {}                // The socket is connected.
  virtual void Work(Stream& stream) = 0;                // Taken from the work list; may call handlers.
  virtual bool IsBusy(const Stream& stream) const = 0;  // Operations of the kernel are in flight: the slot must stay.
  virtual std::uint64_t TakenUnseen(const Stream&) const {
    return 0;
  }  // Bytes that the kernel took, still in `sending`.
  virtual void Arm(Listener& listener) = 0;
  virtual void Disarm(Listener& listener) = 0;  // Closed: ends with ForgetListener, now or when nothing is in flight.
  virtual void WaitAndDispatch(base::Instant until) = 0;  // `until` in the past: does not wait.

  // What the kernel did. `stream` may be another one's after any of these, as they call handlers: look it up again.
  void Connected(Stream& stream, int error);
  void Accepted(Listener& listener, int fd);
  void AcceptFailed(Listener& listener, int error);
  void Received(Stream& stream, std::string_view bytes);
  void ReceiveEnded(Stream& stream, int error);    // 0: FIN.
  void Sent(Stream& stream, std::uint64_t count);  // More than 0.
  void SendFailed(Stream& stream, int error);
  // Tells what waited for a resumed owner or for operations in flight; frees closed streams.
  void Settle(Stream& stream);

  void Enqueue(Stream& stream);  // On the work list.
  Stream* Find(StreamId id) { return streams_.Find(id); }
  Listener* FindListener(ListenerId id);
  void ForgetListener(Listener& listener);
  std::uint64_t NextWatch() { return ++last_watch_ & kWatchMask; }  // A serial.
  // Calls the watcher if `serial` is its latest watch.
  void ReportReady(int fd, std::uint64_t serial, bool readable, bool writable);
  void WokenUp();  // The eventfd was readable and is read.
  int wake_fd() const { return wake_fd_; }
  int wake_error() const { return wake_error_; }
  base::Instant now() const { return clock_.Now(); }
  void UpdateClock() { clock_.Update(); }
  BufferPool& pool() { return pool_; }
  bool IsEmpty() const { return streams_.in_use() == 0 && listeners_.empty(); }
  // Closes everything without calling a handler: the backend's destructor calls it, then finishes what is in flight.
  void CloseAll();

  absl::flat_hash_map<int, Watched> watched_;  // By fd; never iterated.

 private:
  using ClosingList = base::IntrusiveList<Stream, &Stream::closing_hook>;

  const Stream& Owned(StreamId id) const;  // Requires: its owner has it still.
  Stream& Owned(StreamId id) { return const_cast<Stream&>(static_cast<const ReactorBase*>(this)->Owned(id)); }
  void DeliverHeld(Stream& stream);
  void End(Stream& stream, Stage stage, int error);
  void ReportEnd(Stream& stream);
  void StartClosing(Stream& stream, bool reset);
  void StartLingering(Stream& stream);
  void StopClosingTimer(Stream& stream);
  void ExpireClosing();
  void ArmListeners();
  base::Instant NextDeadline() const;
  void Release(Stream& stream);

  static constexpr std::uint64_t kWatchMask = (std::uint64_t{1} << 36) - 1;  // Leaves a backend room for the fd.

  const int socket_flags_;
  const std::uint32_t streams_max_;
  const base::Duration flush_timeout_;
  SystemClock clock_;
  BufferPool pool_;
  StreamTable streams_;
  WorkList work_;
  ClosingList flushing_;   // By deadline.
  ClosingList lingering_;  // By deadline.
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::uint64_t last_listener_ = 0;
  std::uint64_t last_watch_ = 0;
  bool told_ = false;  // A handler was called in this turn, before the wait.
  int wake_fd_;
  const int wake_error_;             // errno, where there is no eventfd.
  std::atomic<bool> woken_ = false;  // Written to wake_fd_, and not seen yet.
};

}  // namespace io
