#include "engine/io/reactor.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/io/epoll_io.h"
#include "engine/io/uring_io.h"

namespace io {

absl::StatusOr<std::unique_ptr<Reactor>> MakeReactor(const ReactorOptions& options, base::Log& log) {
  if (options.backend == Backend::kEpoll) return EpollReactor::Make(options);
  absl::StatusOr<std::unique_ptr<Reactor>> uring = UringReactor::Make(options);
  if (uring.ok() || options.backend == Backend::kIoUring) return uring;
  absl::StatusOr<std::unique_ptr<Reactor>> epoll = EpollReactor::Make(options);
  if (!epoll.ok()) {
    return absl::UnavailableError(absl::StrCat(uring.status().message(), "; ", epoll.status().message()));
  }
  log.Warning(std::string(uring.status().message()) + "; using epoll");
  return epoll;
}

}  // namespace io
