#include "engine/dkim/plain_blocks.h"

#ifdef __SSE2__
#include <emmintrin.h>
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

}  // namespace

const char* SkipPlainBlocks(const char* from, const char* end, bool relaxed) {
  const char* at = from;
  while (end - at > kBlock && !HasOddPair(at, relaxed)) at += kBlock;
  while (at > from && (*at == '\r' || *at == '\n' || (relaxed && (*at == ' ' || *at == '\t')))) --at;
  return at;
}
#else
const char* SkipPlainBlocks(const char* from, const char*, bool) { return from; }
#endif

}  // namespace dkim
