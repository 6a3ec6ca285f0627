// What the test of constant time needs in AVX-512: kernels that leak, and the registers themselves.
#pragma once

#include <cstdint>

#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {

// The shipped arithmetic, except for the look-up in the table: it is done by the digit of the first lane.
const BatchRsaKernel& BranchingKernel();   // Reads no more of the table where that digit is zero.
const BatchRsaKernel& AddressingKernel();  // Reads the entry of that digit only.

constexpr int kVectorRegisters = 32;

// Calls kernel.sign, and writes down what the vector registers and the first mask register hold then.
struct RegistersLeft {
  LaneRow vectors[kVectorRegisters];
  std::uint64_t mask;
};
void SignAndLook(const BatchRsaKernel& kernel, BatchRsaWorkspace& workspace, RegistersLeft& left);

}  // namespace dkim
