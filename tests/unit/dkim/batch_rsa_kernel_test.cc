// The kernels by themselves: any exponents and messages, not only those of signatures; and faults of the machine.
#include "engine/dkim/batch_rsa_kernel.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/prng.h"
#include "engine/dkim/batch_rsa.h"
#include "tests/unit/dkim/batch_rsa_keys.h"
#include "tests/unit/dkim/batch_rsa_portable.h"

namespace dkim {
namespace {

std::vector<const BatchRsaKernel*> Kernels() {
  std::vector<const BatchRsaKernel*> kernels = {&PortableBatchRsaKernel()};
  if (CpuHasAvx512Ifma()) kernels.push_back(&Avx512BatchRsaKernel());
  return kernels;
}

class BatchRsaKernelTest : public ::testing::Test {
 protected:
  BatchRsaKernelTest() {
    n_ = Parameter(key_.openssl, OSSL_PKEY_PARAM_RSA_N);
    p_ = Parameter(key_.openssl, OSSL_PKEY_PARAM_RSA_FACTOR1);
    q_ = Parameter(key_.openssl, OSSL_PKEY_PARAM_RSA_FACTOR2);
    for (int i = 0; i < kBatchRsaMessages; ++i) key_.batch->Place(i, *workspace_);
  }

  // x below n with x = message^exponent_p mod p and message^exponent_q mod q.
  TestNumber Expected(const BIGNUM& message, const BIGNUM& exponent_p, const BIGNUM& exponent_q) {
    const TestNumber a = NewNumber(), b = NewNumber(), result = NewNumber(), part = NewNumber();
    BN_mod_exp(a.get(), &message, &exponent_p, p_.get(), context_.get());
    BN_mod_exp(b.get(), &message, &exponent_q, q_.get(), context_.get());
    const TestNumber q_inverse(BN_mod_inverse(nullptr, q_.get(), p_.get(), context_.get()));
    const TestNumber p_inverse(BN_mod_inverse(nullptr, p_.get(), q_.get(), context_.get()));
    BN_mul(part.get(), q_.get(), q_inverse.get(), context_.get());
    BN_mod_mul(result.get(), part.get(), a.get(), n_.get(), context_.get());
    BN_mul(part.get(), p_.get(), p_inverse.get(), context_.get());
    BN_mod_mul(part.get(), part.get(), b.get(), n_.get(), context_.get());
    TestNumber sum = NewNumber();
    BN_mod_add(sum.get(), result.get(), part.get(), n_.get(), context_.get());
    return sum;
  }

  void SetExponent(const BIGNUM& exponent, int lane) {
    std::uint64_t words[kExponentWords];
    CHECK(BN_bn2lebinpad(&exponent, reinterpret_cast<unsigned char*>(words), sizeof(words)) > 0);
    for (int i = 0; i < kExponentWords; ++i) workspace_->exponent[i].lane[lane] = words[i];
  }

  void SetMessage(const BIGNUM& message, int position) {
    ToLane(message, workspace_->message, kModulusLimbs, position);
    ToLane(message, workspace_->message, kModulusLimbs, position + kBatchRsaMessages);
  }

  TestNumber Multiple(const BIGNUM& number, std::uint64_t factor) {
    TestNumber result(BN_dup(&number));
    CHECK(BN_mul_word(result.get(), factor) == 1);
    return result;
  }

  TestNumber Less(const BIGNUM& number) {
    TestNumber result(BN_dup(&number));
    CHECK(BN_sub_word(result.get(), 1) == 1);
    return result;
  }

  const TestKeyPair key_ = GenerateKeyPair();
  TestNumber n_, p_, q_;
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context_{BN_CTX_new(), &BN_CTX_free};
  const std::unique_ptr<BatchRsaWorkspace> workspace_{new BatchRsaWorkspace()};
};

TEST_F(BatchRsaKernelTest, AnyExponentOfAnyMessage) {
  std::vector<TestNumber> exponents, messages;
  for (const unsigned small : {0u, 1u, 2u, 15u, 16u}) exponents.push_back(NewNumber(small));
  exponents.push_back(Less(*PowerOfTwo(1024)));
  exponents.push_back(PowerOfTwo(1023));
  exponents.push_back(Less(*p_));
  for (const unsigned small : {0u, 1u, 2u}) messages.push_back(NewNumber(small));
  messages.push_back(Less(*n_));
  messages.push_back(Less(*p_));
  messages.push_back(Multiple(*p_, 3));
  messages.push_back(Multiple(*q_, 0xFFFFFFFF));
  messages.push_back(PowerOfTwo(1040));
  messages.push_back(Less(*PowerOfTwo(1040)));
  base::Prng prng(1);
  for (const BatchRsaKernel* kernel : Kernels()) {
    for (std::size_t first = 0; first < messages.size() * 4; first += kBatchRsaMessages) {
      std::vector<TestNumber> expected;
      for (int i = 0; i < kBatchRsaMessages; ++i) {
        const BIGNUM& message = *messages[(first + static_cast<std::size_t>(i)) % messages.size()];
        const BIGNUM& a = *exponents[prng.Below(exponents.size())];
        const BIGNUM& b = *exponents[prng.Below(exponents.size())];
        SetMessage(message, i);
        SetExponent(a, i);
        SetExponent(b, i + kBatchRsaMessages);
        expected.push_back(Expected(message, a, b));
      }
      kernel->sign(*workspace_);
      for (int i = 0; i < kBatchRsaMessages; ++i) {
        const TestNumber got = FromLane(workspace_->signature, kModulusLimbs, i);
        EXPECT_EQ(BN_cmp(got.get(), expected[static_cast<std::size_t>(i)].get()), 0);
      }
    }
  }
}

TEST_F(BatchRsaKernelTest, OpeningIsThePublicOperationAlsoOfWhatIsNoSignature) {
  std::vector<TestNumber> inputs;
  for (const unsigned small : {0u, 1u, 2u}) inputs.push_back(NewNumber(small));
  inputs.push_back(Less(*n_));
  inputs.push_back(Multiple(*n_, 1));
  inputs.push_back(Multiple(*n_, 5));
  inputs.push_back(Less(*PowerOfTwo(2080)));
  inputs.push_back(Multiple(*p_, 7));
  const TestNumber e = NewNumber(65537);
  for (const BatchRsaKernel* kernel : Kernels()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ToLane(*inputs[i], workspace_->signature, kModulusLimbs, static_cast<int>(i) % kBatchRsaMessages);
      kernel->open(*workspace_);
      const TestNumber got = FromLane(workspace_->opened, kModulusLimbs, static_cast<int>(i) % kBatchRsaMessages);
      const TestNumber expected = NewNumber(), rest = NewNumber();
      BN_mod_exp(expected.get(), inputs[i].get(), e.get(), n_.get(), context_.get());
      BN_nnmod(rest.get(), got.get(), n_.get(), context_.get());
      EXPECT_EQ(BN_cmp(rest.get(), expected.get()), 0) << "input " << i;
      if (BN_cmp(inputs[i].get(), n_.get()) <= 0) {
        EXPECT_LE(BN_cmp(got.get(), n_.get()), 0) << "input " << i;
      }
    }
  }
}

class BatchRsaFaultTest : public ::testing::Test {
 protected:
  ~BatchRsaFaultTest() override { TheFault() = {}; }
  const TestKeyPair key_ = GenerateKeyPair();
  BatchRsa rsa_{PortableBatchRsaKernel()};
};

TEST_F(BatchRsaFaultTest, AFlippedBitAnywhereIsNeverEmitted) {
  const std::int64_t all = PortableSignMultiplications() + PortableOpenMultiplications();
  std::array<std::uint8_t, 32> digest{};
  const std::array<std::uint8_t, 256> expected = OpensslSignature(key_.openssl, digest);
  base::Prng prng(7);
  int caught = 0;
  for (int i = 0; i < 24; ++i) {
    const int lane = static_cast<int>(prng.Below(kBatchRsaLanes));
    TheFault() = {.countdown = static_cast<std::int64_t>(prng.Below(static_cast<std::uint64_t>(all))),
                  .lane = lane,
                  .bit = static_cast<int>(prng.Below(59))};
    std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
    for (BatchRsa::Job& job : jobs) job = {.key = key_.batch.get(), .digest = digest};
    rsa_.Sign(absl::MakeSpan(jobs));
    ASSERT_EQ(TheFault().countdown, -1) << "the fault has happened";
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      if (jobs[j].verified) {
        EXPECT_EQ(jobs[j].signature, expected);
      } else {
        EXPECT_EQ(static_cast<int>(j), lane % kBatchRsaMessages) << "only the lane's own message is lost";
        EXPECT_EQ(jobs[j].signature, (std::array<std::uint8_t, 256>{}));
        ++caught;
      }
    }
  }
  EXPECT_GE(caught, 12);
}

// A fault of the memory: one bit of what a kernel works on, before or after it has signed.
struct MemoryFault {
  const BatchRsaKernel* kernel = nullptr;
  std::size_t word = 0;
  int bit = 0;
  bool after = false;
} memory_fault;

void SignWithMemoryFault(BatchRsaWorkspace& workspace) {
  auto* const word = reinterpret_cast<std::uint64_t*>(&workspace) + memory_fault.word;
  if (memory_fault.after) memory_fault.kernel->sign(workspace);
  *word ^= std::uint64_t{1} << memory_fault.bit;
  if (!memory_fault.after) memory_fault.kernel->sign(workspace);
}

TEST_F(BatchRsaFaultTest, AFlippedBitInMemoryIsNeverEmitted) {
  const std::array<std::uint8_t, 32> digest{};
  const std::array<std::uint8_t, 256> expected = OpensslSignature(key_.openssl, digest);
  base::Prng prng(8);
  for (const BatchRsaKernel* kernel : Kernels()) {
    const BatchRsaKernel faulty = {&SignWithMemoryFault, kernel->open};
    BatchRsa rsa(faulty);
    const int times = kernel == &PortableBatchRsaKernel() ? 40 : 1000;
    int caught = 0;
    for (int i = 0; i < times; ++i) {
      memory_fault = {.kernel = kernel,
                      .word = prng.Below(offsetof(BatchRsaWorkspace, opened) / sizeof(std::uint64_t))};
      memory_fault.bit = static_cast<int>(prng.Below(64));
      memory_fault.after = prng.Below(2) == 1;
      std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
      for (BatchRsa::Job& job : jobs) job = {.key = key_.batch.get(), .digest = digest};
      rsa.Sign(absl::MakeSpan(jobs));
      for (const BatchRsa::Job& job : jobs) {
        EXPECT_EQ(job.signature, job.verified ? expected : (std::array<std::uint8_t, 256>{}))
            << "word " << memory_fault.word << ", bit " << memory_fault.bit << (memory_fault.after ? ", after" : "");
        if (!job.verified) ++caught;
      }
    }
    EXPECT_GE(caught, times / 4);
    EXPECT_LE(caught, times) << "only the lane's own message is lost";
  }
}

// What the verification is for: a fault in one prime's lane gives the other prime to whoever sees the signature.
BatchRsaWorkspace* seen = nullptr;
void SignAndLook(BatchRsaWorkspace& workspace) {
  PortableBatchRsaKernel().sign(workspace);
  std::copy(std::begin(workspace.signature), std::end(workspace.signature), std::begin(seen->signature));
  std::copy(std::begin(workspace.message), std::end(workspace.message), std::begin(seen->message));
}

TEST_F(BatchRsaFaultTest, AFaultInOneLaneWouldGiveTheKeyAway) {
  const std::unique_ptr<BatchRsaWorkspace> copy(new BatchRsaWorkspace());
  seen = copy.get();
  const BatchRsaKernel looked_at = {&SignAndLook, PortableBatchRsaKernel().open};
  BatchRsa rsa(looked_at);
  const TestNumber n = Parameter(key_.openssl, OSSL_PKEY_PARAM_RSA_N), e = NewNumber(65537);
  const TestNumber q = Parameter(key_.openssl, OSSL_PKEY_PARAM_RSA_FACTOR2);
  TheFault() = {.countdown = PortableSignMultiplications() / 2, .lane = 2, .bit = 17};
  std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
  for (BatchRsa::Job& job : jobs) job = {.key = key_.batch.get()};
  rsa.Sign(absl::MakeSpan(jobs));
  for (int i = 0; i < kBatchRsaMessages; ++i) {
    EXPECT_EQ(jobs[static_cast<std::size_t>(i)].verified, i != 2);
  }
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), &BN_CTX_free);
  const TestNumber opened = NewNumber(), factor = NewNumber();
  const TestNumber wrong = FromLane(copy->signature, kModulusLimbs, 2);
  BN_mod_exp(opened.get(), wrong.get(), e.get(), n.get(), context.get());
  BN_sub(opened.get(), opened.get(), FromLane(copy->message, kModulusLimbs, 2).get());
  BN_gcd(factor.get(), opened.get(), n.get(), context.get());
  EXPECT_EQ(BN_cmp(factor.get(), q.get()), 0);
  seen = nullptr;
}

// A kernel that leaves the right signature plus n: it opens to the message, and is no valid signature (RFC 8017
// section 5.2.2).
void SignPlusModulus(BatchRsaWorkspace& workspace) {
  PortableBatchRsaKernel().sign(workspace);
  const TestNumber n = FromLane(workspace.modulus, kModulusLimbs, 0);
  const TestNumber signature = FromLane(workspace.signature, kModulusLimbs, 0);
  BN_add(signature.get(), signature.get(), n.get());
  ToLane(*signature, workspace.signature, kModulusLimbs, 0);
}

TEST_F(BatchRsaFaultTest, ASignatureThatIsNotBelowTheModulusIsNoSignature) {
  const BatchRsaKernel plus_modulus = {&SignPlusModulus, PortableBatchRsaKernel().open};
  BatchRsa rsa(plus_modulus);
  std::array<BatchRsa::Job, 2> jobs;
  for (BatchRsa::Job& job : jobs) job = {.key = key_.batch.get()};
  rsa.Sign(absl::MakeSpan(jobs));
  EXPECT_FALSE(jobs[0].verified);
  EXPECT_TRUE(jobs[1].verified);
}

}  // namespace
}  // namespace dkim
