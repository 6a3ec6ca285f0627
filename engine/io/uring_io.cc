#include "engine/io/uring_io.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace io {
namespace {

using State = Stream::State;

// What an operation is, in the upper bits of its user_data: ids and serials stay below.
enum class Tag : std::uint64_t { kConnect, kReceive, kSend, kAccept, kPoll, kWake, kCancel };
constexpr int kTagShift = 60;
constexpr std::uint64_t kValueMask = (std::uint64_t{1} << kTagShift) - 1;
constexpr int kFdBits = 24;
constexpr std::uint64_t kFdMask = (std::uint64_t{1} << kFdBits) - 1;

std::uint64_t UserData(Tag tag, std::uint64_t value) { return static_cast<std::uint64_t>(tag) << kTagShift | value; }
std::uint64_t UserData(Tag tag, StreamId id) { return UserData(tag, static_cast<std::uint64_t>(id)); }
std::uint64_t UserData(Tag tag, ListenerId id) { return UserData(tag, static_cast<std::uint64_t>(id)); }
std::uint64_t PollData(int fd, std::uint64_t serial) {
  return UserData(Tag::kPoll, serial << kFdBits | static_cast<std::uint64_t>(fd));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> UringReactor::Make(const ReactorOptions& options) {
  absl::StatusOr<std::unique_ptr<UringRing>> ring = UringRing::Make();
  if (!ring.ok()) return ring.status();
  std::unique_ptr<UringReactor> reactor(new UringReactor(options, *std::move(ring)));
  if (reactor->wake_fd() < 0)
    return absl::UnavailableError(absl::StrCat("io_uring: no eventfd: ", std::strerror(reactor->wake_error())));
  return reactor;
}

UringReactor::UringReactor(const ReactorOptions& options, std::unique_ptr<UringRing> ring)
    : ReactorBase(options, 0), ring_(std::move(ring)) {}

// The kernel must not hold sockets or send buffers any more when they go: it is given some turns to let go of them.
UringReactor::~UringReactor() {
  CloseAll();
  const base::Instant give_up = now() + base::Duration::Seconds(5);
  while (!IsEmpty() && now() < give_up) RunOnce(now() + base::Duration::Milliseconds(10));
}

bool UringReactor::IsBusy(const Stream& stream) const {
  return stream.connect.in_flight || stream.receive.in_flight || stream.send.in_flight;
}

std::uint64_t UringReactor::TakenUnseen(const Stream& stream) const {
  if (!stream.send.in_flight) return 0;
  const std::uint64_t user_data = UserData(Tag::kSend, stream.id);
  const std::vector<io_uring_cqe>& completions = ring_->completions();
  for (std::size_t i = dispatched_; i < completions.size(); ++i) {
    if (completions[i].user_data == user_data) return static_cast<std::uint64_t>(std::max(0, completions[i].res));
  }
  return 0;
}

void UringReactor::Work(Stream& stream) {
  const StreamId id = stream.id;
  Settle(stream);
  if (Find(id) == &stream) prepare_.push_back(id);
}

void UringReactor::Watch(int fd, bool readable, bool writable, PollHandler& handler) {
  Unwatch(fd);
  const std::uint64_t serial = NextWatch();
  watched_[fd] = {&handler, readable, writable, serial};
  watch_.push_back({fd, serial});
}

void UringReactor::Unwatch(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  // One that was not started yet finds itself replaced or gone.
  if (found->second.handler != nullptr) cancel_.push_back(PollData(fd, found->second.serial));
  watched_.erase(found);
}

void UringReactor::Arm(Listener& listener) {
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return;
  io_uring_prep_multishot_accept(entry, listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  entry->user_data = UserData(Tag::kAccept, listener.id);
  listener.armed = true;
}

void UringReactor::Disarm(Listener& listener) { cancel_.push_back(UserData(Tag::kAccept, listener.id)); }

void UringReactor::WaitAndDispatch(base::Instant until) {
  const bool prepared = PrepareAll();
  base::Duration left;
  if (prepared && !until.IsNever()) left = std::max(base::Duration(), until - now());
  ring_->Wait(prepared && until.IsNever() ? nullptr : &left);
  UpdateClock();
  for (dispatched_ = 0; dispatched_ < ring_->completions().size();) Dispatch(ring_->completions()[dispatched_++]);
}

bool UringReactor::PrepareAll() {
  if (!wake_read_in_flight_ && !PrepareWakeRead()) return false;
  while (!cancel_.empty()) {
    if (!PrepareCancel(cancel_.back())) return false;
    cancel_.pop_back();
  }
  while (!watch_.empty()) {
    if (!PrepareWatch(watch_.back().fd, watch_.back().serial)) return false;
    watch_.pop_back();
  }
  std::size_t done = 0;
  bool all = true;
  for (; all && done < prepare_.size(); ++done) {
    Stream* const stream = Find(prepare_[done]);
    if (stream != nullptr && !Prepare(*stream)) {
      all = false;
      break;
    }
  }
  prepare_.erase(prepare_.begin(), prepare_.begin() + static_cast<std::ptrdiff_t>(done));
  return all;
}

bool UringReactor::Prepare(Stream& stream) {
  switch (stream.state) {
    case State::kConnecting:
      return stream.connect.in_flight || PrepareConnect(stream);
    case State::kOpen:
    case State::kFlushing:
    case State::kLingering:
      return PrepareSend(stream) && PrepareReceive(stream);
    case State::kEnded:
    case State::kClosing:
      return CancelAll(stream);
    case State::kFree:
      return true;
  }
  return true;
}

bool UringReactor::PrepareConnect(Stream& stream) {
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  io_uring_prep_connect(entry, stream.fd, &stream.remote.any, stream.remote.size);
  entry->user_data = UserData(Tag::kConnect, stream.id);
  stream.connect.in_flight = true;
  return true;
}

bool UringReactor::PrepareReceive(Stream& stream) {
  const bool reads = (stream.state != State::kOpen || (!stream.paused && stream.held.empty())) && !stream.receive_ended;
  if (!reads && !stream.receive_ended) return Cancel(stream.receive, UserData(Tag::kReceive, stream.id));
  if (!reads || stream.receive.in_flight) return true;
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  io_uring_prep_recv_multishot(entry, stream.fd, nullptr, 0, 0);
  entry->ioprio |= IORING_RECVSEND_POLL_FIRST;  // There is rarely anything to read yet.
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = UringRing::kBufferGroup;
  entry->user_data = UserData(Tag::kReceive, stream.id);
  stream.receive.in_flight = true;
  return true;
}

bool UringReactor::PrepareSend(Stream& stream) {
  const bool sends = (stream.state == State::kOpen && stream.send_error == 0) || stream.state == State::kFlushing;
  if (!sends || stream.send.in_flight || stream.sending.empty()) return true;
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  // Without MSG_WAITALL: a send that is cancelled has then taken all of its count or nothing, so that `unsent` is
  // exact.
  if (const msghdr* const pieces = stream.sending.FrontPieces(); pieces != nullptr) {
    io_uring_prep_sendmsg(entry, stream.fd, pieces, MSG_NOSIGNAL);
  } else {
    const std::string_view front = stream.sending.Front();
    io_uring_prep_send(entry, stream.fd, front.data(), front.size(), MSG_NOSIGNAL);
  }
  entry->user_data = UserData(Tag::kSend, stream.id);
  stream.send.in_flight = true;
  return true;
}

bool UringReactor::CancelAll(Stream& stream) {
  return Cancel(stream.connect, UserData(Tag::kConnect, stream.id)) &&
         Cancel(stream.receive, UserData(Tag::kReceive, stream.id)) &&
         Cancel(stream.send, UserData(Tag::kSend, stream.id));
}

bool UringReactor::Cancel(Stream::Operation& operation, std::uint64_t user_data) {
  if (!operation.in_flight || operation.cancelled) return true;
  operation.cancelled = PrepareCancel(user_data);
  return operation.cancelled;
}

bool UringReactor::PrepareCancel(std::uint64_t user_data) {
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  io_uring_prep_cancel64(entry, user_data, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = UserData(Tag::kCancel, std::uint64_t{0});
  return true;
}

bool UringReactor::PrepareWatch(int fd, std::uint64_t serial) {
  const auto found = watched_.find(fd);
  if (found == watched_.end() || found->second.serial != serial) return true;
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  const int events = (found->second.readable ? POLLIN : 0) | (found->second.writable ? POLLOUT : 0);
  io_uring_prep_poll_add(entry, fd, static_cast<unsigned>(events));
  entry->user_data = PollData(fd, serial);
  return true;
}

bool UringReactor::PrepareWakeRead() {
  io_uring_sqe* const entry = ring_->Entry();
  if (entry == nullptr) return false;
  io_uring_prep_read(entry, wake_fd(), &wake_count_, sizeof wake_count_, 0);
  entry->user_data = UserData(Tag::kWake, std::uint64_t{0});
  wake_read_in_flight_ = true;
  return true;
}

void UringReactor::Dispatch(const io_uring_cqe& completion) {
  const std::uint64_t value = completion.user_data & kValueMask;
  switch (static_cast<Tag>(completion.user_data >> kTagShift)) {
    case Tag::kAccept:
      return OnAcceptDone(static_cast<ListenerId>(value), completion);
    case Tag::kPoll:
      return OnPollDone(value, completion.res);
    case Tag::kWake:
      wake_read_in_flight_ = false;
      if (completion.res > 0) WokenUp();
      return;
    case Tag::kCancel:
      return;  // The cancelled operation tells its end itself.
    case Tag::kConnect:
    case Tag::kReceive:
    case Tag::kSend:
      break;
  }
  const StreamId id = static_cast<StreamId>(value);
  Stream* const stream = Find(id);
  CHECK(stream != nullptr);  // Its slot waits for every operation.
  switch (static_cast<Tag>(completion.user_data >> kTagShift)) {
    case Tag::kConnect:
      stream->connect = {};
      Connected(*stream, -completion.res);
      break;
    case Tag::kReceive:
      OnReceiveDone(*stream, completion);
      break;
    case Tag::kSend:
      OnSendDone(*stream, completion.res);
      break;
    case Tag::kAccept:
    case Tag::kPoll:
    case Tag::kWake:
    case Tag::kCancel:
      break;
  }
  if (Find(id) == stream && (stream->state == State::kEnded || stream->state == State::kClosing)) Settle(*stream);
}

void UringReactor::OnReceiveDone(Stream& stream, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    stream.receive = {};
    Enqueue(stream);  // To be started again, unless this is the end.
  }
  const bool has_buffer = (completion.flags & IORING_CQE_F_BUFFER) != 0;
  const std::uint16_t buffer = UringRing::BufferOf(completion);
  const int result = completion.res;
  // ENOBUFS: this turn's buffers were used up; they are back by the next. ECANCELED: the receiver paused.
  const bool again = result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN;
  if (result > 0) {
    CHECK(has_buffer);
    Received(stream, ring_->Bytes(buffer, static_cast<std::size_t>(result)));
  } else if (!again) {
    ReceiveEnded(stream, -result);
  }
  if (has_buffer) ring_->GiveBack(buffer);
}

void UringReactor::OnSendDone(Stream& stream, int result) {
  stream.send = {};
  if (result >= 0) return Sent(stream, static_cast<std::uint64_t>(result));
  if (result == -EINTR || result == -EAGAIN || result == -ECANCELED) return Enqueue(stream);
  SendFailed(stream, -result);
}

void UringReactor::OnAcceptDone(ListenerId id, const io_uring_cqe& completion) {
  Listener* listener = FindListener(id);
  CHECK(listener != nullptr);  // It waits for its accept.
  if (completion.res >= 0) Accepted(*listener, completion.res);
  if ((completion.flags & IORING_CQE_F_MORE) != 0) return;
  listener = FindListener(id);
  AcceptFailed(*listener, completion.res < 0 ? -completion.res : 0);
  if (listener->handler == nullptr) ForgetListener(*listener);
}

void UringReactor::OnPollDone(std::uint64_t value, int result) {
  const bool broken = result < 0 || (result & (POLLERR | POLLHUP)) != 0;
  ReportReady(static_cast<int>(value & kFdMask), value >> kFdBits, broken || (result & POLLIN) != 0,
              broken || (result & POLLOUT) != 0);
}

}  // namespace io
