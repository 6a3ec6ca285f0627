// A command of the operator's, run by /bin/sh with some text on its standard input. Nothing here waits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace io {

class ShellCommand {
 public:
  // Its environment is PATH and HOME; what it writes goes to standard error. Errors: it cannot be started.
  static absl::StatusOr<std::unique_ptr<ShellCommand>> Start(const std::string& command, std::string_view input);
  ShellCommand(const ShellCommand&) = delete;
  ShellCommand& operator=(const ShellCommand&) = delete;
  ~ShellCommand();  // As Kill.

  // How it ended, for people, "" for success; nullopt: it runs.
  std::optional<std::string> Poll();
  // Ends it and what it has started, at once.
  void Kill();

 private:
  explicit ShellCommand(pid_t pid) : pid_(pid) {}
  pid_t pid_;  // 0: it has ended.
};

}  // namespace io
