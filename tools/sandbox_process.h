// A sandbox as a child process, for the time of one rehearsal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/signals.h"

namespace tools {

class SandboxProcess {
 public:
  // Starts this program's own `sandbox` command and waits until it listens. `dkim_keys`: what its DNS publishes, as
  // for --dkim-key. Errors: it ends before it does, with its own words on standard error.
  static absl::StatusOr<std::unique_ptr<SandboxProcess>> Start(const std::string& personality,
                                                               const std::vector<std::string>& dkim_keys,
                                                               const Signals& signals);
  ~SandboxProcess() { End(); }
  SandboxProcess(const SandboxProcess&) = delete;
  SandboxProcess& operator=(const SandboxProcess&) = delete;
  std::string ready_file() const { return folder_ + "/ready.json"; }
  // Ends it. Returns its totals, JSON; "" when it left none.
  std::string End();

 private:
  SandboxProcess(int pid, std::string folder) : pid_(pid), folder_(std::move(folder)) {}
  int pid_;  // 0: it has ended.
  const std::string folder_;
};

}  // namespace tools
