#include "engine/io/shell_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace io {
namespace {

constexpr char kPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

absl::Status Failed(const char* what, int error) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(error)));
}

// A file in memory: who does not read it blocks nobody. Less than zero: none.
int FileOf(std::string_view text) {
  const int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) return fd;
  if (write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && lseek(fd, 0, SEEK_SET) == 0)
    return fd;
  close(fd);
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ShellCommand>> ShellCommand::Start(const std::string& command, std::string_view input) {
  const int fd = FileOf(input);
  if (fd < 0) return Failed("its input", errno);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;  // A process group of its own, and no signal blocked or ignored.
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const char* const home = std::getenv("HOME");
  std::string path = kPath, home_entry = absl::StrCat("HOME=", home == nullptr ? "/" : home);
  std::string shell = "sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  char* const environment[] = {path.data(), home_entry.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/bin/sh", &files, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  close(fd);
  if (error != 0) return Failed("/bin/sh", error);
  return std::unique_ptr<ShellCommand>(new ShellCommand(pid));
}

ShellCommand::~ShellCommand() { Kill(); }

std::optional<std::string> ShellCommand::Poll() {
  if (pid_ == 0) return "";
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
  kill(-std::exchange(pid_, 0), SIGKILL);  // What it has left behind.
  if (ended < 0) return "it cannot be waited for";
  if (WIFSIGNALED(status)) return absl::StrCat("ended by signal ", WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : absl::StrCat("exit code ", WEXITSTATUS(status));
}

void ShellCommand::Kill() {
  if (pid_ == 0) return;
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

}  // namespace io
