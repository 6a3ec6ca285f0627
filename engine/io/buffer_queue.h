// Bytes on their way to a socket, in 64 KB buffers that the reactor owns. A message of up to 64 KB lies in one piece,
// so that it goes to the kernel as one send. Buffers are reused last in, first out: the hottest one is written next.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace io {

struct Buffer {
  static constexpr std::size_t kSize = 64 * 1024;
  static constexpr std::size_t kPiecesMax = 16;  // Of one sendmsg.

  Buffer* next;
  std::uint32_t begin;
  std::uint32_t end;
  // For the sendmsg that starts with this buffer: they must stay in place while the kernel works on it.
  msghdr header;
  std::array<iovec, kPiecesMax> pieces;
  char bytes[kSize];
};

// One thread. Keeps up to `kept_max` unused buffers; what is beyond goes back to the heap.
class BufferPool {
 public:
  explicit BufferPool(std::size_t kept_max) : kept_max_(kept_max) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();
  Buffer* Take();  // Empty.
  void Give(Buffer* buffer);

 private:
  const std::size_t kept_max_;
  std::size_t kept_ = 0;
  Buffer* free_ = nullptr;
};

// Always used with the same pool. To be cleared before it is destroyed.
class BufferQueue {
 public:
  BufferQueue() = default;
  BufferQueue(const BufferQueue&) = delete;
  BufferQueue& operator=(const BufferQueue&) = delete;
  ~BufferQueue();

  bool empty() const { return size_ == 0; }
  std::uint64_t size() const { return size_; }
  void Append(BufferPool& pool, absl::Span<const std::string_view> pieces);
  // The first bytes, as many as lie in one piece. Stays valid, and in place, until consumed.
  std::string_view Front() const;
  // The first bytes as the argument of one sendmsg. Null: Front() is all there is. Stays valid until they are consumed.
  const msghdr* FrontPieces();
  // Takes out the buffer that Front() lies in; the caller gives it back to the pool. Requires: not empty.
  Buffer* TakeFirst();
  void Consume(BufferPool& pool, std::uint64_t count);  // Requires: count <= size().
  void Clear(BufferPool& pool) { Consume(pool, size_); }

 private:
  Buffer* first_ = nullptr;
  Buffer* last_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace io
