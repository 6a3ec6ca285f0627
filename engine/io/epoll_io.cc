#include "engine/io/epoll_io.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace io {
namespace {

using State = Stream::State;

constexpr std::size_t kEvents = 512;
constexpr std::size_t kReceiveSize = 64 * 1024;
constexpr int kReceivesPerTurn = 4;  // Of one stream, so that no sender keeps the others waiting.
constexpr int kAcceptsPerTurn = 64;

// What an event belongs to, in the upper bits of its data: ids and serials stay below.
enum class Tag : std::uint64_t { kStream = 0, kListener = 1, kWatch = 2, kWake = 3 };
constexpr int kTagShift = 62;
constexpr int kFdBits = 24;
constexpr std::uint64_t kFdMask = (std::uint64_t{1} << kFdBits) - 1;

std::uint64_t Data(Tag tag, std::uint64_t value) { return static_cast<std::uint64_t>(tag) << kTagShift | value; }

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> EpollReactor::Make(const ReactorOptions& options) {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return absl::UnavailableError(absl::StrCat("epoll: ", std::strerror(errno)));
  std::unique_ptr<EpollReactor> reactor(new EpollReactor(options, fd));
  if (reactor->wake_fd() < 0)
    return absl::UnavailableError(absl::StrCat("epoll: no eventfd: ", std::strerror(reactor->wake_error())));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = Data(Tag::kWake, 0);
  if (epoll_ctl(fd, EPOLL_CTL_ADD, reactor->wake_fd(), &event) != 0) {
    return absl::UnavailableError(absl::StrCat("epoll: the eventfd cannot be watched: ", std::strerror(errno)));
  }
  return reactor;
}

EpollReactor::EpollReactor(const ReactorOptions& options, int epoll_fd)
    : ReactorBase(options, SOCK_NONBLOCK), epoll_fd_(epoll_fd), events_(kEvents), received_(kReceiveSize) {}

EpollReactor::~EpollReactor() {
  CloseAll();
  close(epoll_fd_);
}

bool EpollReactor::Register(Stream& stream) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = Data(Tag::kStream, static_cast<std::uint64_t>(stream.id));
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stream.fd, &event) == 0;
}

void EpollReactor::StartConnect(Stream& stream) {
  if (connect(stream.fd, &stream.remote.any, stream.remote.size) != 0 && errno != EINPROGRESS) {
    return Connected(stream, errno);
  }
  // Even a connection that came about at once is told by the event that follows from registering it.
  if (!Register(stream)) Connected(stream, errno);
}

void EpollReactor::StartAccepted(Stream& stream) {
  // Without events, the stream is found broken when it is first worked on.
  if (!Register(stream)) stream.receive_error = errno, stream.receive_ended = true;
}

void EpollReactor::Arm(Listener& listener) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = Data(Tag::kListener, static_cast<std::uint64_t>(listener.id));
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener.fd, &event) == 0) {
    listener.armed = true;
  } else {
    AcceptFailed(listener, errno);
  }
}

void EpollReactor::Disarm(Listener& listener) { ForgetListener(listener); }

void EpollReactor::Watch(int fd, bool readable, bool writable, PollHandler& handler) {
  Watched& watched = watched_[fd];
  watched = {&handler, readable, writable, NextWatch()};
  epoll_event event{};
  event.events = EPOLLONESHOT | (readable ? std::uint32_t{EPOLLIN} : 0) | (writable ? std::uint32_t{EPOLLOUT} : 0);
  event.data.u64 = Data(Tag::kWatch, watched.serial << kFdBits | static_cast<std::uint64_t>(fd));
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0) return;
  CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollReactor::Unwatch(int fd) {
  if (watched_.erase(fd) != 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollReactor::WaitAndDispatch(base::Instant until) {
  // Milliseconds, rounded up: epoll_pwait2 is finer, but the containers that need epoll often do not know it.
  int timeout = -1;
  if (!until.IsNever()) {
    const std::int64_t left = std::max<std::int64_t>(0, (until - now()).nanoseconds());
    timeout = static_cast<int>(std::min<std::int64_t>((left + 999'999) / 1'000'000, std::numeric_limits<int>::max()));
  }
  const int count = epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), timeout);
  CHECK(count >= 0 || errno == EINTR);
  UpdateClock();
  for (int i = 0; i < count; ++i) Dispatch(events_[static_cast<std::size_t>(i)]);
}

void EpollReactor::Dispatch(const epoll_event& event) {
  const std::uint64_t value = event.data.u64 & ((std::uint64_t{1} << kTagShift) - 1);
  switch (static_cast<Tag>(event.data.u64 >> kTagShift)) {
    case Tag::kStream:
      return OnStreamEvent(static_cast<StreamId>(value), event.events);
    case Tag::kListener:
      return AcceptAll(static_cast<ListenerId>(value));
    case Tag::kWatch: {
      const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
      return ReportReady(static_cast<int>(value & kFdMask), value >> kFdBits, broken || (event.events & EPOLLIN) != 0,
                         broken || (event.events & EPOLLOUT) != 0);
    }
    case Tag::kWake: {
      std::uint64_t count;
      if (read(wake_fd(), &count, sizeof count) == sizeof count) WokenUp();
      return;
    }
  }
}

void EpollReactor::OnStreamEvent(StreamId id, std::uint32_t events) {
  Stream* const stream = Find(id);
  if (stream == nullptr) return;
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (stream->state == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0 && (events & EPOLLOUT) == 0) return;
    Connected(*stream, error);
    if (Find(id) != stream) return;
  }
  if (broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0) stream->readable = true;
  if (broken || (events & EPOLLRDHUP) != 0) stream->hung_up = true;
  if (broken || (events & EPOLLOUT) != 0) stream->writable = true;
  Work(*stream);
}

void EpollReactor::AcceptAll(ListenerId id) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Listener* const listener = FindListener(id);  // The handler may have closed it.
    if (listener == nullptr) return;
    const int fd = accept4(listener->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Accepted(*listener, fd);
    } else if (errno == EAGAIN) {
      return;
    } else if (IsDescriptorShortage(errno)) {
      AcceptFailed(*listener, errno);
      epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener->fd, nullptr);
      return;
    }
  }
}

void EpollReactor::Work(Stream& stream) {
  const StreamId id = stream.id;
  Settle(stream);
  if (Find(id) != &stream) return;
  const bool reads = (stream.state == State::kOpen && !stream.paused && stream.held.empty()) ||
                     stream.state == State::kFlushing || stream.state == State::kLingering;
  if (reads && stream.readable && !stream.receive_ended && !Receive(stream, id)) return;
  const bool sends = (stream.state == State::kOpen && stream.send_error == 0) || stream.state == State::kFlushing;
  if (sends && stream.writable && !stream.sending.empty()) SendQueued(stream);
  if (Find(id) == &stream && stream.state == State::kEnded) Settle(stream);
}

// Reads what is there. False: the stream may be gone.
bool EpollReactor::Receive(Stream& stream, StreamId id) {
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    const ssize_t count = recv(stream.fd, received_.data(), received_.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      stream.readable = false;
      return true;
    }
    if (count <= 0) {
      stream.readable = false;
      ReceiveEnded(stream, count < 0 ? errno : 0);
      return Find(id) == &stream;
    }
    // A short read has emptied the socket, and what comes later is a new event. Not so for an end that was told
    // already.
    if (static_cast<std::size_t>(count) < received_.size() && !stream.hung_up) stream.readable = false;
    Received(stream, {received_.data(), static_cast<std::size_t>(count)});
    if (Find(id) != &stream) return false;
    if (!stream.readable || stream.paused) return true;
  }
  Enqueue(stream);
  return true;
}

// One send; what is left is for the next turn, which finds out whether the socket is full.
void EpollReactor::SendQueued(Stream& stream) {
  const msghdr* const pieces = stream.sending.FrontPieces();
  const std::string_view front = stream.sending.Front();
  ssize_t count = -1;
  do {
    count = pieces != nullptr ? sendmsg(stream.fd, pieces, MSG_NOSIGNAL)
                              : send(stream.fd, front.data(), front.size(), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) return Sent(stream, static_cast<std::uint64_t>(count));
  if (errno != EAGAIN) return SendFailed(stream, errno);
  stream.writable = false;
}

}  // namespace io
