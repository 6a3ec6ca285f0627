#include "tools/sandbox_process.h"

#include <poll.h>
#include <sys/inotify.h>
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

absl::StatusOr<std::unique_ptr<SandboxProcess>> SandboxProcess::Start(const std::string& personality,
                                                                      const std::vector<std::string>& dkim_keys,
                                                                      const Signals& signals) {
  char folder[] = "/tmp/sluice-sandbox-XXXXXX";
  if (mkdtemp(folder) == nullptr) return Errno("no folder for the sandbox");
  const int watch = inotify_init1(IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, folder, IN_MOVED_TO | IN_CREATE) < 0) return Errno("inotify");
  const std::string ready = std::string(folder) + "/ready.json", json = std::string(folder) + "/totals.json";
  std::vector<const char*> command = {"/proc/self/exe", "sandbox",    "--ready-file", ready.c_str(),
                                      "--json",         json.c_str(), "--log-level",  "error"};
  if (!personality.empty()) command.insert(command.end(), {"--personality", personality.c_str()});
  for (const std::string& key : dkim_keys) command.insert(command.end(), {"--dkim-key", key.c_str()});
  command.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return Errno("fork");
  if (pid == 0) {
    setpgid(0, 0);  // Ctrl-C is for the program that sends; it ends the sandbox when it is done.
    signals.RestoreForChild();
    execv(command[0], const_cast<char* const*>(command.data()));
    _exit(127);
  }
  std::unique_ptr<SandboxProcess> process(new SandboxProcess(pid, folder));
  pollfd events{watch, POLLIN, 0};
  while (access(ready.c_str(), F_OK) != 0) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      close(watch);
      return absl::InternalError("the sandbox ended before it was ready");
    }
    char buffer[4096];
    if (poll(&events, 1, kWatchMilliseconds) > 0 && read(watch, buffer, sizeof buffer) < 0) break;
  }
  close(watch);
  return process;
}

std::string SandboxProcess::End() {
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
