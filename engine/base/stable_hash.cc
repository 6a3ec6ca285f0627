#include "engine/base/stable_hash.h"

#include <cstddef>
#include <cstring>

namespace base {
namespace {

constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;

// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Little-endian, as every machine that this is built for (crc32c.cc checks it).
std::uint64_t Word(std::string_view bytes) {  // Of eight.
  std::uint64_t word;
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

std::uint64_t LastWord(std::string_view bytes) {  // Of fewer.
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return word;
}

}  // namespace

std::uint64_t StableHashCombine(std::uint64_t a, std::uint64_t b) {
  return Mix((a + kMultiplier) ^ Mix(b + 2 * kMultiplier));
}

std::uint64_t StableHash(std::string_view bytes, std::uint64_t seed) {
  std::uint64_t hash = Mix(seed + kMultiplier * (bytes.size() + 1));
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) hash = Mix(hash ^ (Word(bytes) * kMultiplier)) + kMultiplier;
  return Mix(hash ^ (LastWord(bytes) * kMultiplier));
}

}  // namespace base
