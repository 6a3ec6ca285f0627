#include "engine/dkim/batch_rsa_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <type_traits>

namespace dkim {
namespace {

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
struct FreeContext {
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
using Context = std::unique_ptr<BN_CTX, FreeContext>;

Number Parameter(const EVP_PKEY& key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &number) != 1) return nullptr;
  BN_set_flags(number, BN_FLG_CONSTTIME);
  return Number(number);
}

// The number in limbs of 52 bits. False: it has more than `count` limbs.
bool ToLimbs(const BIGNUM& number, std::uint64_t* limbs, int count) {
  std::array<std::uint8_t, 8 + kModulusLimbs * kLimbBits / 8> bytes{};
  const bool fits = BN_num_bits(&number) <= count * kLimbBits &&
                    BN_bn2lebinpad(&number, bytes.data(), static_cast<int>(bytes.size()) - 8) >= 0;
  for (int i = 0; i < count && fits; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * kLimbBits / 8, sizeof(word));
    limbs[i] = (word >> (i * kLimbBits % 8)) & kLimbMask;
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return fits;
}

// 2^bits mod `modulus`.
bool PowerOfTwo(int bits, const BIGNUM& modulus, BN_CTX* context, std::uint64_t* limbs, int count) {
  const Number power(BN_new());
  return power && BN_set_bit(power.get(), bits) == 1 && BN_nnmod(power.get(), power.get(), &modulus, context) == 1 &&
         ToLimbs(*power, limbs, count);
}

// -1 / odd mod 2^52, by Newton's iteration: each step doubles the number of right bits, five at the start.
std::uint64_t NegativeInverse(std::uint64_t odd) {
  std::uint64_t inverse = (3 * odd) ^ 2;
  for (int bits = 5; bits < kLimbBits; bits *= 2) inverse *= 2 - odd * inverse;
  return (0 - inverse) & kLimbMask;
}

bool FillPrime(const BIGNUM& prime, const BIGNUM& exponent, BN_CTX* context, BatchRsaKey::Prime& out) {
  static_assert(std::endian::native == std::endian::little);
  constexpr int kBits = kPrimeLimbs * kLimbBits;
  if (BN_num_bits(&prime) != 1024 || BN_is_odd(&prime) == 0 || BN_cmp(&exponent, &prime) >= 0) return false;
  if (BN_bn2lebinpad(&exponent, reinterpret_cast<std::uint8_t*>(out.exponent), sizeof(out.exponent)) < 0) return false;
  const bool filled = ToLimbs(prime, out.limbs, kPrimeLimbs) &&
                      PowerOfTwo(kBits, prime, context, out.one, kPrimeLimbs) &&
                      PowerOfTwo(2 * kBits, prime, context, out.r_squared, kPrimeLimbs) &&
                      PowerOfTwo(3 * kBits, prime, context, out.r_cubed, kPrimeLimbs);
  out.inverse = NegativeInverse(out.limbs[0]);
  return filled;
}

// Whether `a` * `b` mod `modulus` is one.
bool AreInverse(const BIGNUM& a, const BIGNUM& b, const BIGNUM& modulus, BN_CTX* context) {
  const Number product(BN_new());
  return product && BN_mod_mul(product.get(), &a, &b, &modulus, context) == 1 && BN_is_one(product.get()) == 1;
}

template <std::size_t kRows>
void PlaceLane(const std::uint64_t* from, LaneRow (&rows)[kRows], int lane) {
  for (std::size_t i = 0; i < kRows; ++i) rows[i].lane[lane] = from[i];
}

void PlacePrime(const BatchRsaKey::Prime& prime, BatchRsaWorkspace& workspace, int lane) {
  PlaceLane(prime.limbs, workspace.prime, lane);
  PlaceLane(prime.one, workspace.one, lane);
  PlaceLane(prime.r_squared, workspace.r_squared, lane);
  PlaceLane(prime.r_cubed, workspace.r_cubed, lane);
  PlaceLane(prime.exponent, workspace.exponent, lane);
  workspace.prime_inverse.lane[lane] = prime.inverse;
}

}  // namespace

std::unique_ptr<BatchRsaKey> BatchRsaKey::Create(const EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "RSA") != 1) return nullptr;
  std::unique_ptr<BatchRsaKey> batch_key(new BatchRsaKey());
  return batch_key->Fill(key) ? std::move(batch_key) : nullptr;
}

BatchRsaKey::~BatchRsaKey() {
  static_assert(std::is_standard_layout_v<BatchRsaKey>);
  OPENSSL_cleanse(static_cast<void*>(this), sizeof(*this));
}

bool BatchRsaKey::Fill(const EVP_PKEY& key) {
  const Number n = Parameter(key, OSSL_PKEY_PARAM_RSA_N), e = Parameter(key, OSSL_PKEY_PARAM_RSA_E);
  const Number p = Parameter(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = Parameter(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
  const Number dp = Parameter(key, OSSL_PKEY_PARAM_RSA_EXPONENT1), dq = Parameter(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
  const Number coefficient = Parameter(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
  const Context context(BN_CTX_secure_new());
  const Number product(BN_new()), scaled(BN_new()), less(BN_new());
  if (!n || !e || !p || !q || !dp || !dq || !coefficient || !context || !product || !scaled || !less) return false;
  if (BN_num_bits(n.get()) != 2048 || BN_is_word(e.get(), 65537) != 1) return false;
  // Two factors that make the whole modulus: there is no third.
  if (BN_mul(product.get(), p.get(), q.get(), context.get()) != 1 || BN_cmp(product.get(), n.get()) != 0) return false;
  if (!FillPrime(*p, *dp, context.get(), p_) || !FillPrime(*q, *dq, context.get(), q_)) return false;
  if (BN_sub(less.get(), p.get(), BN_value_one()) != 1 || !AreInverse(*dp, *e, *less, context.get())) return false;
  if (BN_sub(less.get(), q.get(), BN_value_one()) != 1 || !AreInverse(*dq, *e, *less, context.get())) return false;
  if (!AreInverse(*coefficient, *q, *p, context.get())) return false;
  if (BN_lshift(scaled.get(), coefficient.get(), kPrimeLimbs * kLimbBits) != 1 ||
      BN_nnmod(scaled.get(), scaled.get(), p.get(), context.get()) != 1) {
    return false;
  }
  if (!ToLimbs(*scaled, coefficient_, kPrimeLimbs) || !ToLimbs(*n, modulus_, kModulusLimbs)) return false;
  modulus_inverse_ = NegativeInverse(modulus_[0]);
  return PowerOfTwo(2 * kModulusLimbs * kLimbBits, *n, context.get(), modulus_r_squared_, kModulusLimbs) &&
         BN_bn2binpad(n.get(), modulus_bytes_.data(), static_cast<int>(modulus_bytes_.size())) > 0;
}

void BatchRsaKey::Place(int position, BatchRsaWorkspace& workspace) const {
  constexpr std::uint64_t kZero[kPrimeLimbs] = {};
  const int p_lane = position, q_lane = position + kBatchRsaMessages;
  PlacePrime(p_, workspace, p_lane);
  PlacePrime(q_, workspace, q_lane);
  PlaceLane(coefficient_, workspace.coefficient, p_lane);
  PlaceLane(kZero, workspace.coefficient, q_lane);
  for (const int lane : {p_lane, q_lane}) {
    PlaceLane(modulus_, workspace.modulus, lane);
    PlaceLane(modulus_r_squared_, workspace.modulus_r_squared, lane);
    workspace.modulus_inverse.lane[lane] = modulus_inverse_;
  }
}

}  // namespace dkim
