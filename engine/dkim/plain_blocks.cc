#include "engine/dkim/plain_blocks.h"

#include <bit>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace dkim {

#ifdef __SSE2__
namespace {

constexpr int kBlock = 64;

// One bit for each octet of the block that is `wanted`, the first lowest.
std::uint64_t Where(const __m128i (&block)[4], char wanted) {
  const __m128i all = _mm_set1_epi8(wanted);
  std::uint64_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    const auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(block[i], all)));
    bits |= std::uint64_t{found} << (16 * i);
  }
  return bits;
}

}  // namespace

const char* SkipPlainBlocks(const char* from, const char* end, bool relaxed) {
  while (end - from >= kBlock) {
    __m128i block[4];
    for (int i = 0; i < 4; ++i) block[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i);
    const std::uint64_t cr = Where(block, '\r'), lf = Where(block, '\n');
    const std::uint64_t space = relaxed ? Where(block, ' ') | Where(block, '\t') : 0;
    const std::uint64_t tab = relaxed ? Where(block, '\t') : 0;
    // Bare ones, empty lines, tabs, white space in a row, and at either end of a line. The last octet's successor is
    // not known; the place is before it then.
    const std::uint64_t last = std::uint64_t{1} << (kBlock - 1);
    const std::uint64_t odd = (cr & ~(lf >> 1) & ~last) | (lf & ~(cr << 1)) | ((lf << 1) & (cr | space)) | tab |
                              ((space << 1) & (space | cr));
    const std::uint64_t plain = ~(cr | lf | space);
    // Up to the last plain octet before anything odd, and before what stands in front of it.
    const int first_odd = odd == 0 ? kBlock : std::countr_zero(odd);
    const std::uint64_t before = first_odd == kBlock ? plain : plain & ((std::uint64_t{1} << first_odd) - 1);
    const int place = before == 0 ? 0 : kBlock - 1 - std::countl_zero(before);
    if (place == 0) return from;
    from += place;
    if (odd != 0) return from;
  }
  return from;
}
#else
const char* SkipPlainBlocks(const char* from, const char*, bool) { return from; }
#endif

}  // namespace dkim
