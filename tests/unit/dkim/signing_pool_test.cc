#include "engine/dkim/signing_pool.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
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
  bool GoTogether(std::uint32_t a, std::uint32_t b) const override { return a == b || (a >= 5 && b >= 5); }
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

TEST(SigningPoolTest, ServesOneBatchPerTurnInOrder) {
  SigningPool pool;
  const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
  SigningPool::Seat& signer = *seat;
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

TEST(SigningPoolTest, ABatchIsOfOneKeyAndNoKeyWaitsForever) {
  SigningPool pool;
  const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
  std::vector<std::string> told;
  std::vector<std::unique_ptr<Asker>> askers;
  for (int number = 20; number < 30; ++number) {
    askers.push_back(std::make_unique<Asker>(number, told));
    askers.back()->key = static_cast<std::uint32_t>(number % 2);
    seat->Sign(*askers.back());
  }
  const auto after_a_turn = [&] {
    told.clear();
    seat->Serve();
    return told;
  };
  EXPECT_THAT(after_a_turn(), ElementsAre("20", "22", "24"));
  EXPECT_THAT(after_a_turn(), ElementsAre("21", "23", "25"));
  EXPECT_THAT(after_a_turn(), ElementsAre("26", "28"));
  EXPECT_THAT(after_a_turn(), ElementsAre("27", "29"));
  EXPECT_FALSE(seat->WantsTurn());
}

TEST(SigningPoolTest, WhatIsLeftOfABatchIsFilledWithKeysThatGoTogether) {
  SigningPool pool;
  const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
  std::vector<std::string> told;
  std::vector<std::unique_ptr<Asker>> askers;
  for (const auto& [number, key] : {std::pair(20, 5u), {21, 0u}, {22, 6u}, {23, 5u}, {24, 6u}, {25, 7u}}) {
    askers.push_back(std::make_unique<Asker>(number, told));
    askers.back()->key = key;
    seat->Sign(*askers.back());
  }
  seat->Serve();
  EXPECT_THAT(told, ElementsAre("20", "23", "22")) << "its own first";
  told.clear();
  seat->Serve();
  EXPECT_THAT(told, ElementsAre("21")) << "this one goes with no other";
  told.clear();
  seat->Serve();
  EXPECT_THAT(told, ElementsAre("24", "25"));
  EXPECT_FALSE(seat->WantsTurn());
}

TEST(SigningPoolTest, TheCancelledHearNothing) {
  SigningPool pool;
  const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
  SigningPool::Seat& signer = *seat;
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

TEST(SigningPoolTest, WhoWasToldMayAskAgain) {
  SigningPool pool;
  const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
  SigningPool::Seat& signer = *seat;
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

TEST(SigningPoolTest, OpensslSignsWithTheKeyThatIsMeant) {
  std::vector<SigningKey> keys(2);
  keys[0].pem = testing::kRfcRsaKey;
  keys[1].pem = testing::kRfcEd25519Key;
  auto made = OpensslSigner::Make(keys);
  ASSERT_TRUE(made.ok()) << made.status();
  OpensslSigner& openssl = **made;
  SigningPool pool;
  const auto seat = pool.Join(*std::move(made), [] {});
  SigningPool::Seat& signer = *seat;
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

// Two seats that are served by one thread, in turns.
class LendingTest : public ::testing::Test {
 protected:
  void Ask(int from, int to) {
    for (int number = from; number <= to; ++number) {
      askers_.push_back(std::make_unique<Asker>(number, told_));
      busy_->Sign(*askers_.back());
    }
  }

  std::vector<std::string> told_;
  std::vector<std::unique_ptr<Asker>> askers_;
  SigningPool pool_;
  int busy_woken_ = 0, idle_woken_ = 0;
  std::unique_ptr<SigningPool::Seat> busy_ = pool_.Join(std::make_unique<ScriptedSigner>(), [this] { ++busy_woken_; });
  std::unique_ptr<SigningPool::Seat> idle_ = pool_.Join(std::make_unique<ScriptedSigner>(), [this] { ++idle_woken_; });
};

TEST_F(LendingTest, WhatIsLentIsSignedKeyByKey) {
  idle_->Serve();
  Ask(20, 32);
  for (const auto& asker : askers_) asker->key = asker->digest[0] % 2u;
  busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("26", "28", "30"));
  told_.clear();
  idle_->Serve();
  idle_->Serve();
  for (int turn = 0; turn < 20; ++turn) busy_->Serve();
  EXPECT_EQ(told_.size(), 10u);
}

TEST_F(LendingTest, WhatIsLentIsFilledUpToo) {
  idle_->Serve();
  Ask(20, 26);
  for (std::size_t i = 0; i < askers_.size(); ++i) askers_[i]->key = static_cast<std::uint32_t>(5 + i);
  busy_->Serve();  // Lends the first three.
  EXPECT_THAT(told_, ElementsAre("23", "24", "25"));
  idle_->Serve();
  EXPECT_FALSE(idle_->WantsTurn()) << "all in one batch";
  for (int turn = 0; turn < 2; ++turn) busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("23", "24", "25", "20", "21", "22", "26"));
}

TEST_F(LendingTest, WholeBatchesGoToWhoHasNothingToDo) {
  idle_->Serve();
  Ask(20, 30);
  busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("23", "24", "25")) << "a batch of three is lent: half of them, in whole batches";
  EXPECT_EQ(idle_woken_, 1);
  EXPECT_TRUE(idle_->WantsTurn());
  idle_->Serve();
  EXPECT_EQ(busy_woken_, 1);
  EXPECT_FALSE(idle_->WantsTurn());
  busy_->Serve();
  busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("23", "24", "25", "20", "21", "22", "26", "27", "28", "29", "30"));
  EXPECT_FALSE(busy_->WantsTurn());
  EXPECT_EQ(pool_.counts().made, 11u);
  EXPECT_EQ(pool_.counts().for_others, 3u);
}

TEST_F(LendingTest, AnErrorComesBackToo) {
  idle_->Serve();
  Ask(11, 18);
  busy_->Serve();
  idle_->Serve();
  busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("14", "15", "16", "11", "12", "thirteen", "17", "18"));
}

TEST_F(LendingTest, NothingIsLentToWhoMayBeBusy) {
  Ask(20, 29);
  busy_->Serve();  // The other was never served: who knows what it does.
  EXPECT_EQ(idle_woken_, 0);
  EXPECT_FALSE(idle_->WantsTurn());
}

TEST_F(LendingTest, LessThanTwoBatchesAreNotLent) {
  idle_->Serve();
  Ask(20, 24);
  busy_->Serve();
  busy_->Serve();
  EXPECT_EQ(idle_woken_, 0);
  EXPECT_EQ(told_.size(), 5u);
}

TEST_F(LendingTest, WhatIsLentCanBeCancelled) {
  idle_->Serve();
  Ask(20, 25);
  busy_->Serve();
  busy_->Cancel(*askers_[1]);
  askers_.erase(askers_.begin() + 1);
  idle_->Serve();
  busy_->Serve();
  EXPECT_THAT(told_, ElementsAre("23", "24", "25", "20", "22"));
}

TEST_F(LendingTest, WhoLeavesGivesBackWhatItHasNotSigned) {
  idle_->Serve();
  Ask(20, 31);
  busy_->Serve();
  idle_->Serve();
  idle_.reset();
  for (int turn = 0; turn < 4; ++turn) busy_->Serve();
  EXPECT_EQ(told_.size(), 12u);
  EXPECT_FALSE(busy_->WantsTurn());
}

TEST_F(LendingTest, WhoLeavesGetsNothingBack) {
  idle_->Serve();
  Ask(20, 25);
  busy_->Serve();
  for (const auto& asker : askers_) busy_->Cancel(*asker);
  busy_.reset();
  idle_->Serve();
  EXPECT_EQ(told_.size(), 3u);
}

// One asks for much, again and again; three help, and each request is told once, with its own signature.
TEST(SigningPoolThreads, EveryRequestIsToldOnce) {
  constexpr int kThreads = 4, kRequests = 40'000, kAtOnce = 50;
  class Counter final : public SignRequest {
   public:
    void OnSigned(const absl::Status& status) override {
      EXPECT_TRUE(status.ok());
      EXPECT_EQ(signature, std::to_string(digest[0]));
      ++told;
      waits = false;
    }
    bool waits = false;
    int told = 0;
  };
  SigningPool pool;
  std::atomic<bool> is_over = false;
  std::atomic<int> helped = 0;
  std::vector<std::thread> helpers;
  for (int i = 1; i < kThreads; ++i) {
    helpers.emplace_back([&] {
      std::atomic<int> calls = 0;
      const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [&calls] { ++calls; });
      while (!is_over) {
        helped += seat->WantsTurn();
        seat->Serve();
        std::this_thread::yield();
      }
    });
  }
  {
    std::vector<Counter> counters(kAtOnce);
    const auto seat = pool.Join(std::make_unique<ScriptedSigner>(), [] {});
    int asked = 0;
    // It asks on until somebody has helped: the helpers may have no processor at first.
    const auto asks_on = [&] { return asked < kRequests || (helped == 0 && asked < 200 * kRequests); };
    for (bool waiting = true; waiting || asks_on();) {
      waiting = false;
      const bool asks = asks_on();
      for (Counter& counter : counters) {
        if (!counter.waits && asks) {
          counter.digest[0] = static_cast<std::uint8_t>(20 + asked++ % 200);
          counter.waits = true;
          seat->Sign(counter);
        }
        waiting = waiting || counter.waits;
      }
      seat->Serve();
    }
    int told = 0;
    for (const Counter& counter : counters) told += counter.told;
    EXPECT_EQ(told, asked);
    EXPECT_GE(asked, kRequests);
  }
  is_over = true;
  for (std::thread& helper : helpers) helper.join();
  EXPECT_GT(helped, 0);
}

}  // namespace
}  // namespace dkim
