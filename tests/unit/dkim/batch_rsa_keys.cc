#include "tests/unit/dkim/batch_rsa_keys.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <utility>

#include "engine/base/check.h"

namespace dkim {
namespace {

TestNumber Less(const BIGNUM& number) {
  TestNumber less(BN_dup(&number));
  CHECK(BN_sub_word(less.get(), 1) == 1);
  return less;
}

TestNumber Modulo(const BIGNUM& number, const BIGNUM& modulus, BN_CTX* context) {
  TestNumber rest = NewNumber();
  CHECK(BN_nnmod(rest.get(), &number, &modulus, context) == 1);
  return rest;
}

TestNumber Inverse(const BIGNUM& number, const BIGNUM& modulus, BN_CTX* context) {
  TestNumber inverse(BN_mod_inverse(nullptr, &number, &modulus, context));
  CHECK(inverse != nullptr);
  return inverse;
}

}  // namespace

TestNumber NewNumber(std::uint64_t value) {
  TestNumber number(BN_new());
  CHECK(BN_set_word(number.get(), value) == 1);
  return number;
}

TestNumber PowerOfTwo(int exponent) {
  TestNumber number = NewNumber();
  CHECK(BN_set_bit(number.get(), exponent) == 1);
  return number;
}

TestNumber PrimeNear(const BIGNUM& start, bool above, std::uint64_t e) {
  TestNumber number(BN_dup(&start));
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), &BN_CTX_free);
  if (BN_is_odd(number.get()) == 0) CHECK((above ? BN_sub_word : BN_add_word)(number.get(), 1) == 1);
  do {
    CHECK((above ? BN_add_word : BN_sub_word)(number.get(), 2) == 1);
  } while (BN_mod_word(number.get(), e) == 1 || BN_check_prime(number.get(), context.get(), nullptr) != 1);
  return number;
}

TestNumber RandomPrime() {
  TestNumber prime = NewNumber();
  do {
    CHECK(BN_generate_prime_ex(prime.get(), 1024, 0, nullptr, nullptr, nullptr) == 1);
  } while (BN_mod_word(prime.get(), 65537) == 1);
  return prime;
}

TestNumber Parameter(const TestKey& key, const char* name) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key.get(), name, &number) == 1);
  return TestNumber(number);
}

TestKeyPair GenerateKeyPair() {
  TestKeyPair pair;
  pair.openssl.reset(EVP_RSA_gen(2048));
  CHECK(pair.openssl != nullptr);
  pair.batch = BatchRsaKey::Create(*pair.openssl);
  CHECK(pair.batch != nullptr);
  return pair;
}

TestKey KeyFromPrimes(const BIGNUM& p, const BIGNUM& q, std::uint64_t e) {
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), &BN_CTX_free);
  const TestNumber less_p = Less(p), less_q = Less(q), exponent = NewNumber(e), n = NewNumber(), order = NewNumber();
  CHECK(BN_mul(n.get(), &p, &q, context.get()) == 1);
  CHECK(BN_mul(order.get(), less_p.get(), less_q.get(), context.get()) == 1);
  const TestNumber d = Inverse(*exponent, *order, context.get());
  const TestNumber dp = Modulo(*d, *less_p, context.get()), dq = Modulo(*d, *less_q, context.get());
  const TestNumber coefficient = Inverse(q, p, context.get());
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(OSSL_PARAM_BLD_new(),
                                                                                &OSSL_PARAM_BLD_free);
  const std::pair<const char*, const BIGNUM*> values[] = {
      {OSSL_PKEY_PARAM_RSA_N, n.get()},          {OSSL_PKEY_PARAM_RSA_E, exponent.get()},
      {OSSL_PKEY_PARAM_RSA_D, d.get()},          {OSSL_PKEY_PARAM_RSA_FACTOR1, &p},
      {OSSL_PKEY_PARAM_RSA_FACTOR2, &q},         {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp.get()},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq.get()}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, coefficient.get()}};
  for (const auto& [name, value] : values) CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), name, value) == 1);
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(OSSL_PARAM_BLD_to_param(builder.get()),
                                                                           &OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> maker(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  CHECK(EVP_PKEY_fromdata_init(maker.get()) == 1);
  CHECK(EVP_PKEY_fromdata(maker.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
  return TestKey(key);
}

TestKeyPair PairFromPrimes(const BIGNUM& p, const BIGNUM& q) {
  TestKeyPair pair;
  pair.openssl = KeyFromPrimes(p, q);
  pair.batch = BatchRsaKey::Create(*pair.openssl);
  CHECK(pair.batch != nullptr);
  return pair;
}

std::array<std::uint8_t, 256> OpensslSignature(const TestKey& key, const std::array<std::uint8_t, 32>& digest) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key.get(), nullptr),
                                                                            &EVP_PKEY_CTX_free);
  CHECK(EVP_PKEY_sign_init(context.get()) == 1);
  CHECK(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1);
  CHECK(EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1);
  std::array<std::uint8_t, 256> signature{};
  std::size_t size = signature.size();
  CHECK(EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1);
  CHECK(size == signature.size());
  return signature;
}

TestNumber FromLane(const LaneRow* rows, int count, int lane) {
  TestNumber number = NewNumber();
  for (int i = count - 1; i >= 0; --i) {
    CHECK(BN_lshift(number.get(), number.get(), kLimbBits) == 1);
    CHECK(BN_add_word(number.get(), rows[i].lane[lane]) == 1);
  }
  return number;
}

void ToLane(const BIGNUM& number, LaneRow* rows, int count, int lane) {
  const TestNumber rest(BN_dup(&number));
  for (int i = 0; i < count; ++i) {
    const TestNumber limb(BN_dup(rest.get()));
    if (BN_num_bits(limb.get()) > kLimbBits) CHECK(BN_mask_bits(limb.get(), kLimbBits) == 1);
    rows[i].lane[lane] = BN_get_word(limb.get());
    CHECK(BN_rshift(rest.get(), rest.get(), kLimbBits) == 1);
  }
  CHECK(BN_is_zero(rest.get()) == 1);
}

}  // namespace dkim
