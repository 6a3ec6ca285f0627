#include "tests/unit/dkim/constant_time/stepper.h"

#include <signal.h>
#include <ucontext.h>
#include <x86intrin.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

// Where a call that is not stepped through returns to.
asm(".text\n.globl stepper_return\nstepper_return:\n\tint3\n\tud2\n");
extern "C" const std::uint8_t stepper_return[];

namespace dkim {
namespace {

constexpr std::uint64_t kTrapFlag = 0x100;
constexpr std::uint64_t kStatusFlags = 0x8D5;  // Carry, parity, adjust, zero, sign, overflow.
constexpr std::uint8_t kCall = 0xE8;           // To an address in the instruction, of five bytes.

struct Called {
  std::uint64_t address = 0;
  int times = 0;
};

struct Run {
  void (*function)() = nullptr;
  StepOptions options;
  std::vector<Step> steps;
  std::vector<Called> called;
  std::uint64_t previous = 0;   // Address of the instruction that ran last.
  std::uint64_t return_to = 0;  // Of the call that runs at full speed.
};

Run run;
alignas(64) char run_stack[1u << 18], signal_stack[1u << 16];

std::uint64_t HashOf(const greg_t* registers) {
  std::uint64_t hash = static_cast<std::uint64_t>(registers[REG_EFL]) & kStatusFlags;
  for (int i = 0; i < REG_RIP; ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(registers[i])) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 29;
  }
  return hash;
}

bool WasSteppedThrough(std::uint64_t address) {
  for (Called& called : run.called) {
    if (called.address == address) return ++called.times > run.options.calls;
  }
  CHECK(run.called.size() < run.called.capacity());
  run.called.push_back({address, 1});
  return run.options.calls < 1;
}

// After each instruction. Allocates nothing: what it interrupts may be allocating.
void OnTrap(int, siginfo_t*, void* context) {
  greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  auto address = static_cast<std::uint64_t>(registers[REG_RIP]);
  const bool returned = address == reinterpret_cast<std::uint64_t>(stepper_return) + 1;
  if (returned) {
    address = run.return_to;
    registers[REG_RIP] = static_cast<greg_t>(address);
    registers[REG_EFL] |= kTrapFlag;
  }
  CHECK(run.steps.size() < run.steps.capacity());
  run.steps.push_back({address, run.options.registers ? HashOf(registers) : 0});
  const bool called = !returned && run.previous != 0 && *reinterpret_cast<const std::uint8_t*>(run.previous) == kCall;
  run.previous = address;
  if (!called || !WasSteppedThrough(address)) return;
  auto* const return_address = reinterpret_cast<std::uint64_t*>(registers[REG_RSP]);
  run.return_to = *return_address;
  *return_address = reinterpret_cast<std::uint64_t>(stepper_return);
  registers[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
}

void Start() {
  __writeeflags(__readeflags() | kTrapFlag);
  run.function();
  __writeeflags(__readeflags() & ~kTrapFlag);
}

}  // namespace

std::vector<Step> RunInSteps(void (*function)(), const StepOptions& options) {
  run = {};
  run.function = function;
  run.options = options;
  run.steps.reserve(kStepsMax);
  run.called.reserve(256);
  const stack_t signals = {.ss_sp = signal_stack, .ss_flags = 0, .ss_size = sizeof(signal_stack)};
  struct sigaction action = {};
  action.sa_sigaction = &OnTrap;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  CHECK(sigaltstack(&signals, nullptr) == 0 && sigaction(SIGTRAP, &action, nullptr) == 0);
  std::fill(std::begin(run_stack), std::end(run_stack), '\0');
  ucontext_t here, there;
  CHECK(getcontext(&there) == 0);
  std::fill(there.uc_mcontext.gregs, there.uc_mcontext.gregs + REG_RIP, 0);
  there.uc_stack.ss_sp = run_stack;
  there.uc_stack.ss_size = sizeof(run_stack);
  there.uc_link = &here;
  makecontext(&there, &Start, 0);
  CHECK(swapcontext(&here, &there) == 0);
  return std::move(run.steps);
}

}  // namespace dkim
