// The vectors of batch_rsa_algorithm.h in AVX-512. Only for units that are compiled for it. `Unit` is a type with
// internal linkage: what is made of it has internal linkage too, and never replaces another unit's copy.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/dkim/batch_rsa_algorithm.h"
#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {

// The operators of the compilers' own vectors are the intrinsics: one instruction each.
template <class Unit>
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

  // Zeroes what the arithmetic has left in the registers. Those of general purpose never hold anything secret.
  SLUICE_INLINE static void WipeRegisters() {
    asm volatile(
        "vzeroall\n\t"  // 0 to 15.
        ".irp i, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"
        "vpxorq %%zmm\\i, %%zmm\\i, %%zmm\\i\n\t"
        ".endr\n\t"
        "kxorw %%k1, %%k1, %%k1"
        :
        :
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",
          "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1");
  }
};

}  // namespace dkim
