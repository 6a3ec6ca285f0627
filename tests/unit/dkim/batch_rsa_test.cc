#include "engine/dkim/batch_rsa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include "engine/base/prng.h"
#include "tests/unit/dkim/batch_rsa_keys.h"
#include "tests/unit/dkim/batch_rsa_portable.h"

namespace dkim {
namespace {

using Digest32 = std::array<std::uint8_t, 32>;

// SLUICE_SOAK=N multiplies the numbers of primes and digests.
int Scale() {
  const char* const soak = std::getenv("SLUICE_SOAK");
  return soak == nullptr ? 1 : std::max(1, std::atoi(soak));
}

// The portable kernel everywhere, and the one that ships where it runs.
std::vector<const BatchRsaKernel*> Kernels() {
  std::vector<const BatchRsaKernel*> kernels = {&PortableBatchRsaKernel()};
  if (CpuHasAvx512Ifma()) {
    kernels.push_back(&Avx512BatchRsaKernel());
  } else {
    std::cout << "[ NO IFMA  ] this processor has no AVX-512 IFMA: the portable kernel only\n";
  }
  return kernels;
}

Digest32 RandomDigest(base::Prng& prng) {
  Digest32 digest;
  for (std::uint8_t& byte : digest) byte = static_cast<std::uint8_t>(prng.Below(256));
  return digest;
}

bool IsZero(const void* memory, std::size_t size) {
  const auto* const bytes = static_cast<const unsigned char*>(memory);
  return std::all_of(bytes, bytes + size, [](unsigned char byte) { return byte == 0; });
}

using Signatures = std::vector<std::array<std::uint8_t, 256>>;

Signatures Openssls(const std::vector<const TestKeyPair*>& keys, const std::vector<Digest32>& digests) {
  Signatures signatures;
  for (std::size_t i = 0; i < keys.size(); ++i) signatures.push_back(OpensslSignature(keys[i]->openssl, digests[i]));
  return signatures;
}

void Expect(BatchRsa& rsa, const std::vector<const TestKeyPair*>& keys, const std::vector<Digest32>& digests,
            const Signatures& expected) {
  std::vector<BatchRsa::Job> jobs(keys.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i] = {.key = keys[i]->batch.get(), .digest = digests[i]};
  rsa.Sign(absl::MakeSpan(jobs));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_TRUE(jobs[i].verified);
    EXPECT_EQ(jobs[i].signature, expected[i]);
  }
}

void ExpectLikeOpenssl(BatchRsa& rsa, const std::vector<const TestKeyPair*>& keys,
                       const std::vector<Digest32>& digests) {
  Expect(rsa, keys, digests, Openssls(keys, digests));
}

TEST(BatchRsaTest, SignaturesOfManyKeysAreThoseOfOpenssl) {
  // Each two of the primes make a key: 55 keys at scale 1, 4,851 at scale 9.
  std::vector<TestNumber> primes;
  for (int i = 0; i < 11 * Scale(); ++i) primes.push_back(RandomPrime());
  base::Prng prng(1);
  const std::vector<const BatchRsaKernel*> kernels = Kernels();
  std::vector<TestKeyPair> keys;
  for (std::size_t i = 0; i < primes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      keys.push_back(PairFromPrimes(*primes[i], *primes[j]));
      if (keys.size() < kBatchRsaMessages) continue;
      const std::vector<Digest32> digests = {RandomDigest(prng), RandomDigest(prng), RandomDigest(prng),
                                             RandomDigest(prng)};
      const std::vector<const TestKeyPair*> batch = {&keys[0], &keys[1], &keys[2], &keys[3]};
      const Signatures expected = Openssls(batch, digests);
      for (const BatchRsaKernel* kernel : kernels) {
        BatchRsa rsa(*kernel);
        Expect(rsa, batch, digests, expected);
      }
      keys.erase(keys.begin());  // So each key has had each of the lanes.
    }
  }
}

TEST(BatchRsaTest, ManyDigestsOfOneKeyInEveryNumberOfJobs) {
  base::Prng prng(2);
  const TestKeyPair key = GenerateKeyPair();
  for (const BatchRsaKernel* kernel : Kernels()) {
    BatchRsa rsa(*kernel);
    const int calls = kernel == &PortableBatchRsaKernel() ? 20 : 1000;  // Of 2.5 digests each.
    for (int i = 0; i < calls * Scale(); ++i) {
      const std::size_t count = 1 + static_cast<std::size_t>(i) % kBatchRsaMessages;
      std::vector<Digest32> digests;
      for (std::size_t j = 0; j < count; ++j) digests.push_back(RandomDigest(prng));
      ExpectLikeOpenssl(rsa, std::vector<const TestKeyPair*>(count, &key), digests);
    }
  }
}

TEST(BatchRsaTest, DigestsOfOneBitValueOnly) {
  const TestKeyPair key = GenerateKeyPair();
  Digest32 zeros{}, ones, first{}, last{};
  ones.fill(0xFF);
  first[0] = 0x80;
  last[31] = 1;
  for (const BatchRsaKernel* kernel : Kernels()) {
    BatchRsa rsa(*kernel);
    ExpectLikeOpenssl(rsa, {&key, &key, &key, &key}, {zeros, ones, first, last});
  }
}

TEST(BatchRsaTest, PrimesAtTheEndsOfTheirRange) {
  const TestNumber top = PowerOfTwo(1024), bottom = PowerOfTwo(1023);
  const TestNumber largest = PrimeNear(*top, /*above=*/false), second = PrimeNear(*largest, /*above=*/false);
  // 2^1023 and a bit; with the largest the product has 2,048 bits all the same.
  const TestNumber smallest = PrimeNear(*bottom, /*above=*/true);
  const TestKeyPair large = PairFromPrimes(*largest, *second), larger_second = PairFromPrimes(*second, *largest);
  const TestKeyPair wide = PairFromPrimes(*largest, *smallest), narrow = PairFromPrimes(*smallest, *largest);
  base::Prng prng(3);
  for (const BatchRsaKernel* kernel : Kernels()) {
    BatchRsa rsa(*kernel);
    for (int i = 0; i < 3 * Scale(); ++i) {
      ExpectLikeOpenssl(rsa, {&large, &larger_second, &wide, &narrow},
                        {RandomDigest(prng), RandomDigest(prng), RandomDigest(prng), RandomDigest(prng)});
    }
  }
}

TEST(BatchRsaTest, SecretsAreWipedAfterEachBatch) {
  const TestKeyPair key = GenerateKeyPair();
  for (const BatchRsaKernel* kernel : Kernels()) {
    BatchRsa rsa(*kernel);
    BatchRsa::Job job = {.key = key.batch.get()};
    rsa.Sign(absl::MakeSpan(&job, 1));
    ASSERT_TRUE(job.verified);
    EXPECT_TRUE(IsZero(&rsa.workspace_for_testing(), sizeof(BatchRsaWorkspace)));
  }
}

TEST(BatchRsaTest, KeysAreWipedOnDestruction) {
  BatchRsaKey* const key = GenerateKeyPair().batch.release();
  EXPECT_FALSE(IsZero(key, sizeof(BatchRsaKey)));
  key->~BatchRsaKey();
  EXPECT_TRUE(IsZero(key, sizeof(BatchRsaKey)));
  ::operator delete(key);
}

TEST(BatchRsaTest, TheKernelRunsOnlyWhereTheProcessorHasIt) {
#if defined(__GNUC__) && !defined(__clang__)
  const bool expected = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
#else
  const bool expected = __builtin_cpu_supports("avx512ifma");
#endif
  EXPECT_EQ(CpuHasAvx512Ifma(), expected);
  std::cout << "[ DISPATCH ] AVX-512 IFMA: " << (expected ? "yes" : "no") << '\n';
}

TEST(BatchRsaKeyTest, RefusesWhatDoesNotFitTheLanes) {
  const TestKey small(EVP_RSA_gen(1024)), large(EVP_RSA_gen(3072));
  EXPECT_EQ(BatchRsaKey::Create(*small), nullptr);
  EXPECT_EQ(BatchRsaKey::Create(*large), nullptr);
  const TestKey edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  EXPECT_EQ(BatchRsaKey::Create(*edwards), nullptr);
  const TestNumber p = PrimeNear(*PowerOfTwo(1000), true), q = PrimeNear(*PowerOfTwo(1047), true);
  EXPECT_EQ(BatchRsaKey::Create(*KeyFromPrimes(*p, *q)), nullptr) << "primes of 1,001 and 1,048 bits";
}

TEST(BatchRsaKeyTest, RefusesOtherPublicExponents) {
  const TestNumber p = PrimeNear(*PowerOfTwo(1024), false, 3), q = PrimeNear(*p, false, 3);
  ASSERT_EQ(BN_mod_word(p.get(), 3), 2u);
  EXPECT_EQ(BatchRsaKey::Create(*KeyFromPrimes(*p, *q, 3)), nullptr);
}

TEST(BatchRsaKeyTest, RefusesThreePrimes) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> maker(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), &EVP_PKEY_CTX_free);
  ASSERT_EQ(EVP_PKEY_keygen_init(maker.get()), 1);
  unsigned bits = 2048, primes = 3;
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits),
                                   OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_PRIMES, &primes),
                                   OSSL_PARAM_construct_end()};
  ASSERT_EQ(EVP_PKEY_CTX_set_params(maker.get(), parameters), 1);
  EVP_PKEY* made = nullptr;
  ASSERT_EQ(EVP_PKEY_generate(maker.get(), &made), 1);
  const TestKey key(made);
  EXPECT_EQ(BatchRsaKey::Create(*key), nullptr);
}

}  // namespace
}  // namespace dkim
