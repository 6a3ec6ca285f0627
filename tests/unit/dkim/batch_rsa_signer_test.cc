#include "engine/dkim/batch_rsa_signer.h"

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "engine/dkim/signing_pool.h"
#include "gmock/gmock.h"
#include "tests/unit/dkim/batch_rsa_portable.h"

namespace dkim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Request final : public SignRequest {
 public:
  void OnSigned(const absl::Status&) override {}
};

class BatchRsaSignerTest : public ::testing::Test {
 protected:
  BatchRsaSignerTest() {
    for (const Algorithm algorithm : {Algorithm::kRsaSha256, Algorithm::kRsaSha256, Algorithm::kEd25519Sha256}) {
      absl::StatusOr<std::unique_ptr<PrivateKey>> key = PrivateKey::Generate(algorithm, crypto_);
      EXPECT_TRUE(key.ok());
      keys_.emplace_back();
      keys_.back().pem = *(*key)->ToPem();
      parsed_.push_back(*std::move(key));
    }
  }
  ~BatchRsaSignerTest() override { TheFault() = {}; }

  std::unique_ptr<BatchRsaSigner> Make(const BatchRsaKernel& kernel = PortableBatchRsaKernel()) {
    absl::StatusOr<std::unique_ptr<BatchRsaSigner>> signer = BatchRsaSigner::Make(keys_, kernel, faulty_, log_);
    EXPECT_TRUE(signer.ok());
    return *std::move(signer);
  }

  // Signs one digest with each of the keys, in one call, and verifies all of them.
  void SignAndVerify(DigestSigner& signer, const std::vector<std::uint32_t>& keys) {
    std::vector<Request> requests(keys.size());
    std::vector<SignRequest*> pointers;
    std::vector<absl::Status> statuses(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      requests[i].key = keys[i];
      requests[i].digest.fill(static_cast<std::uint8_t>(i + 1));
      pointers.push_back(&requests[i]);
    }
    signer.SignDigests(pointers, absl::MakeSpan(statuses));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EXPECT_TRUE(statuses[i].ok()) << statuses[i];
      EXPECT_TRUE(parsed_[keys[i]]->Verify(requests[i].digest, requests[i].signature)) << "request " << i;
    }
  }

  class LinesLog final : public base::Log {
   public:
    void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
  };

  const Crypto crypto_;
  LinesLog log_;
  std::atomic<bool> faulty_ = false;
  std::vector<SigningKey> keys_;  // Two for batches, and one for OpenSSL.
  std::vector<std::unique_ptr<PrivateKey>> parsed_;
};

TEST_F(BatchRsaSignerTest, SignsTwoToFourTogetherAndOneAlone) {
  const std::unique_ptr<BatchRsaSigner> signer = Make();
  EXPECT_TRUE(signer->batches());
  EXPECT_EQ(signer->batch_max(), 4u);
  for (const std::vector<std::uint32_t>& keys :
       std::vector<std::vector<std::uint32_t>>{{0, 1, 0, 1}, {1, 0, 0}, {0, 1}, {1}}) {
    SignAndVerify(*signer, keys);
  }
  EXPECT_EQ(signer->counters().batches, 3u);
  EXPECT_EQ(signer->counters().in_batches, 9u);
  EXPECT_EQ(signer->counters().alone, 1u);
}

TEST_F(BatchRsaSignerTest, OtherKeysGoToOpenssl) {
  const std::unique_ptr<BatchRsaSigner> signer = Make();
  SignAndVerify(*signer, {2, 0, 2, 1});
  EXPECT_EQ(signer->counters().in_batches, 2u);
  EXPECT_EQ(signer->counters().alone, 2u);
  SignAndVerify(*signer, {2, 0});
  EXPECT_EQ(signer->counters().in_batches, 2u) << "one that would be alone in its batch";
  EXPECT_EQ(signer->counters().alone, 4u);
}

// A message with two signatures, and nobody else waits: one batch.
TEST_F(BatchRsaSignerTest, ASeatFillsABatchWithTheOtherKeysThatFit) {
  std::unique_ptr<BatchRsaSigner> made = Make();
  const BatchRsaSigner& signer = *made;
  SigningPool pool;
  const auto seat = pool.Join(std::move(made), [] {});
  std::vector<Request> requests(3);
  for (std::uint32_t key = 0; key < 3; ++key) {
    requests[key].key = key;
    seat->Sign(requests[key]);
  }
  seat->Serve();
  EXPECT_EQ(signer.counters().batches, 1u);
  EXPECT_EQ(signer.counters().in_batches, 2u);
  EXPECT_TRUE(seat->WantsTurn()) << "the third key does not fit";
  seat->Serve();
  EXPECT_EQ(signer.counters().alone, 1u);
  for (std::uint32_t key = 0; key < 3; ++key)
    EXPECT_TRUE(parsed_[key]->Verify(requests[key].digest, requests[key].signature));
  EXPECT_TRUE(signer.GoTogether(0, 1));
  faulty_ = true;
  EXPECT_FALSE(signer.GoTogether(0, 1)) << "each alone, with OpenSSL";
}

TEST_F(BatchRsaSignerTest, WithoutAKeyForBatchesThereAreNone) {
  keys_.erase(keys_.begin(), keys_.begin() + 2);
  parsed_.erase(parsed_.begin(), parsed_.begin() + 2);
  const std::unique_ptr<BatchRsaSigner> signer = Make();
  EXPECT_FALSE(signer->batches());
  EXPECT_EQ(signer->batch_max(), 1u);
  SignAndVerify(*signer, {0});
}

TEST_F(BatchRsaSignerTest, AfterAFaultAllSignaturesAreRightAndOpenssls) {
  const std::unique_ptr<BatchRsaSigner> signer = Make();
  TheFault() = {.countdown = PortableSignMultiplications() / 3, .lane = 5, .bit = 3};
  SignAndVerify(*signer, {0, 1, 0, 1});
  EXPECT_EQ(signer->counters().mismatches, 1u);
  EXPECT_EQ(signer->counters().in_batches, 3u);
  EXPECT_EQ(signer->counters().alone, 1u);
  EXPECT_FALSE(signer->batches());
  EXPECT_EQ(signer->batch_max(), 1u);
  SignAndVerify(*signer, {0});
  EXPECT_EQ(signer->counters().batches, 1u);
}

TEST_F(BatchRsaSignerTest, AFaultIsOfTheMachineAndEndsTheBatchesOfAll) {
  const std::unique_ptr<BatchRsaSigner> one = Make(), other = Make();
  TheFault() = {.countdown = PortableSignMultiplications() / 3, .lane = 5, .bit = 3};
  SignAndVerify(*one, {0, 1, 0, 1});
  EXPECT_EQ(one->counters().mismatches, 1u);
  EXPECT_FALSE(other->batches());
  SignAndVerify(*other, {0, 1, 0, 1});
  EXPECT_EQ(other->counters().batches, 0u);
  TheFault() = {.countdown = 1};
  EXPECT_FALSE(Make()->batches());
  EXPECT_EQ(TheFault().countdown, 1) << "the kernel is not tried again";
  EXPECT_EQ(log_.lines.size(), 1u);
}

// Leaves zero instead of a signature.
void SignNothing(BatchRsaWorkspace& workspace) {
  for (LaneRow& row : workspace.signature) row = {};
}

TEST_F(BatchRsaSignerTest, AKernelThatOpensslDoesNotAcceptIsNotUsed) {
  const BatchRsaKernel broken = {&SignNothing, PortableBatchRsaKernel().open};
  const std::unique_ptr<BatchRsaSigner> signer = Make(broken);
  EXPECT_FALSE(signer->batches());
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("disagrees with OpenSSL")));
  SignAndVerify(*signer, {0});
  EXPECT_EQ(signer->counters().alone, 1u);
}

TEST_F(BatchRsaSignerTest, TheProcessorAndTheConfigurationChoose) {
  absl::StatusOr<std::unique_ptr<DigestSigner>> automatic = MakeDigestSigner(keys_, /*batches_allowed=*/true, log_);
  absl::StatusOr<std::unique_ptr<DigestSigner>> openssl = MakeDigestSigner(keys_, /*batches_allowed=*/false, log_);
  ASSERT_TRUE(automatic.ok() && openssl.ok());
  EXPECT_EQ((*automatic)->batch_max(), CpuHasAvx512Ifma() ? 4u : 1u);
  EXPECT_EQ((*openssl)->batch_max(), 1u);
  SignAndVerify(**automatic, {0});
  SignAndVerify(**openssl, {0});
}

}  // namespace
}  // namespace dkim
