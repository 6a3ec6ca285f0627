#include "engine/dkim/plain_blocks.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace dkim {

#ifdef __SSE2__
namespace {

constexpr int kBlock = 16;

__m128i Load(const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
__m128i Is(__m128i octets, char wanted) { return _mm_cmpeq_epi8(octets, _mm_set1_epi8(wanted)); }

// Whether an octet of the block and its successor are what a canonical form may change, or not find at the end of a
// line: bare line ends, empty lines, and where spaces count, tabs, spaces in a row and at either end of a line. Reads
// one octet behind the block.
bool HasOddPair(const char* from, bool relaxed) {
  const __m128i octets = Load(from), next = Load(from + 1);
  const __m128i cr = Is(octets, '\r'), lf = Is(octets, '\n'), next_cr = Is(next, '\r'), next_lf = Is(next, '\n');
  __m128i odd = _mm_or_si128(_mm_xor_si128(cr, next_lf), _mm_and_si128(lf, next_cr));
  if (relaxed) {
    const __m128i space = Is(octets, ' '), next_space = Is(next, ' ');
    odd = _mm_or_si128(odd, _mm_and_si128(_mm_or_si128(space, lf), next_space));
    odd = _mm_or_si128(odd, _mm_or_si128(_mm_and_si128(space, next_cr), Is(octets, '\t')));
  }
  return _mm_movemask_epi8(odd) != 0;
}

// The same of 32 octets at a time, for processors that can: the first block with an odd pair, or where they end.
constexpr int kWideBlock = 32;

__attribute__((target("avx2"))) const char* SkipWideBlocks(const char* at, const char* end, bool relaxed) {
  const __m256i cr = _mm256_set1_epi8('\r'), lf = _mm256_set1_epi8('\n'), tab = _mm256_set1_epi8('\t');
  const __m256i space = _mm256_set1_epi8(' ');
  for (; end - at > kWideBlock; at += kWideBlock) {
    const __m256i octets = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 1));
    const __m256i is_lf = _mm256_cmpeq_epi8(octets, lf), next_is_cr = _mm256_cmpeq_epi8(next, cr);
    __m256i odd = _mm256_xor_si256(_mm256_cmpeq_epi8(octets, cr), _mm256_cmpeq_epi8(next, lf));
    odd = _mm256_or_si256(odd, _mm256_and_si256(is_lf, next_is_cr));
    if (relaxed) {
      const __m256i is_space = _mm256_cmpeq_epi8(octets, space), next_is_space = _mm256_cmpeq_epi8(next, space);
      odd = _mm256_or_si256(odd, _mm256_and_si256(_mm256_or_si256(is_space, is_lf), next_is_space));
      odd = _mm256_or_si256(odd, _mm256_and_si256(is_space, next_is_cr));
      odd = _mm256_or_si256(odd, _mm256_cmpeq_epi8(octets, tab));
    }
    if (_mm256_testz_si256(odd, odd) == 0) return at;
  }
  return at;
}

bool HasWideBlocks() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}
const bool kHasWideBlocks = HasWideBlocks();

}  // namespace

const char* SkipPlainBlocks(const char* from, const char* end, bool relaxed) {
  const char* at = kHasWideBlocks ? SkipWideBlocks(from, end, relaxed) : from;
  while (end - at > kBlock && !HasOddPair(at, relaxed)) at += kBlock;
  while (at > from && (*at == '\r' || *at == '\n' || (relaxed && (*at == ' ' || *at == '\t')))) --at;
  return at;
}
#else
const char* SkipPlainBlocks(const char* from, const char*, bool) { return from; }
#endif

}  // namespace dkim
