#include "tools/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tools {
namespace {

sigset_t MakeSet(const std::vector<int>& others) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  for (const int signal : others) sigaddset(&set, signal);
  return set;
}

void SetPipeAction(void (*action)(int)) {
  struct sigaction pipe {};
  pipe.sa_handler = action;
  static_cast<void>(sigaction(SIGPIPE, &pipe, nullptr));  // Cannot fail for a signal that exists.
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signals>> Signals::Make(const std::vector<int>& others) {
  const sigset_t set = MakeSet(others);
  const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int fd = error == 0 ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
  if (fd < 0)
    return absl::InternalError(absl::StrCat("cannot receive signals: ", std::strerror(error != 0 ? error : errno)));
  SetPipeAction(SIG_IGN);
  return std::unique_ptr<Signals>(new Signals(fd, others));
}

Signals::Signals(int fd, const std::vector<int>& others) : fd_(fd), others_(others) {}

Signals::~Signals() {
  Detach();
  close(fd_);
}

void Signals::Attach(io::FdPoller& poller) {
  poller_ = &poller;
  poller_->Watch(fd_, true, false, *this);
}

void Signals::Detach() {
  if (poller_ != nullptr) poller_->Unwatch(fd_);
  poller_ = nullptr;
}

int Signals::Stops() {
  const std::lock_guard lock(mutex_);
  Read();
  return stops_;
}

bool Signals::Take(int signal) {
  const std::lock_guard lock(mutex_);
  Read();
  return std::erase(taken_, signal) > 0;
}

void Signals::RestoreForChild() const {
  const sigset_t set = MakeSet(others_);
  static_cast<void>(pthread_sigmask(SIG_UNBLOCK, &set, nullptr));
  SetPipeAction(SIG_DFL);
}

void Signals::OnReady(int, bool, bool) {
  const std::lock_guard lock(mutex_);
  Read();
  poller_->Watch(fd_, true, false, *this);
}

void Signals::Read() {
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGINT || signal == SIGTERM) {
      ++stops_;
    } else {
      taken_.push_back(signal);
    }
  }
}

}  // namespace tools
