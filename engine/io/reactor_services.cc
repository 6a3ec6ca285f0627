// ReactorBase beyond streams: listeners, watched file descriptors, Wake.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"
#include "engine/io/reactor_base.h"

namespace io {
namespace {

constexpr base::Duration kAcceptBackOff = base::Duration::Milliseconds(100);

}  // namespace

absl::StatusOr<Io::Listening> ReactorBase::Listen(const Endpoint& local, AcceptHandler& handler) {
  const absl::StatusOr<int> fd = OpenListenSocket(local, socket_flags_);
  if (!fd.ok()) return fd.status();
  auto listener = std::make_unique<Listener>();
  listener->id = static_cast<ListenerId>(++last_listener_);
  listener->fd = *fd;
  listener->handler = &handler;
  listener->arm_at = now();
  listeners_.push_back(std::move(listener));
  return Listening{listeners_.back()->id, LocalEndpoint(*fd)};
}

void ReactorBase::CloseListener(ListenerId id) {
  Listener* const listener = FindListener(id);
  CHECK(listener != nullptr && listener->handler != nullptr);
  listener->handler = nullptr;
  shutdown(listener->fd, SHUT_RDWR);  // Refuses from here on, even while an accept in flight holds the socket.
  if (listener->armed) {
    Disarm(*listener);
  } else {
    ForgetListener(*listener);
  }
}

void ReactorBase::ArmListeners() {
  for (const std::unique_ptr<Listener>& listener : listeners_) {
    if (!listener->armed && listener->handler != nullptr && listener->arm_at <= now()) Arm(*listener);
  }
}

void ReactorBase::Accepted(Listener& listener, int fd) {
  if (listener.handler == nullptr || streams_.in_use() >= streams_max_) {
    SetResetOnClose(fd);
    close(fd);
    return;
  }
  SetNoDelay(fd);
  Stream& stream = streams_.Take();
  stream.fd = fd;
  stream.state = Stream::State::kOpen;
  StartAccepted(stream);
  Enqueue(stream);
  const StreamId id = stream.id;
  StreamHandler* const handler = listener.handler->OnAccept(id, PeerEndpoint(fd), LocalEndpoint(fd));
  if (Find(id) == nullptr || !stream.IsOwned()) return;  // Closed by the call.
  stream.handler = handler;
  if (handler == nullptr) Close(id, CloseMode::kReset);
}

void ReactorBase::AcceptFailed(Listener& listener, int error) {
  listener.armed = false;
  // Other errors belong to a connection that went away before it was accepted.
  listener.arm_at = IsDescriptorShortage(error) ? now() + kAcceptBackOff : now();
}

ReactorBase::Listener* ReactorBase::FindListener(ListenerId id) {
  const auto found = std::find_if(listeners_.begin(), listeners_.end(), [id](const auto& l) { return l->id == id; });
  return found == listeners_.end() ? nullptr : found->get();
}

void ReactorBase::ForgetListener(Listener& listener) {
  close(listener.fd);
  std::erase_if(listeners_, [&listener](const auto& l) { return l.get() == &listener; });
}

void ReactorBase::ReportReady(int fd, std::uint64_t serial, bool readable, bool writable) {
  const auto found = watched_.find(fd);
  if (found == watched_.end() || found->second.serial != serial || found->second.handler == nullptr) return;
  PollHandler* const handler = found->second.handler;
  found->second.handler = nullptr;
  handler->OnReady(fd, readable, writable);
}

void ReactorBase::Wake() {
  // One write for any number of calls until the loop has seen it.
  if (woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  while (write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

// From here on a Wake writes again. One that comes before needs no write: this turn ends without waiting.
void ReactorBase::WokenUp() { woken_.exchange(false); }

}  // namespace io
