// The reactor over epoll: edge-triggered for streams, so that each is registered once, and one-shot for watched file
// descriptors.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/reactor_base.h"

struct epoll_event;

namespace io {

class EpollReactor final : public ReactorBase {
 public:
  // Errors: the kernel gives no epoll instance or eventfd.
  static absl::StatusOr<std::unique_ptr<Reactor>> Make(const ReactorOptions& options);
  ~EpollReactor() override;

  void Watch(int fd, bool readable, bool writable, PollHandler& handler) override;
  void Unwatch(int fd) override;
  std::string_view name() const override { return "epoll"; }

 private:
  EpollReactor(const ReactorOptions& options, int epoll_fd);

  void StartConnect(Stream& stream) override;
  void StartAccepted(Stream& stream) override;
  void Work(Stream& stream) override;
  bool IsBusy(const Stream&) const override { return false; }
  void Arm(Listener& listener) override;
  void Disarm(Listener& listener) override;
  void WaitAndDispatch(base::Instant until) override;

  bool Register(Stream& stream);
  void Dispatch(const epoll_event& event);
  void OnStreamEvent(StreamId id, std::uint32_t events);
  void AcceptAll(ListenerId id);
  bool Receive(Stream& stream, StreamId id);
  void SendQueued(Stream& stream);

  const int epoll_fd_;
  std::vector<epoll_event> events_;
  std::vector<char> received_;
};

}  // namespace io
