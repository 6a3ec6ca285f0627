#include "engine/dkim/queue_signer.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/dkim/openssl_signer.h"
#include "gmock/gmock.h"
#include "tests/unit/dkim/test_keys.h"

namespace dkim {
namespace {

using ::testing::ElementsAre;

// Signs with the digest's first byte, three at a time; refuses 13.
class ScriptedSigner final : public DigestSigner {
 public:
  std::size_t batch_max() const override { return 3; }
  void SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) override {
    EXPECT_LE(requests.size(), batch_max());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i]->signature = std::to_string(requests[i]->digest[0]);
      if (requests[i]->digest[0] == 13) statuses[i] = absl::InternalError("thirteen");
    }
  }
};

class Asker final : public SignRequest {
 public:
  Asker(int number, std::vector<std::string>& told) : told_(told) { digest[0] = static_cast<std::uint8_t>(number); }
  void OnSigned(const absl::Status& status) override {
    told_.push_back(status.ok() ? signature : std::string(status.message()));
    if (then) then();
  }
  std::function<void()> then;

 private:
  std::vector<std::string>& told_;
};

TEST(QueueSignerTest, ServesOneBatchPerTurnInOrder) {
  QueueSigner signer(std::make_unique<ScriptedSigner>());
  std::vector<std::string> told;
  std::vector<std::unique_ptr<Asker>> askers;
  for (int number = 11; number < 16; ++number) {
    askers.push_back(std::make_unique<Asker>(number, told));
    signer.Sign(*askers.back());
  }
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(signer.WantsTurn());
  signer.Serve();
  EXPECT_THAT(told, ElementsAre("11", "12", "thirteen"));
  EXPECT_TRUE(signer.WantsTurn());
  signer.Serve();
  EXPECT_THAT(told, ElementsAre("11", "12", "thirteen", "14", "15"));
  EXPECT_FALSE(signer.WantsTurn());
  signer.Serve();
  EXPECT_EQ(told.size(), 5u);
}

TEST(QueueSignerTest, TheCancelledHearNothing) {
  QueueSigner signer(std::make_unique<ScriptedSigner>());
  std::vector<std::string> told;
  Asker first(1, told), second(2, told), third(3, told), fourth(4, told);
  for (Asker* asker : {&first, &second, &third, &fourth}) signer.Sign(*asker);
  signer.Cancel(second);  // In the queue.
  first.then = [&] {      // Of the batch at hand, and of the queue.
    signer.Cancel(third);
    signer.Cancel(fourth);
  };
  signer.Serve();
  signer.Serve();
  EXPECT_THAT(told, ElementsAre("1"));
  signer.Cancel(first);  // Waits no more: ignored.
}

TEST(QueueSignerTest, WhoWasToldMayAskAgain) {
  QueueSigner signer(std::make_unique<ScriptedSigner>());
  std::vector<std::string> told;
  Asker asker(1, told);
  asker.then = [&] {
    asker.then = nullptr;
    asker.digest[0] = 2;
    signer.Sign(asker);
  };
  signer.Sign(asker);
  signer.Serve();
  EXPECT_TRUE(signer.WantsTurn());
  signer.Serve();
  EXPECT_THAT(told, ElementsAre("1", "2"));
}

TEST(QueueSignerTest, OpensslSignsWithTheKeyThatIsMeant) {
  std::vector<SigningKey> keys(2);
  keys[0].pem = testing::kRfcRsaKey;
  keys[1].pem = testing::kRfcEd25519Key;
  auto made = OpensslSigner::Make(keys);
  ASSERT_TRUE(made.ok()) << made.status();
  OpensslSigner& openssl = **made;
  QueueSigner signer(*std::move(made));
  std::vector<std::string> told;
  Asker rsa(1, told), ed25519(2, told);
  ed25519.key = 1;
  signer.Sign(ed25519);
  signer.Sign(rsa);
  signer.Serve();
  EXPECT_EQ(told.size(), 1u);  // One signature in a turn.
  signer.Serve();
  EXPECT_TRUE(openssl.key(0).Verify(rsa.digest, rsa.signature));
  EXPECT_TRUE(openssl.key(1).Verify(ed25519.digest, ed25519.signature));
}

}  // namespace
}  // namespace dkim
