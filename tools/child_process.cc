#include "tools/child_process.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/io/disk.h"

namespace tools {
namespace {

constexpr int kWatchMilliseconds = 200;
constexpr std::uint64_t kTotalsMax = 1u << 24;

absl::Status Errno(const char* what) {
  return absl::InternalError(absl::StrFormat("%s: %s", what, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                                  const Signals& signals) {
  char folder[] = "/tmp/sluice-child-XXXXXX";
  if (mkdtemp(folder) == nullptr) return Errno("no folder for the server");
  const int watch = inotify_init1(IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, folder, IN_MOVED_TO | IN_CREATE) < 0) return Errno("inotify");
  const std::string ready = std::string(folder) + "/ready.json", json = std::string(folder) + "/totals.json";
  std::vector<const char*> command = {"/proc/self/exe"};
  for (const std::string& argument : arguments) command.push_back(argument.c_str());
  command.insert(command.end(),
                 {"--ready-file", ready.c_str(), "--json", json.c_str(), "--log-level", "error", nullptr});
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Errno("fork");
  if (pid == 0) {
    setpgid(0, 0);  // Ctrl-C is for the program that sends; it ends the server when it is done.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    signals.RestoreForChild();
    execv(command[0], const_cast<char* const*>(command.data()));
    _exit(127);
  }
  std::unique_ptr<ChildProcess> process(new ChildProcess(pid, folder));
  pollfd events{watch, POLLIN, 0};
  while (access(ready.c_str(), F_OK) != 0) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      close(watch);
      return absl::InternalError(arguments.front() + " ended before it was ready");
    }
    char buffer[4096];
    if (poll(&events, 1, kWatchMilliseconds) > 0 && read(watch, buffer, sizeof buffer) < 0) break;
  }
  close(watch);
  return process;
}

std::string ChildProcess::End() {
  if (pid_ == 0) return "";
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(std::exchange(pid_, 0), &status, 0);
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  const absl::StatusOr<std::string> totals = io::ReadFile(*disk, folder_ + "/totals.json", kTotalsMax);
  for (const char* name : {"/ready.json", "/ready.json.ca.pem", "/totals.json"}) std::remove((folder_ + name).c_str());
  rmdir(folder_.c_str());
  return totals.ok() ? *totals : "";
}

}  // namespace tools
