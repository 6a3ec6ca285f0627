#include "engine/io/buffer_queue.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace io {

BufferPool::~BufferPool() {
  while (free_ != nullptr) {
    Buffer* const next = free_->next;
    delete free_;
    free_ = next;
  }
}

Buffer* BufferPool::Take() {
  Buffer* buffer = free_;
  if (buffer == nullptr) {
    buffer = new Buffer;  // Its 64 KB stay unwritten, and so take no memory, until they are used.
  } else {
    free_ = buffer->next;
    --kept_;
  }
  buffer->next = nullptr;
  buffer->begin = buffer->end = 0;
  return buffer;
}

void BufferPool::Give(Buffer* buffer) {
  if (kept_ == kept_max_) {
    delete buffer;
    return;
  }
  buffer->next = free_;
  free_ = buffer;
  ++kept_;
}

BufferQueue::~BufferQueue() { CHECK(first_ == nullptr); }

void BufferQueue::Append(BufferPool& pool, absl::Span<const std::string_view> pieces) {
  for (std::string_view piece : pieces) {
    size_ += piece.size();
    while (!piece.empty()) {
      if (last_ == nullptr || last_->end == Buffer::kSize) {
        Buffer* const buffer = pool.Take();
        (last_ == nullptr ? first_ : last_->next) = buffer;
        last_ = buffer;
      }
      const std::size_t count = std::min(piece.size(), Buffer::kSize - last_->end);
      std::memcpy(last_->bytes + last_->end, piece.data(), count);
      last_->end += static_cast<std::uint32_t>(count);
      piece.remove_prefix(count);
    }
  }
}

std::string_view BufferQueue::Front() const {
  if (first_ == nullptr) return {};
  return {first_->bytes + first_->begin, first_->end - first_->begin};
}

const msghdr* BufferQueue::FrontPieces() {
  if (first_ == last_) return nullptr;
  std::size_t count = 0;
  for (Buffer* buffer = first_; buffer != nullptr && count < Buffer::kPiecesMax; buffer = buffer->next) {
    first_->pieces[count++] = {buffer->bytes + buffer->begin, buffer->end - buffer->begin};
  }
  first_->header = msghdr{};
  first_->header.msg_iov = first_->pieces.data();
  first_->header.msg_iovlen = count;
  return &first_->header;
}

Buffer* BufferQueue::TakeFirst() {
  CHECK(first_ != nullptr);
  Buffer* const taken = first_;
  size_ -= taken->end - taken->begin;
  first_ = taken->next;
  if (first_ == nullptr) last_ = nullptr;
  return taken;
}

void BufferQueue::Consume(BufferPool& pool, std::uint64_t count) {
  CHECK(count <= size_);
  size_ -= count;
  while (first_ != nullptr) {
    const std::uint64_t taken = std::min<std::uint64_t>(count, first_->end - first_->begin);
    first_->begin += static_cast<std::uint32_t>(taken);
    count -= taken;
    if (first_->begin != first_->end) break;
    Buffer* const done = first_;
    first_ = done->next;
    if (first_ == nullptr) last_ = nullptr;
    pool.Give(done);
  }
}

}  // namespace io
