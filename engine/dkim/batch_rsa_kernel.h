// What the batch RSA kernel works on: four RSA-2048 private-key operations as eight lanes. Plain data only, so that the
// one unit which is compiled for AVX-512 shares no code with the others. batch_rsa.h tells the whole.
#pragma once

#include <cstdint>

namespace dkim {

constexpr int kBatchRsaMessages = 4;  // Per batch.
constexpr int kBatchRsaLanes = 8;     // Message i has lane i for p and lane i + 4 for q.
constexpr int kLimbBits = 52;
constexpr int kPrimeLimbs = 20;    // R = 2^1040 for the primes.
constexpr int kModulusLimbs = 40;  // 2^2080 for n.
constexpr int kExponentWords = 16;
constexpr std::uint64_t kLimbMask = (std::uint64_t{1} << kLimbBits) - 1;

// One 64-bit word of each lane.
struct alignas(64) LaneRow {
  std::uint64_t lane[kBatchRsaLanes];
};
using PrimeRows = LaneRow[kPrimeLimbs];      // A number below 2^1040 per lane, least significant limb first.
using ModulusRows = LaneRow[kModulusLimbs];  // A number below 2^2080 per lane.

// Everything one batch reads and writes. Secret but for the parts that say otherwise: its owner wipes all of it.
struct BatchRsaWorkspace {
  // Set by the caller.
  PrimeRows prime;
  PrimeRows one;                     // R mod prime.
  PrimeRows r_squared;               // R^2 mod prime.
  PrimeRows r_cubed;                 // R^3 mod prime.
  PrimeRows coefficient;             // (1/q) * R mod p in the lanes of p, zero in those of q.
  LaneRow prime_inverse;             // -1/prime mod 2^52.
  LaneRow exponent[kExponentWords];  // d mod (prime - 1), least significant word first.
  ModulusRows message;               // Public: the encoded message, in both lanes of its message.
  ModulusRows modulus;               // Public: n, in the lanes of p; the others hold the same.
  ModulusRows modulus_r_squared;     // Public: 2^4160 mod n.
  LaneRow modulus_inverse;           // Public: -1/n mod 2^52.
  // Set by `sign`, in the lanes of p: the signatures. Secret until they are verified: a wrong one gives the key away.
  ModulusRows signature;
  // Set by `open` from `signature`, in the lanes of p: signature^65537 mod n.
  ModulusRows opened;
  // Scratch.
  PrimeRows table[16];  // The powers 0 to 15 of the message, times R.
  PrimeRows power, factor;
  ModulusRows wide, base;
};

// One implementation. Both functions take the same time and touch the same addresses whatever the workspace holds.
struct BatchRsaKernel {
  void (*sign)(BatchRsaWorkspace& workspace);  // message^d mod n by the Chinese remainder theorem.
  void (*open)(BatchRsaWorkspace& workspace);  // The public operation, for verification.
};

// Runs only where CpuHasAvx512Ifma().
const BatchRsaKernel& Avx512BatchRsaKernel();

// Whether the processor has AVX512F and AVX512_IFMA, and the operating system saves the zmm registers.
bool CpuHasAvx512Ifma();

}  // namespace dkim
