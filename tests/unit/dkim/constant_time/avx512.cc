// Batch RSA as it runs, one instruction at a time, with different keys and messages: the same instructions follow each
// other, and in the kernel the registers of general purpose hold the same at each of them. Each address is made of
// these registers (avx512_instructions.sh: nothing gathers or scatters), so addresses are the same too. What else may
// differ, and take its time, are vectors: the same script holds their instructions to a list. That two runs agree does
// not show that all do: they are chosen to differ in everything, down to all bits zero and all bits one.
//
// usage: avx512 [branch|address|shape]   (has a difference of this kind, to see it found)
// With SLUICE_SOAK every call in the kernel is stepped through, otherwise the first of each function.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/base/prng.h"
#include "engine/dkim/batch_rsa.h"
#include "engine/dkim/batch_rsa_key.h"
#include "tests/unit/dkim/batch_rsa_keys.h"
#include "tests/unit/dkim/constant_time/avx512_unit.h"
#include "tests/unit/dkim/constant_time/stepper.h"

extern "C" const char __executable_start[];

namespace dkim {
namespace {

constexpr int kSkipped = 77, kDiffers = 1;
constexpr std::size_t kStepsLeast = 20'000;  // Fewer, and nothing was looked at.

// What the functions that are stepped through work on: they take no arguments.
const BatchRsaKernel* kernel = &Avx512BatchRsaKernel();
std::unique_ptr<BatchRsaWorkspace> workspace;
std::unique_ptr<BatchRsa> rsa;
std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
std::size_t job_count = kBatchRsaMessages;

void SignAndOpen() {
  kernel->sign(*workspace);
  kernel->open(*workspace);
}

void SignJobs() { rsa->Sign(absl::MakeSpan(jobs.data(), job_count)); }

class Runs {
 public:
  Runs(const char* what, void (*function)(), StepOptions options)
      : what_(what), function_(function), options_(options) {}

  // Whether this run was as the first one.
  bool Agrees() {
    const std::vector<Step> steps = RunInSteps(function_, options_);
    if (first_.empty()) {
      first_ = steps;
      std::printf("%s: %zu steps\n", what_, steps.size());
      if (steps.size() >= kStepsLeast) return true;
      std::puts("too few to have looked at anything");
      return false;
    }
    std::size_t same = 0;
    while (same < steps.size() && same < first_.size() && steps[same] == first_[same]) ++same;
    if (same == steps.size() && same == first_.size()) return true;
    const bool elsewhere = same == steps.size() || same == first_.size() || steps[same].address != first_[same].address;
    const Step& before = first_[same == 0 ? 0 : same - 1];
    std::printf("%s: %s secrets after step %zu, the instruction at 0x%llx (addr2line -e)\n", what_,
                elsewhere ? "the way depends on" : "a register holds what depends on", same,
                static_cast<unsigned long long>(before.address - reinterpret_cast<std::uint64_t>(__executable_start)));
    return false;
  }

 private:
  const char* const what_;
  void (*const function_)();
  const StepOptions options_;
  std::vector<Step> first_;
};

void FillWords(BatchRsaWorkspace& with, std::uint64_t limb, std::uint64_t exponent) {
  auto* const words = reinterpret_cast<std::uint64_t*>(&with);
  std::fill(words, words + sizeof(with) / sizeof(std::uint64_t), limb);
  for (LaneRow& row : with.exponent) std::fill(std::begin(row.lane), std::end(row.lane), exponent);
}

void FillKeys(const std::vector<const TestKeyPair*>& keys, base::Prng& prng) {
  for (int i = 0; i < kBatchRsaMessages; ++i) keys[static_cast<std::size_t>(i)]->batch->Place(i, *workspace);
  for (LaneRow& row : workspace->message) {
    for (std::uint64_t& limb : row.lane) limb = prng.Below(kLimbMask);
  }
}

void SetJobs(const std::vector<const TestKeyPair*>& keys, base::Prng& prng) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i] = {.key = keys[i]->batch.get()};
    for (std::uint8_t& byte : jobs[i].digest) byte = static_cast<std::uint8_t>(prng.Below(256));
  }
}

// Two batches of keys that have nothing in common, and are not of one order.
struct Keys {
  Keys() {
    std::vector<TestNumber> primes;
    for (int i = 0; i < 6; ++i) primes.push_back(RandomPrime());
    pairs.push_back(PairFromPrimes(*primes[0], *primes[1]));
    for (const auto& [p, q] : {std::pair{2, 3}, {3, 4}, {5, 2}, {4, 5}})
      pairs.push_back(PairFromPrimes(*primes[static_cast<std::size_t>(p)], *primes[static_cast<std::size_t>(q)]));
    one = {&pairs[0], &pairs[0], &pairs[0], &pairs[0]};
    other = {&pairs[1], &pairs[2], &pairs[3], &pairs[4]};
  }
  std::vector<TestKeyPair> pairs;
  std::vector<const TestKeyPair*> one, other;
};

// Without keys: at the extremes only.
bool KernelAgrees(const Keys* keys, bool registers, base::Prng& prng) {
  const bool soak = std::getenv("SLUICE_SOAK") != nullptr;
  Runs runs("kernel", &SignAndOpen, {.registers = registers, .calls = soak ? std::numeric_limits<int>::max() : 1});
  FillWords(*workspace, 0, 0);
  if (!runs.Agrees()) return false;
  FillWords(*workspace, kLimbMask, ~std::uint64_t{0});
  if (!runs.Agrees()) return false;
  if (keys == nullptr) return true;
  FillKeys(keys->other, prng);
  return runs.Agrees();
}

// Outside the kernel, limbs pass through registers of general purpose: the addresses of instructions only.
bool BatchAgrees(const Keys& keys, std::size_t second_count, base::Prng& prng) {
  rsa = std::make_unique<BatchRsa>(Avx512BatchRsaKernel());
  Runs runs("batch", &SignJobs, {.registers = false});
  SetJobs(keys.one, prng);
  SignJobs();  // The dynamic linker has then done its part.
  SetJobs(keys.one, prng);
  if (!runs.Agrees()) return false;
  SetJobs(keys.other, prng);
  job_count = second_count;
  if (!runs.Agrees()) return false;
  for (const BatchRsa::Job& job : jobs) {
    if (job.verified) continue;
    std::puts("a signature is wrong");
    return false;
  }
  return true;
}

bool RegistersAreWiped(const Keys& keys, base::Prng& prng) {
  FillKeys(keys.one, prng);
  RegistersLeft left;
  std::memset(&left, 0xFF, sizeof(left));
  SignAndLook(Avx512BatchRsaKernel(), *workspace, left);
  std::uint64_t anything = left.mask;
  for (const LaneRow& vector : left.vectors) {
    for (const std::uint64_t word : vector.lane) anything |= word;
  }
  if (anything == 0) return true;
  std::puts("a vector register is not wiped");
  return false;
}

int Run(std::string_view planted) {
  if (!CpuHasAvx512Ifma()) {
    std::puts("this processor has no AVX-512 IFMA: the shipped code is not looked at");
    return kSkipped;
  }
  workspace = std::make_unique<BatchRsaWorkspace>();
  base::Prng prng(1);
  if (planted == "branch" || planted == "address") {
    kernel = planted == "branch" ? &BranchingKernel() : &AddressingKernel();
    return KernelAgrees(nullptr, /*registers=*/planted == "address", prng) ? 0 : kDiffers;
  }
  const Keys keys;
  if (planted == "shape") return BatchAgrees(keys, kBatchRsaMessages - 1, prng) ? 0 : kDiffers;
  if (!KernelAgrees(&keys, /*registers=*/true, prng) || !BatchAgrees(keys, kBatchRsaMessages, prng)) return kDiffers;
  if (!RegistersAreWiped(keys, prng)) return kDiffers;
  std::puts("no instruction and no address depends on secrets");
  return 0;
}

}  // namespace
}  // namespace dkim

int main(int argc, char** argv) { return dkim::Run(argc > 1 ? argv[1] : ""); }
