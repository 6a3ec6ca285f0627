// The batch RSA kernel over plain integers, for machines without AVX-512 IFMA: the same algorithm, instruction for
// instruction. It can flip one bit of one lane in the result of any multiplication: a fault of the machine. And it can
// leak: what the test of constant time has to find.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {

struct PortableFault {
  std::int64_t countdown = -1;  // Multiply-adds until the fault; below zero: none.
  int lane = 0;
  int bit = 0;
  // What a look-up in the table does with its secret index besides.
  enum class Leak : std::uint8_t { kNothing, kBranch, kAddress } leak = Leak::kNothing;
};

// Shared by all who use the portable kernel, as a machine's fault is.
PortableFault& TheFault();
const BatchRsaKernel& PortableBatchRsaKernel();

// Multiply-adds of `sign` and of `open`.
std::int64_t PortableSignMultiplications();
std::int64_t PortableOpenMultiplications();

}  // namespace dkim
