// The arithmetic of batch_rsa_kernel.h over any eight-lane vector type `V`: AVX-512 in production, plain integers in
// the tests. batch_rsa.h names the published method and the security argument.
//
// V has the type Vec and the functions Load, Store, Set, Add, Sub, And, ShiftRight, ShiftRightSigned, MultiplyAddLow,
// MultiplyAddHigh (a + the low or high 52 bits of the product of the low 52 bits of b and c), SelectEqual(index, i, a,
// b) (b where index equals i, else a) and SwapHalves (lane i and lane i + 4).
//
// "Almost" reduced numbers are below 2^1040, not below the prime p. A product with a, b < 2^1040 comes out below
// ab / 2^1040 + p; with a, b < 4p and p < 2^1024 that is less than p + p / 2^12, so products chain without comparisons.
// Only for AVX-512's unit and tests: V must have internal linkage, lest the linker take another unit's copy.
#pragma once

#include <utility>

#include "engine/dkim/batch_rsa_kernel.h"

#if defined(__clang__)
#define SLUICE_UNROLL _Pragma("clang loop unroll(full)")
#define SLUICE_ROLL _Pragma("clang loop unroll(disable)")
#define SLUICE_UNROLL_BY(n) _Pragma(SLUICE_TEXT(clang loop unroll_count(n)))
#else
#define SLUICE_UNROLL _Pragma("GCC unroll 32")
#define SLUICE_ROLL _Pragma("GCC unroll 1")
#define SLUICE_UNROLL_BY(n) _Pragma(SLUICE_TEXT(GCC unroll n))
#endif
#define SLUICE_TEXT(text) #text
#define SLUICE_INLINE [[gnu::always_inline]] inline
// Keeps the compiler from copying operands that do not fit the registers to the stack before a loop.
#define SLUICE_OPERANDS_STAY_IN_MEMORY asm volatile("" : : : "memory")

namespace dkim::batch_rsa_algorithm {

// Makes every limb 52 bits wide. Limbs may be negative (two's complement); the number is not.
template <class V, int kCount>
SLUICE_INLINE void Carry(LaneRow* out, const typename V::Vec (&limbs)[kCount]) {
  typename V::Vec carry = V::Set(0);
  SLUICE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    const typename V::Vec limb = V::Add(limbs[j], carry);
    V::Store(out[j], V::And(limb, V::Set(kLimbMask)));
    carry = V::ShiftRightSigned(limb, kLimbBits);
  }
}

// Through vectors only. Compilers know loops that copy, and would make string instructions of them, or take words of
// the number into registers of general purpose.
template <class V>
SLUICE_INLINE void Copy(LaneRow* out, const LaneRow* number) {
  for (int j = 0; j < kPrimeLimbs; ++j) {
    V::Store(out[j], V::Load(number[j]));
    asm volatile("" : : : "memory");
  }
}

template <class V>
void CarryWide(LaneRow* number) {
  typename V::Vec carry = V::Set(0);
  SLUICE_ROLL
  for (int j = 0; j < kModulusLimbs; ++j) {
    const typename V::Vec limb = V::Add(V::Load(number[j]), carry);
    V::Store(number[j], V::And(limb, V::Set(kLimbMask)));
    carry = V::ShiftRight(limb, kLimbBits);
  }
}

// out = a * b / R mod prime, almost. Operand scanning: twenty accumulators stay in registers, so the outer loop must
// stay rolled. An accumulator takes 80 terms below 2^52 before it leaves, and never overflows.
template <class V>
[[gnu::noinline]] void Multiply(LaneRow* out, const LaneRow* a, const LaneRow* b, const BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  const Vec zero = V::Set(0);
  const Vec inverse = V::Load(w.prime_inverse);
  Vec sum[kPrimeLimbs];
  SLUICE_UNROLL
  for (int j = 0; j < kPrimeLimbs; ++j) sum[j] = zero;
  SLUICE_ROLL
  for (int i = 0; i < kPrimeLimbs; ++i) {
    SLUICE_OPERANDS_STAY_IN_MEMORY;
    const Vec digit = V::Load(a[i]);
    const Vec lowest = V::MultiplyAddLow(sum[0], digit, V::Load(b[0]));
    const Vec quotient = V::MultiplyAddLow(zero, lowest, inverse);
    const Vec carry = V::ShiftRight(V::MultiplyAddLow(lowest, quotient, V::Load(w.prime[0])), kLimbBits);
    SLUICE_UNROLL
    for (int j = 1; j < kPrimeLimbs; ++j) {
      const Vec high = V::MultiplyAddHigh(sum[j], digit, V::Load(b[j - 1]));
      const Vec low = V::MultiplyAddLow(high, digit, V::Load(b[j]));
      const Vec reduced = V::MultiplyAddHigh(low, quotient, V::Load(w.prime[j - 1]));
      sum[j - 1] = V::MultiplyAddLow(reduced, quotient, V::Load(w.prime[j]));
    }
    sum[0] = V::Add(sum[0], carry);
    const Vec top = V::MultiplyAddHigh(zero, digit, V::Load(b[kPrimeLimbs - 1]));
    sum[kPrimeLimbs - 1] = V::MultiplyAddHigh(top, quotient, V::Load(w.prime[kPrimeLimbs - 1]));
  }
  Carry<V>(out, sum);
}

// out = wide / R mod prime, almost. Limbs of `wide` may have up to 58 bits.
template <class V>
SLUICE_INLINE void Reduce(LaneRow* out, const LaneRow* wide, const BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  const Vec zero = V::Set(0);
  const Vec inverse = V::Load(w.prime_inverse);
  Vec sum[kPrimeLimbs];
  SLUICE_UNROLL
  for (int j = 0; j < kPrimeLimbs; ++j) sum[j] = V::Load(wide[j]);
  SLUICE_ROLL
  for (int i = 0; i < kPrimeLimbs; ++i) {
    SLUICE_OPERANDS_STAY_IN_MEMORY;
    const Vec quotient = V::MultiplyAddLow(zero, sum[0], inverse);
    const Vec carry = V::ShiftRight(V::MultiplyAddLow(sum[0], quotient, V::Load(w.prime[0])), kLimbBits);
    SLUICE_UNROLL
    for (int j = 1; j < kPrimeLimbs; ++j) {
      const Vec high = V::MultiplyAddHigh(sum[j], quotient, V::Load(w.prime[j - 1]));
      sum[j - 1] = V::MultiplyAddLow(high, quotient, V::Load(w.prime[j]));
    }
    sum[0] = V::Add(sum[0], carry);
    sum[kPrimeLimbs - 1] =
        V::MultiplyAddHigh(V::Load(wide[kPrimeLimbs + i]), quotient, V::Load(w.prime[kPrimeLimbs - 1]));
  }
  Carry<V>(out, sum);
}

// Adds the products a[i] * a[j], i < j, i + j == kColumn: low halves to `low`, high halves to `high`.
template <class V, int kColumn>
SLUICE_INLINE void AddColumn(typename V::Vec& low, typename V::Vec& high, const typename V::Vec (&a)[kPrimeLimbs]) {
  constexpr int kFirst = kColumn < kPrimeLimbs ? 0 : kColumn - kPrimeLimbs + 1;
  SLUICE_UNROLL
  for (int i = kFirst; 2 * i < kColumn; ++i) {
    low = V::MultiplyAddLow(low, a[i], a[kColumn - i]);
    high = V::MultiplyAddHigh(high, a[i], a[kColumn - i]);
  }
}

// Limbs 2k and 2k + 1 of the square of `a`: each mixed product once, doubled, and the square of limb k. `next` carries
// high halves from pair to pair. Four sums that do not wait for each other keep the multipliers busy.
template <class V, int kPair>
SLUICE_INLINE void SquareColumns(LaneRow* wide, typename V::Vec& next, const typename V::Vec (&a)[kPrimeLimbs]) {
  using Vec = typename V::Vec;
  Vec even = next;
  Vec odd = V::Set(0), odd_high = V::Set(0);
  next = V::Set(0);
  AddColumn<V, 2 * kPair>(even, odd_high, a);
  AddColumn<V, 2 * kPair + 1>(odd, next, a);
  odd = V::Add(odd, odd_high);
  V::Store(wide[2 * kPair], V::MultiplyAddLow(V::Add(even, even), a[kPair], a[kPair]));
  V::Store(wide[2 * kPair + 1], V::MultiplyAddHigh(V::Add(odd, odd), a[kPair], a[kPair]));
}

template <class V, int... kPairs>
SLUICE_INLINE void SquareAllColumns(LaneRow* wide, const typename V::Vec (&a)[kPrimeLimbs],
                                    std::integer_sequence<int, kPairs...>) {
  typename V::Vec next = V::Set(0);
  (SquareColumns<V, kPairs>(wide, next, a), ...);
}

// number = number^2 / R mod prime, almost.
template <class V>
[[gnu::noinline]] void Square(LaneRow* out, const LaneRow* number, BatchRsaWorkspace& w) {
  typename V::Vec a[kPrimeLimbs];
  SLUICE_UNROLL
  for (int j = 0; j < kPrimeLimbs; ++j) a[j] = V::Load(number[j]);
  SquareAllColumns<V>(w.wide, a, std::make_integer_sequence<int, kPrimeLimbs>());
  Reduce<V>(out, w.wide, w);
}

// out = table[index of the lane]. Reads the whole table, whatever the index.
template <class V>
[[gnu::noinline]] void LookUp(LaneRow* out, const typename V::Vec& index, const BatchRsaWorkspace& w) {
  typename V::Vec found[kPrimeLimbs];
  SLUICE_UNROLL
  for (int j = 0; j < kPrimeLimbs; ++j) found[j] = V::Load(w.table[0][j]);
  SLUICE_ROLL
  for (int entry = 1; entry < 16; ++entry) {
    SLUICE_UNROLL
    for (int j = 0; j < kPrimeLimbs; ++j) {
      found[j] = V::SelectEqual(index, static_cast<std::uint64_t>(entry), found[j], V::Load(w.table[entry][j]));
    }
  }
  SLUICE_UNROLL
  for (int j = 0; j < kPrimeLimbs; ++j) V::Store(out[j], found[j]);
}

// Takes the prime off where the number (below twice the prime) is not below it.
template <class V>
void ReduceOnce(LaneRow* number, const BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  Vec difference[kPrimeLimbs];
  Vec borrow = V::Set(0);
  for (int j = 0; j < kPrimeLimbs; ++j) {
    const Vec limb = V::Add(V::Sub(V::Load(number[j]), V::Load(w.prime[j])), borrow);
    difference[j] = V::And(limb, V::Set(kLimbMask));
    borrow = V::ShiftRightSigned(limb, kLimbBits);  // 0 or -1, in the end the mask of the lanes that stay as they are.
  }
  for (int j = 0; j < kPrimeLimbs; ++j) {
    const Vec limb = V::Load(number[j]);
    const Vec changed = V::Sub(difference[j], limb);
    V::Store(number[j], V::Sub(difference[j], V::And(changed, borrow)));
  }
}

// power = message * R mod prime: the message has two halves, low + high * R.
template <class V>
void EnterMessage(BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  Multiply<V>(w.power, w.message, w.r_squared, w);
  Multiply<V>(w.factor, w.message + kPrimeLimbs, w.r_cubed, w);
  Vec sum[kPrimeLimbs];
  for (int j = 0; j < kPrimeLimbs; ++j) sum[j] = V::Add(V::Load(w.power[j]), V::Load(w.factor[j]));
  Carry<V>(w.power, sum);
}

// power = power^exponent, fixed window of four bits: 1,020 squarings and 255 products whatever the exponent.
template <class V>
void Exponentiate(BatchRsaWorkspace& w) {
  Copy<V>(w.table[0], w.one);
  Copy<V>(w.table[1], w.power);
  for (int entry = 2; entry < 16; entry += 2) {
    Square<V>(w.table[entry], w.table[entry / 2], w);
    Multiply<V>(w.table[entry + 1], w.table[entry], w.power, w);
  }
  for (int window = 16 * kExponentWords - 1; window >= 0; --window) {
    const typename V::Vec word = V::Load(w.exponent[window / 16]);
    const typename V::Vec index = V::And(V::ShiftRight(word, 4 * (window % 16)), V::Set(15));
    if (window == 16 * kExponentWords - 1) {
      LookUp<V>(w.power, index, w);
      continue;
    }
    for (int i = 0; i < 4; ++i) Square<V>(w.power, w.power, w);
    LookUp<V>(w.factor, index, w);
    Multiply<V>(w.power, w.power, w.factor, w);
  }
}

// power = power / R mod prime, below the prime.
template <class V>
void Leave(BatchRsaWorkspace& w) {
  Copy<V>(w.wide, w.power);
  for (int j = 0; j < kPrimeLimbs; ++j) V::Store(w.wide[kPrimeLimbs + j], V::Set(0));
  Reduce<V>(w.power, w.wide, w);
  ReduceOnce<V>(w.power, w);
}

// signature = s_q + q * ((s_p - s_q) / q mod p), in the lanes of p (Garner).
template <class V>
void Recombine(BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  Vec difference[kPrimeLimbs];
  for (int j = 0; j < kPrimeLimbs; ++j) {
    // Both primes have 1,024 bits, so 2p > q: the difference stays positive, and below 4p.
    const Vec prime = V::Load(w.prime[j]);
    const Vec number = V::Load(w.power[j]);
    difference[j] = V::Sub(V::Add(number, V::Add(prime, prime)), V::SwapHalves(number));
  }
  Carry<V>(w.factor, difference);
  Multiply<V>(w.factor, w.factor, w.coefficient, w);
  ReduceOnce<V>(w.factor, w);
  for (int j = 0; j < kPrimeLimbs; ++j) {
    V::Store(w.signature[j], V::SwapHalves(V::Load(w.power[j])));
    V::Store(w.signature[kPrimeLimbs + j], V::Set(0));
  }
  SLUICE_ROLL
  for (int i = 0; i < kPrimeLimbs; ++i) {
    const Vec digit = V::Load(w.factor[i]);
    SLUICE_ROLL
    for (int j = 0; j < kPrimeLimbs; ++j) {
      const Vec prime = V::SwapHalves(V::Load(w.prime[j]));
      V::Store(w.signature[i + j], V::MultiplyAddLow(V::Load(w.signature[i + j]), digit, prime));
      V::Store(w.signature[i + j + 1], V::MultiplyAddHigh(V::Load(w.signature[i + j + 1]), digit, prime));
    }
  }
  CarryWide<V>(w.signature);
}

template <class V>
void Sign(BatchRsaWorkspace& w) {
  EnterMessage<V>(w);
  Exponentiate<V>(w);
  Leave<V>(w);
  Recombine<V>(w);
}

// out = a * b / 2^2080 mod n, almost. `out` is neither a nor b. The sums are too many for the registers and stay in
// `out`.
template <class V>
[[gnu::noinline]] void MultiplyWide(LaneRow* out, const LaneRow* a, const LaneRow* b, const BatchRsaWorkspace& w) {
  using Vec = typename V::Vec;
  const Vec zero = V::Set(0);
  const Vec inverse = V::Load(w.modulus_inverse);
  for (int j = 0; j < kModulusLimbs; ++j) V::Store(out[j], zero);
  SLUICE_ROLL
  for (int i = 0; i < kModulusLimbs; ++i) {
    const Vec digit = V::Load(a[i]);
    const Vec lowest = V::MultiplyAddLow(V::Load(out[0]), digit, V::Load(b[0]));
    const Vec quotient = V::MultiplyAddLow(zero, lowest, inverse);
    const Vec carry = V::ShiftRight(V::MultiplyAddLow(lowest, quotient, V::Load(w.modulus[0])), kLimbBits);
    V::Store(out[1], V::Add(V::Load(out[1]), carry));
    SLUICE_UNROLL_BY(13)
    for (int j = 1; j < kModulusLimbs; ++j) {
      const Vec high = V::MultiplyAddHigh(V::Load(out[j]), digit, V::Load(b[j - 1]));
      const Vec low = V::MultiplyAddLow(high, digit, V::Load(b[j]));
      const Vec reduced = V::MultiplyAddHigh(low, quotient, V::Load(w.modulus[j - 1]));
      V::Store(out[j - 1], V::MultiplyAddLow(reduced, quotient, V::Load(w.modulus[j])));
    }
    const Vec top = V::MultiplyAddHigh(zero, digit, V::Load(b[kModulusLimbs - 1]));
    V::Store(out[kModulusLimbs - 1], V::MultiplyAddHigh(top, quotient, V::Load(w.modulus[kModulusLimbs - 1])));
  }
  CarryWide<V>(out);
}

// opened = signature^(2^16 + 1) mod n: almost reduced, as everything here; of a signature below n it is below n + n /
// 2^30.
template <class V>
void Open(BatchRsaWorkspace& w) {
  MultiplyWide<V>(w.base, w.signature, w.modulus_r_squared, w);
  for (int i = 0; i < 16; i += 2) {
    MultiplyWide<V>(w.wide, w.base, w.base, w);
    MultiplyWide<V>(w.base, w.wide, w.wide, w);
  }
  MultiplyWide<V>(w.opened, w.base, w.signature, w);
}

}  // namespace dkim::batch_rsa_algorithm
