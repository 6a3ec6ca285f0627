// What signing leaves on the stack.
#include <gtest/gtest.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/base/check.h"
#include "engine/dkim/batch_rsa.h"
#include "tests/unit/dkim/batch_rsa_keys.h"
#include "tests/unit/sanitized.h"

namespace dkim {
namespace {

constexpr std::size_t kKernelMost = 8192;  // What a kernel may use, in bytes.
constexpr std::uint64_t kSecret = 0xA5C35A3CA5C35A3C;

alignas(64) std::uint64_t stack[1u << 15];
const TestKeyPair* key = nullptr;
BatchRsa* rsa = nullptr;
BatchRsaWorkspace* workspace = nullptr;

// Runs it on a stack that holds nothing yet.
void RunOnStack(void (*function)()) {
  std::fill(std::begin(stack), std::end(stack), 0);
  ucontext_t here, there;
  CHECK(getcontext(&there) == 0);
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = sizeof(stack);
  there.uc_link = &here;
  makecontext(&there, function, 0);
  CHECK(swapcontext(&here, &there) == 0);
}

// How much of the stack has held something, in bytes.
std::size_t Used() {
  const auto* const lowest = std::find_if(std::begin(stack), std::end(stack), [](std::uint64_t word) { return word; });
  return static_cast<std::size_t>(std::end(stack) - lowest) * sizeof(std::uint64_t);
}

[[gnu::noinline]] void LeaveASecret(BatchRsaWorkspace&) {
  volatile std::uint64_t local[kKernelMost / sizeof(std::uint64_t)];
  for (volatile std::uint64_t& word : local) word = kSecret;
}
constexpr BatchRsaKernel kCareless = {&LeaveASecret, &LeaveASecret};

void SignOne() {
  BatchRsa::Job job = {.key = key->batch.get()};
  rsa->Sign(absl::MakeSpan(&job, 1));
}
void SignAndOpen() {
  Avx512BatchRsaKernel().sign(*workspace);
  Avx512BatchRsaKernel().open(*workspace);
}
void LeaveOne() { LeaveASecret(*workspace); }

TEST(BatchRsaStackTest, WhatTheKernelLeavesThereIsWiped) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's frames are larger";
  const TestKeyPair pair = GenerateKeyPair();
  BatchRsa careless(kCareless);
  key = &pair;
  rsa = &careless;
  RunOnStack(&LeaveOne);
  ASSERT_GT(std::count(std::begin(stack), std::end(stack), kSecret), 900);
  RunOnStack(&SignOne);
  EXPECT_EQ(std::count(std::begin(stack), std::end(stack), kSecret), 0);
}

TEST(BatchRsaStackTest, TheKernelUsesNoMoreThanIsWiped) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's frames are larger";
  if (!CpuHasAvx512Ifma()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  const TestKeyPair pair = GenerateKeyPair();
  const auto with = std::make_unique<BatchRsaWorkspace>();
  workspace = with.get();
  for (int i = 0; i < kBatchRsaMessages; ++i) pair.batch->Place(i, *workspace);
  RunOnStack(&SignAndOpen);
  EXPECT_GT(Used(), 1000u);
  EXPECT_LT(Used(), kKernelMost);
}

}  // namespace
}  // namespace dkim
