#include "engine/io/uring_ring.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace io {
namespace {

constexpr unsigned kSubmissions = 1024;
constexpr unsigned kCompletions = 8192;
constexpr unsigned kBuffers = 512;  // A power of two.
constexpr unsigned kBufferSize = 16 * 1024;

absl::Status Unavailable(std::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat("io_uring: ", std::string(what), ": ", std::strerror(error)));
}

void* MapPages(std::size_t size) {
  void* const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Make() {
  std::unique_ptr<UringRing> ring(new UringRing);
  if (absl::Status status = ring->SetUp(); !status.ok()) return status;
  if (absl::Status status = ring->AddBuffers(); !status.ok()) return status;
  if (absl::Status status = ring->TryOut(); !status.ok()) return status;
  return ring;
}

UringRing::~UringRing() {
  if (ring_open_) io_uring_queue_exit(&ring_);
  if (buffer_ring_ != nullptr) munmap(buffer_ring_, kBuffers * sizeof(io_uring_buf));
  if (buffers_ != nullptr) munmap(buffers_, std::size_t{kBuffers} * kBufferSize);
}

absl::Status UringRing::SetUp() {
  io_uring_params params{};
  // DEFER_TASKRUN: operations make progress only while we wait, without interrupts. Kernels before 6.1 lack it; epoll
  // is as fast there.
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
                 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  params.cq_entries = kCompletions;
  const int result = io_uring_queue_init_params(kSubmissions, &ring_, &params);
  if (result < 0) return Unavailable("cannot set up", -result);
  ring_open_ = true;
  constexpr unsigned kNeeded =
      IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
  if ((params.features & kNeeded) != kNeeded) return absl::UnavailableError("io_uring: the kernel is too old");
  static_cast<void>(io_uring_register_ring_fd(&ring_));  // Saves a look-up per call; not needed.
  completions_.reserve(params.cq_entries);
  return absl::OkStatus();
}

absl::Status UringRing::AddBuffers() {
  buffer_ring_ = static_cast<io_uring_buf_ring*>(MapPages(kBuffers * sizeof(io_uring_buf)));
  buffers_ = static_cast<char*>(MapPages(std::size_t{kBuffers} * kBufferSize));
  if (buffer_ring_ == nullptr || buffers_ == nullptr) return Unavailable("no memory for buffers", ENOMEM);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
  registration.ring_entries = kBuffers;
  registration.bgid = kBufferGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) return Unavailable("cannot register buffers", -result);
  io_uring_buf_ring_init(buffer_ring_);
  for (unsigned buffer = 0; buffer < kBuffers; ++buffer) GiveBack(static_cast<std::uint16_t>(buffer));
  return absl::OkStatus();
}

absl::Status UringRing::TryOut() {
  io_uring_sqe* const entry = Entry();
  CHECK(entry != nullptr);
  io_uring_prep_nop(entry);
  entry->user_data = 0;
  const int result = io_uring_submit_and_wait(&ring_, 1);
  if (result < 0) return Unavailable("cannot submit", -result);
  TakeCompletions();
  const bool done = completions_.size() == 1 && completions_.front().res == 0;
  completions_.clear();
  return done ? absl::OkStatus() : absl::UnavailableError("io_uring: a no-op failed");
}

io_uring_sqe* UringRing::Entry() {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  if (entry != nullptr) return entry;
  static_cast<void>(io_uring_submit(&ring_));  // If it fails, there still is no entry.
  return io_uring_get_sqe(&ring_);
}

void UringRing::Wait(const base::Duration* left) {
  int result;
  if (left == nullptr) {
    result = io_uring_submit_and_wait(&ring_, 1);
  } else if (left->nanoseconds() <= 0) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    __kernel_timespec timeout{};
    timeout.tv_sec = left->seconds();
    timeout.tv_nsec = left->nanoseconds() % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  // Busy: completions wait to be taken first. Anything else would mean lost completions.
  CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY || result == -EAGAIN);
  completions_.clear();
  TakeCompletions();
}

void UringRing::TakeCompletions() {
  while (true) {
    unsigned head = *ring_.cq.khead;
    const unsigned tail = io_uring_smp_load_acquire(ring_.cq.ktail);
    const unsigned count = tail - head;
    for (; head != tail; ++head) completions_.push_back(ring_.cq.cqes[head & *ring_.cq.kring_mask]);
    io_uring_cq_advance(&ring_, count);
    // The kernel keeps what did not fit and hands it over when asked.
    if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) == 0) return;
    const int result = io_uring_get_events(&ring_);
    CHECK(result >= 0 || result == -EINTR || result == -EBUSY || result == -EAGAIN);
  }
}

std::uint16_t UringRing::BufferOf(const io_uring_cqe& completion) {
  return static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
}

std::string_view UringRing::Bytes(std::uint16_t buffer, std::size_t size) const {
  CHECK(buffer < kBuffers && size <= kBufferSize);
  return {buffers_ + std::size_t{buffer} * kBufferSize, size};
}

void UringRing::GiveBack(std::uint16_t buffer) {
  io_uring_buf_ring_add(buffer_ring_, buffers_ + std::size_t{buffer} * kBufferSize, kBufferSize, buffer,
                        io_uring_buf_ring_mask(kBuffers), 0);
  io_uring_buf_ring_advance(buffer_ring_, 1);
}

}  // namespace io
