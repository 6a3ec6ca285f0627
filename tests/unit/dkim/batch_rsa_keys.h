// RSA keys for the tests of batch RSA, and OpenSSL's own signatures to compare with.
#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>

#include "engine/dkim/batch_rsa_kernel.h"
#include "engine/dkim/batch_rsa_key.h"

namespace dkim {

struct FreeTestKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeTestNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using TestKey = std::unique_ptr<EVP_PKEY, FreeTestKey>;
using TestNumber = std::unique_ptr<BIGNUM, FreeTestNumber>;

struct TestKeyPair {
  TestKey openssl;
  std::unique_ptr<BatchRsaKey> batch;
};

TestNumber NewNumber(std::uint64_t value = 0);
TestNumber PowerOfTwo(int exponent);
// The first prime above (or below) `start` that is not 1 mod `e`.
TestNumber PrimeNear(const BIGNUM& start, bool above, std::uint64_t e = 65537);
TestNumber RandomPrime();  // Of 1,024 bits, the first two of them ones; fit for e = 65537.
TestNumber Parameter(const TestKey& key, const char* name);

TestKeyPair GenerateKeyPair();
// From primes; p may be smaller than q.
TestKey KeyFromPrimes(const BIGNUM& p, const BIGNUM& q, std::uint64_t e = 65537);
TestKeyPair PairFromPrimes(const BIGNUM& p, const BIGNUM& q);

std::array<std::uint8_t, 256> OpensslSignature(const TestKey& key, const std::array<std::uint8_t, 32>& digest);

// One lane's number of the workspace, and back.
TestNumber FromLane(const LaneRow* rows, int count, int lane);
void ToLane(const BIGNUM& number, LaneRow* rows, int count, int lane);

}  // namespace dkim
