// Runs a function one instruction at a time, by the processor's trap flag, and notes where it was and what the
// registers held. Linux on x86-64; one thread, one run at a time.
#pragma once

#include <cstdint>
#include <vector>

namespace dkim {

struct Step {
  std::uint64_t address = 0;
  std::uint64_t registers = 0;  // A hash of those of general purpose, with the flags; zero where they are not noted.
  bool operator==(const Step&) const = default;
};

struct StepOptions {
  bool registers = true;
  // So many calls of each function are stepped through: the others run at full speed, and are noted where they begin
  // and where they end. A step costs about ten microseconds in a virtual machine.
  int calls = 1;
};

// Each run has the same stack, and begins with the same registers. Aborts beyond kStepsMax steps.
constexpr std::size_t kStepsMax = 8'000'000;
std::vector<Step> RunInSteps(void (*function)(), const StepOptions& options);

}  // namespace dkim
