// The reactor over io_uring: one multishot receive into provided buffers and at most one send in flight per stream, one
// multishot accept per listener. A turn is one system call: it submits what the handlers asked for and waits.
//
// Sends are prepared right before the call, after all handlers: what a handler drops by Close has not reached the
// kernel unless it was in flight from an earlier turn.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/reactor_base.h"
#include "engine/io/uring_ring.h"

namespace io {

class UringReactor final : public ReactorBase {
 public:
  // Errors: io_uring, or a part of it that is needed, does not work here.
  static absl::StatusOr<std::unique_ptr<Reactor>> Make(const ReactorOptions& options);
  ~UringReactor() override;

  void Watch(int fd, bool readable, bool writable, PollHandler& handler) override;
  void Unwatch(int fd) override;
  std::string_view name() const override { return "io_uring"; }

 private:
  UringReactor(const ReactorOptions& options, std::unique_ptr<UringRing> ring);

  void StartConnect(Stream& stream) override { Enqueue(stream); }
  void Work(Stream& stream) override;
  bool IsBusy(const Stream& stream) const override;
  std::uint64_t TakenUnseen(const Stream& stream) const override;
  void Arm(Listener& listener) override;
  void Disarm(Listener& listener) override;
  void WaitAndDispatch(base::Instant until) override;

  // Each returns false when the submission queue is full: to be repeated in the next turn.
  bool PrepareAll();
  bool Prepare(Stream& stream);
  bool PrepareConnect(Stream& stream);
  bool PrepareReceive(Stream& stream);
  bool PrepareSend(Stream& stream);
  bool CancelAll(Stream& stream);
  bool Cancel(Stream::Operation& operation, std::uint64_t user_data);
  bool PrepareCancel(std::uint64_t user_data);
  bool PrepareWatch(int fd, std::uint64_t serial);
  bool PrepareWakeRead();

  void Dispatch(const io_uring_cqe& completion);
  void OnReceiveDone(Stream& stream, const io_uring_cqe& completion);
  void OnSendDone(Stream& stream, int result);
  void OnAcceptDone(ListenerId id, const io_uring_cqe& completion);
  void OnPollDone(std::uint64_t value, int result);

  struct NewWatch {
    int fd;
    std::uint64_t serial;
  };

  const std::unique_ptr<UringRing> ring_;
  std::vector<StreamId> prepare_;      // Streams that may need operations started or cancelled.
  std::vector<std::uint64_t> cancel_;  // Polls and accepts to be cancelled.
  std::vector<NewWatch> watch_;        // Polls to be started.
  std::size_t dispatched_ = 0;         // How many of the ring's completions were told.
  bool wake_read_in_flight_ = false;
  std::uint64_t wake_count_ = 0;  // What the kernel reads from the eventfd.
};

}  // namespace io
