// A server of this program's own (sandbox, or a benchmark's sink) as a child process, for as long as it is needed.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/signals.h"

namespace tools {

class ChildProcess {
 public:
  // Runs this program with `arguments`, and waits until it listens: a command that takes --ready-file, --json and
  // --log-level. It ends when this program does, however that ends. Errors: it ends before it listens, with its own
  // words on standard error.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& arguments,
                                                             const Signals& signals);
  ~ChildProcess() { End(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  pid_t pid() const { return pid_; }
  std::string ready_file() const { return folder_ + "/ready.json"; }
  // Ends it. Returns its totals, JSON; "" when it left none.
  std::string End();

 private:
  ChildProcess(pid_t pid, std::string folder) : pid_(pid), folder_(std::move(folder)) {}
  pid_t pid_;  // 0: it has ended.
  const std::string folder_;
};

}  // namespace tools
