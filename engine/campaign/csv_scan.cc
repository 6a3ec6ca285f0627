#include "engine/campaign/csv_scan.h"

#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace campaign {
namespace {

constexpr int kBlock = 64;

}  // namespace

CsvScan::Masks CsvScan::OctetByOctet(const char* at, int size, char separator) {
  Masks masks;
  for (int i = 0; i < size; ++i) {
    const char octet = at[i];
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (octet == separator || octet == '\n') masks.ends |= bit;
    if (octet == '\n') masks.line_feeds |= bit;
    if (octet == '"') masks.quotes |= bit;
    if (octet == '\0' || (octet & '\x80') != 0) masks.odd |= bit;
  }
  return masks;
}

#ifdef __SSE2__
CsvScan::Masks CsvScan::WholeBlock(const char* at, char separator) {
  const auto bits = [](__m128i octets) { return static_cast<std::uint64_t>(_mm_movemask_epi8(octets)); };
  Masks masks;
  for (int i = 0; i < kBlock; i += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
    const __m128i line_feeds = _mm_cmpeq_epi8(octets, _mm_set1_epi8('\n'));
    const __m128i separators = _mm_cmpeq_epi8(octets, _mm_set1_epi8(separator));
    masks.ends |= bits(_mm_or_si128(separators, line_feeds)) << i;
    masks.line_feeds |= bits(line_feeds) << i;
    masks.quotes |= bits(_mm_cmpeq_epi8(octets, _mm_set1_epi8('"'))) << i;
    masks.odd |= bits(_mm_or_si128(octets, _mm_cmpeq_epi8(octets, _mm_setzero_si128()))) << i;
  }
  return masks;
}
#else
CsvScan::Masks CsvScan::WholeBlock(const char* at, char separator) { return OctetByOctet(at, kBlock, separator); }
#endif

void CsvScan::Reset(std::string_view text, char separator) {
  end_ = text.data() + text.size();
  separator_ = separator;
  block_ = block_end_ = odd_end_ = text.data();
}

void CsvScan::Load(const char* at) {
  block_ = at;
  if (end_ - at >= kBlock) {
    block_end_ = at + kBlock;
    masks_ = WholeBlock(at, separator_);
  } else {
    block_end_ = end_;
    masks_ = OctetByOctet(at, static_cast<int>(end_ - at), separator_);
  }
  if (masks_.odd != 0) odd_end_ = at + std::bit_width(masks_.odd);
}

const char* CsvScan::NextEnd(const char* at) {
  while (at < end_) {
    if (at >= block_end_) Load(at);
    const std::uint64_t ends = masks_.ends >> (at - block_);
    if (ends != 0) return at + std::countr_zero(ends);
    at = block_end_;
  }
  return end_;
}

const char* CsvScan::NextQuote(const char* at, std::uint64_t& line_feeds) {
  while (at < end_) {
    if (at >= block_end_) Load(at);
    const std::uint64_t quotes = masks_.quotes >> (at - block_), feeds = masks_.line_feeds >> (at - block_);
    if (quotes != 0) {
      const int before = std::countr_zero(quotes);
      line_feeds += static_cast<std::uint64_t>(std::popcount(feeds & ((std::uint64_t{1} << before) - 1)));
      return at + before;
    }
    line_feeds += static_cast<std::uint64_t>(std::popcount(feeds));
    at = block_end_;
  }
  return end_;
}

}  // namespace campaign
