// Messages between threads: any number of senders, one receiver. A sender holds the lock for one push, the receiver for
// one swap.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace io {

// Post from any thread, Drain from the receiver's only.
template <typename T>
class Mailbox {
 public:
  // `waker` runs on the sender's thread, outside the lock, when the mailbox was empty: Reactor::Wake of the receiver.
  // What it refers to must outlive the last Post.
  explicit Mailbox(std::function<void()> waker) : waker_(std::move(waker)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void Post(T message) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (was_empty) waker_();
  }

  // Replaces the content of `out` by the waiting messages: those of one sender in the order they were posted. The old
  // memory of `out` is used for the next ones, so a receiver that keeps its vector does not allocate.
  void Drain(std::vector<T>& out) {
    out.clear();
    const std::lock_guard lock(mutex_);
    out.swap(messages_);
  }

 private:
  const std::function<void()> waker_;
  std::mutex mutex_;
  std::vector<T> messages_;
};

}  // namespace io
