// A 64-bit hash whose values are the same in every run, process, build and machine: for sharding, sampling, jitter and
// files. Not for hostile input in hash tables, and not cryptographic.
#pragma once

#include <cstdint>
#include <string_view>

namespace base {

std::uint64_t StableHash(std::string_view bytes, std::uint64_t seed = 0);

// Mixes two hashes or numbers into one; the order matters.
std::uint64_t StableHashCombine(std::uint64_t a, std::uint64_t b);

}  // namespace base
