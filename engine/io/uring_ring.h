// The kernel's side of the io_uring reactor: set-up, submission entries, completions, and the ring of buffers that
// receives fill.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace io {

class UringRing {
 public:
  static constexpr int kBufferGroup = 0;

  // Sets everything up and tries it. Errors: what does not work here.
  static absl::StatusOr<std::unique_ptr<UringRing>> Make();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;
  ~UringRing();

  // An entry to fill. Null: the queue is full and the kernel takes no more now; try again after Wait.
  io_uring_sqe* Entry();
  // Submits, waits for `left` (null: for ever) until there is a completion, and takes all there are into completions().
  void Wait(const base::Duration* left);
  // Everything that the kernel has done so far, as operations make progress only within Wait.
  const std::vector<io_uring_cqe>& completions() const { return completions_; }

  static std::uint16_t BufferOf(const io_uring_cqe& completion);
  std::string_view Bytes(std::uint16_t buffer, std::size_t size) const;
  void GiveBack(std::uint16_t buffer);

 private:
  UringRing() = default;
  absl::Status SetUp();
  absl::Status AddBuffers();
  absl::Status TryOut();
  void TakeCompletions();

  io_uring ring_{};
  bool ring_open_ = false;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  std::vector<io_uring_cqe> completions_;
};

}  // namespace io
