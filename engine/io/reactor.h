// The loop of one thread over the kernel's events: io_uring, or epoll where io_uring is not allowed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/io/io.h"

namespace io {

class PollHandler {
 public:
  virtual ~PollHandler() = default;
  virtual void OnReady(int fd, bool readable, bool writable) = 0;  // Errors and hang-ups count as both.
};

// Readiness of file descriptors that somebody else owns (c-ares, UDP sockets).
class FdPoller {
 public:
  virtual ~FdPoller() = default;
  // Reports once when `fd` becomes ready; watch again for the next. Watching a watched fd replaces what was asked for.
  virtual void Watch(int fd, bool readable, bool writable, PollHandler& handler) = 0;
  // No report follows. To be called before the fd is closed. An fd that is not watched is ignored.
  virtual void Unwatch(int fd) = 0;
};

enum class Backend { kAuto, kIoUring, kEpoll };

// The destructor closes all streams as Close(kNow) does, and calls no handler.
class Reactor : public Io, public FdPoller {
 public:
  // Submits what is waiting, waits for events at most until `until` (at once when it has passed) and calls the
  // handlers. Only from the thread that made the reactor.
  virtual void RunOnce(base::Instant until) = 0;
  // Makes the current or next RunOnce return soon. Any thread.
  virtual void Wake() = 0;
  virtual std::string_view name() const = 0;  // "io_uring" or "epoll"
};

struct ReactorOptions {
  Backend backend =
      Backend::kAuto;  // kAuto: io_uring where it works, found by trying; else epoll, and the log says why.
  std::uint32_t streams_max =
      16'384;  // Those that are closing included. Connect beyond it fails with EMFILE. At most 1,048,575.
  base::Duration flush_timeout =
      base::Duration::Seconds(30);  // Close(kFlush) gives up when the peer takes nothing for so long.
};
// Errors: the chosen backend does not work here; both, for kAuto.
absl::StatusOr<std::unique_ptr<Reactor>> MakeReactor(const ReactorOptions& options, base::Log& log);

}  // namespace io
