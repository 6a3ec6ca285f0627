// Signals as something to ask for, instead of handlers: nothing runs asynchronously. They are blocked in the thread
// that makes this object and in all threads it starts afterwards, and read from a file descriptor, which also wakes a
// reactor. Makes SIGPIPE harmless.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/reactor.h"

namespace tools {

class Signals final : public io::PollHandler {
 public:
  // Blocks SIGINT, SIGTERM and those of `others`. To be called before other threads start.
  static absl::StatusOr<std::unique_ptr<Signals>> Make(const std::vector<int>& others = {});
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() override;  // Signals stay blocked.

  // A running or coming RunOnce of `reactor` returns soon after a signal. Detach before the reactor goes.
  void Attach(io::FdPoller& poller);
  void Detach();

  // How many SIGINT and SIGTERM have arrived. Never waits; needs no reactor.
  int Stops();
  // Whether `signal` (one of `others`) has arrived since the last call.
  bool Take(int signal);

  // For a child process between fork and exec: signals as they were before Make.
  void RestoreForChild() const;

  void OnReady(int fd, bool readable, bool writable) override;

 private:
  explicit Signals(int fd, const std::vector<int>& others);
  void Read();

  const int fd_;
  const std::vector<int> others_;
  std::mutex mutex_;        // Guards what follows: campaigns that are sent together ask from threads of their own.
  std::vector<int> taken_;  // Of others_, as they arrived.
  int stops_ = 0;
  io::FdPoller* poller_ = nullptr;
};

}  // namespace tools
