// A pseudo-random generator that is a value: seeded once per run, the same numbers for the same seed. Not for secrets.
#pragma once

#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace base {

// xoshiro256** (Blackman, Vigna: "Scrambled linear pseudorandom number generators", ACM TOMS 2021).
class Prng {
 public:
  explicit Prng(std::uint64_t seed) {
    for (std::uint64_t i = 0; i < 4; ++i) state_[i] = StableHashCombine(seed, i);
  }

  std::uint64_t Next() {
    const std::uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound). Requires: bound > 0.
  std::uint64_t Below(std::uint64_t bound) {
    CHECK(bound > 0);
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }  // Uniform in [0, 1).
  bool Chance(double probability) { return Unit() < probability; }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t Rotate(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4];
};

}  // namespace base
