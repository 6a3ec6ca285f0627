// The batch RSA kernel in AVX-512. Only this unit is compiled with AVX-512 flags: whatever else is compiled here with
// external linkage could replace another unit's copy and stop processors without AVX-512, so there is nothing else.
#include <immintrin.h>

#include "engine/dkim/batch_rsa_algorithm.h"
#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {
namespace {

// The operators of the compilers' own vectors are the intrinsics: one instruction each.
struct Avx512 {
  using Vec [[gnu::vector_size(64)]] = std::uint64_t;
  using SignedVec [[gnu::vector_size(64)]] = std::int64_t;

  SLUICE_INLINE static Vec Load(const LaneRow& row) { return reinterpret_cast<Vec>(_mm512_load_si512(row.lane)); }
  SLUICE_INLINE static void Store(LaneRow& row, Vec a) { _mm512_store_si512(row.lane, reinterpret_cast<__m512i>(a)); }
  SLUICE_INLINE static Vec Set(std::uint64_t value) { return Vec{} + value; }
  SLUICE_INLINE static Vec Add(Vec a, Vec b) { return a + b; }
  SLUICE_INLINE static Vec Sub(Vec a, Vec b) { return a - b; }
  SLUICE_INLINE static Vec And(Vec a, Vec b) { return a & b; }
  SLUICE_INLINE static Vec ShiftRight(Vec a, int bits) { return a >> Set(static_cast<std::uint64_t>(bits)); }
  SLUICE_INLINE static Vec ShiftRightSigned(Vec a, int bits) {
    return reinterpret_cast<Vec>(reinterpret_cast<SignedVec>(a) >> bits);
  }
  SLUICE_INLINE static Vec MultiplyAddLow(Vec a, Vec b, Vec c) {
    return reinterpret_cast<Vec>(_mm512_madd52lo_epu64(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b),
                                                       reinterpret_cast<__m512i>(c)));
  }
  SLUICE_INLINE static Vec MultiplyAddHigh(Vec a, Vec b, Vec c) {
    return reinterpret_cast<Vec>(_mm512_madd52hi_epu64(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b),
                                                       reinterpret_cast<__m512i>(c)));
  }
  SLUICE_INLINE static Vec SelectEqual(Vec index, std::uint64_t i, Vec a, Vec b) {
    const __mmask8 equal = _mm512_cmpeq_epi64_mask(reinterpret_cast<__m512i>(index), reinterpret_cast<__m512i>(Set(i)));
    return reinterpret_cast<Vec>(
        _mm512_mask_mov_epi64(reinterpret_cast<__m512i>(a), equal, reinterpret_cast<__m512i>(b)));
  }
  SLUICE_INLINE static Vec SwapHalves(Vec a) {
    const __m512i v = reinterpret_cast<__m512i>(a);
    return reinterpret_cast<Vec>(_mm512_maskz_shuffle_i64x2(0xFF, v, v, 0b01'00'11'10));
  }
};

void SignAvx512(BatchRsaWorkspace& workspace) { batch_rsa_algorithm::Sign<Avx512>(workspace); }

void OpenAvx512(BatchRsaWorkspace& workspace) { batch_rsa_algorithm::Open<Avx512>(workspace); }

constexpr BatchRsaKernel kKernel = {&SignAvx512, &OpenAvx512};

}  // namespace

const BatchRsaKernel& Avx512BatchRsaKernel() { return kKernel; }

}  // namespace dkim
