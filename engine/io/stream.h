// One TCP stream as both reactors keep it, and the table that gives out their names.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/time.h"
#include "engine/io/buffer_queue.h"
#include "engine/io/io.h"
#include "engine/io/socket.h"

namespace io {

struct Stream {
  enum class State : std::uint8_t {
    kFree,
    kConnecting,
    kOpen,
    kEnded,      // Over. OnClose follows from the loop, when no operation is in flight any more.
    kFlushing,   // Closed by its owner: sends what is queued.
    kLingering,  // Closed, all is sent, FIN too: reads on until the peer's FIN. Closing with unread bytes would reset
                 // the stream.
    kClosing,    // Closed: waits for the operations in flight.
  };
  // An operation of io_uring. The slot is not used again before all have finished.
  struct Operation {
    bool in_flight = false;
    bool cancelled = false;
  };

  StreamId id = StreamId::kNone;
  State state = State::kFree;
  bool bound = false;   // To a source address.
  bool paused = false;  // By PauseReceive.
  bool receive_ended =
      false;  // FIN or an error was read; `receive_error` says which. OnClose may have to wait for a paused owner.
  int receive_error = 0;
  int send_error = 0;  // Sending failed; what the peer wrote before is still read.
  int fd = -1;
  StreamHandler* handler = nullptr;
  BufferQueue sending;
  BufferQueue held;                                          // Received while paused.
  CloseReason reason;                                        // In kEnded; without `unsent`.
  base::Instant deadline;                                    // In kFlushing and kLingering.
  SocketAddress remote;                                      // Until connected.
  Operation connect, receive, send;                          // io_uring
  bool readable = false, writable = false, hung_up = false;  // epoll, edge-triggered: what is known of the socket.
  base::ListHook work_hook;                                  // In a list of streams that the next turn looks at.
  base::ListHook closing_hook;                               // In a list of streams with a deadline.

  bool IsOwned() const { return state == State::kConnecting || state == State::kOpen || state == State::kEnded; }
};

// Ids are (use of the slot, slot). A slot would have to be used 2^40 times for an id to come back.
class StreamTable {
 public:
  static constexpr int kSlotBits = 20;
  static constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

  Stream& Take() {
    if (free_.empty()) {
      CHECK(streams_.size() < kSlotMask);
      Stream& added = streams_.emplace_back();
      added.id = static_cast<StreamId>(streams_.size() - 1);
      free_.reserve(streams_.size());
      free_.push_back(&added);
    }
    Stream& stream = *free_.back();
    free_.pop_back();
    stream.id = static_cast<StreamId>(static_cast<std::uint64_t>(stream.id) + (std::uint64_t{1} << kSlotBits));
    return stream;
  }
  void Give(Stream& stream) {  // Requires: state kFree, queues empty, in no list.
    free_.push_back(&stream);
  }
  const Stream* Find(StreamId id) const {  // Null: it is not in use any more.
    const std::size_t slot = static_cast<std::uint64_t>(id) & kSlotMask;
    if (slot >= streams_.size()) return nullptr;
    const Stream& stream = streams_[slot];
    return stream.id == id && stream.state != Stream::State::kFree ? &stream : nullptr;
  }
  Stream* Find(StreamId id) { return const_cast<Stream*>(static_cast<const StreamTable*>(this)->Find(id)); }
  std::size_t in_use() const { return streams_.size() - free_.size(); }
  std::deque<Stream>& all() { return streams_; }

 private:
  std::deque<Stream> streams_;  // Grows to the most that were open at once; never moves.
  std::vector<Stream*> free_;   // Last in, first out.
};

}  // namespace io
