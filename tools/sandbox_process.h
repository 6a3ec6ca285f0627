// A sandbox as a child process, for the time of one rehearsal.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/signals.h"

namespace tools {

class SandboxProcess {
 public:
  // Starts this program's own `sandbox` command and waits until it listens. Errors: it ends before it does, with its
  // own words on standard error.
  static absl::StatusOr<std::unique_ptr<SandboxProcess>> Start(const std::string& personality, const Signals& signals);
  ~SandboxProcess();  // Ends it.
  SandboxProcess(const SandboxProcess&) = delete;
  SandboxProcess& operator=(const SandboxProcess&) = delete;
  std::string ready_file() const { return folder_ + "/ready.json"; }

 private:
  SandboxProcess(int pid, std::string folder) : pid_(pid), folder_(std::move(folder)) {}
  const int pid_;
  const std::string folder_;
};

}  // namespace tools
