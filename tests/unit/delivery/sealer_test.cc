#include "engine/delivery/sealer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "engine/delivery/signature_file.h"
#include "engine/roster/roster.h"
#include "tests/unit/delivery/small_job.h"

namespace delivery {
namespace {

using testing::SmallJob;

// Has requests wait until the test answers them, in any order.
class ManualSigner final : public dkim::Signer {
 public:
  void Sign(dkim::SignRequest& request) override {
    waiting.push_back(&request);
    ++asked;
  }
  void Cancel(dkim::SignRequest& request) override { std::erase(waiting, &request); }
  void Serve() override {}
  bool WantsTurn() const override { return false; }

  void Answer(std::size_t which, const absl::Status& status = absl::OkStatus()) {
    dkim::SignRequest& request = *waiting.at(which);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(which));
    request.signature = "key " + std::to_string(request.key);
    request.OnSigned(status);
  }
  void AnswerAll() {
    while (!waiting.empty()) Answer(waiting.size() - 1);
  }

  std::vector<dkim::SignRequest*> waiting;
  int asked = 0;
};

class ManualWaiter final : public Sealed::Waiter {
 public:
  void OnSealed(const absl::Status& status) override { heard.push_back(status); }
  std::vector<absl::Status> heard;
};

std::vector<dkim::SigningKey> TwoKeys() {
  std::vector<dkim::SigningKey> keys(2);
  keys[0].spec.domain = "a.example";
  keys[1].spec.domain = "b.example";
  for (dkim::SigningKey& key : keys) key.spec.selector = "s";
  return keys;
}

std::string Bytes(const Sealed& sealed) {
  std::string bytes;
  for (const std::string_view piece : sealed.pieces()) bytes += piece;
  return bytes;
}

TEST(Sealer, MakesTheMessageOfItsRecipient) {
  SmallJob small;
  ManualSigner signer;
  ManualWaiter nobody;
  Sealer sealer(small.job, small.clock, signer);
  const ledger::RecipientId id = small.campaign.IdOf("user7@d.example");
  const auto sealed = sealer.Seal(id, nobody);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ((*sealed)->recipient(), "user7@d.example");
  EXPECT_EQ((*sealed)->sender(), "bounce+t8@example.com");
  const std::string bytes = Bytes(**sealed);
  EXPECT_NE(bytes.find("Message-ID: <t8@example.com>"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("To: "), std::string::npos);
  EXPECT_NE(bytes.find("Hello Somebody."), std::string::npos);
  EXPECT_EQ((*sealed)->size(), bytes.size());
}

TEST(Sealer, GivesTheSameBytesAtEveryAttemptWhereTheDateIsThatOfTheStart) {
  SmallJob small;
  ManualSigner signer;
  ManualWaiter nobody;
  small.job.date = small.clock.WallNow();
  Sealer sealer(small.job, small.clock, signer);
  auto first = sealer.Seal(3, nobody);
  ASSERT_TRUE(first.ok());
  const std::string bytes = Bytes(**first);
  sealer.Recycle(*std::move(first));
  small.clock.passed = base::Duration::Hours(5);
  const auto again = sealer.Seal(3, nobody);
  EXPECT_EQ(Bytes(**again), bytes);
}

TEST(Sealer, DatesTheAttemptWhereTheCampaignSaysSo) {
  SmallJob small;
  ManualSigner signer;
  ManualWaiter nobody;
  Sealer sealer(small.job, small.clock, signer);
  EXPECT_NE(Bytes(**sealer.Seal(3, nobody)).find("Date: Tue, 24 Nov 2026 09:00:00 +0000"), std::string::npos);
  small.clock.passed = base::Duration::Hours(5);
  EXPECT_NE(Bytes(**sealer.Seal(3, nobody)).find("Date: Tue, 24 Nov 2026 14:00:00 +0000"), std::string::npos);
}

TEST(Sealer, MixesNothingOfOneMessageIntoTheNext) {
  SmallJob small;
  ManualSigner signer;
  ManualWaiter nobody;
  small.job.date = small.clock.WallNow();
  Sealer fresh(small.job, small.clock, signer), reused(small.job, small.clock, signer);
  for (ledger::RecipientId id = 0; id < 20; ++id) {
    auto sealed = reused.Seal(id, nobody);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(Bytes(**sealed), Bytes(**fresh.Seal(id, nobody)));
    reused.Recycle(*std::move(sealed));
  }
}

class SignedSealerTest : public ::testing::Test {
 protected:
  SignedSealerTest() { small_.job.keys = TwoKeys(); }
  std::unique_ptr<Sealed> Seal(ledger::RecipientId id, ManualWaiter& waiter) {
    auto sealed = sealer_.Seal(id, waiter);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    return *std::move(sealed);
  }

  SmallJob small_{/*recipients=*/100};
  ManualSigner signer_;
  ManualWaiter waiter_;
  Sealer sealer_{small_.job, small_.clock, signer_};
};

TEST_F(SignedSealerTest, IsReadyWhenEveryKeyHasSigned) {
  const std::unique_ptr<Sealed> sealed = Seal(7, waiter_);
  ASSERT_EQ(signer_.waiting.size(), 2u);
  EXPECT_FALSE(sealed->IsReady());
  signer_.Answer(1);
  EXPECT_FALSE(sealed->IsReady());
  EXPECT_TRUE(waiter_.heard.empty());
  signer_.Answer(0);
  ASSERT_TRUE(sealed->IsReady());
  ASSERT_EQ(waiter_.heard.size(), 1u);
  EXPECT_TRUE(waiter_.heard[0].ok());
  const std::string bytes = Bytes(*sealed);
  EXPECT_EQ(bytes.size(), sealed->size());
  EXPECT_EQ(bytes.find("DKIM-Signature:"), 0u) << bytes;
  const std::size_t second = bytes.find("DKIM-Signature:", 1);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(bytes.find("d=a.example;"), second);
  EXPECT_LT(second, bytes.find("d=b.example;"));
  EXPECT_NE(bytes.find("b=" + absl::Base64Escape("key 1") + "\r\n"), std::string::npos) << bytes;
}

TEST_F(SignedSealerTest, IsNotSealedWhereAKeyFails) {
  const std::unique_ptr<Sealed> sealed = Seal(7, waiter_);
  signer_.Answer(0, absl::InternalError("no key"));
  EXPECT_TRUE(signer_.waiting.empty()) << "the other signature is of no use";
  ASSERT_EQ(waiter_.heard.size(), 1u);
  EXPECT_EQ(waiter_.heard[0].message(), "no key");
  EXPECT_FALSE(sealed->IsReady());
}

TEST_F(SignedSealerTest, NobodyHearsOfWhatWasGivenUp) {
  sealer_.Recycle(Seal(7, waiter_));
  EXPECT_TRUE(signer_.waiting.empty());
  const std::unique_ptr<Sealed> next = Seal(8, waiter_);
  signer_.AnswerAll();
  EXPECT_EQ(waiter_.heard.size(), 1u);
  EXPECT_NE(Bytes(*next).find(small_.job.roster->Recipient(8).address), std::string::npos);
}

TEST_F(SignedSealerTest, WhatIsKeptIsSignedOnceWhoeverWaitsForIt) {
  sealer_.Keep(7, Seal(7, waiter_));
  ManualWaiter second, third;
  std::unique_ptr<Sealed> sealed = Seal(7, second);
  EXPECT_EQ(signer_.asked, 2);
  signer_.AnswerAll();
  EXPECT_TRUE(waiter_.heard.empty());
  EXPECT_EQ(second.heard.size(), 1u);
  const std::string bytes = Bytes(*sealed);
  sealer_.Keep(7, std::move(sealed));
  sealed = Seal(7, third);
  EXPECT_TRUE(sealed->IsReady()) << "it goes at once";
  EXPECT_TRUE(third.heard.empty());
  EXPECT_EQ(Bytes(*sealed), bytes);
  EXPECT_EQ(signer_.asked, 2);
}

TEST_F(SignedSealerTest, IsSignedWhileItIsKept) {
  sealer_.Keep(7, Seal(7, waiter_));
  signer_.AnswerAll();
  EXPECT_TRUE(waiter_.heard.empty());
  EXPECT_TRUE(Seal(7, waiter_)->IsReady());
}

TEST_F(SignedSealerTest, IsSignedAnewWhereAKeyFailedOrTooMuchTimeHasPassed) {
  sealer_.Keep(7, Seal(7, waiter_));
  signer_.Answer(0, absl::InternalError("no key"));
  std::unique_ptr<Sealed> sealed = Seal(7, waiter_);
  EXPECT_EQ(signer_.asked, 4);
  sealer_.Keep(7, std::move(sealed));
  small_.clock.passed = base::Duration::Minutes(6);
  sealed = Seal(7, waiter_);
  EXPECT_EQ(signer_.asked, 6);
  EXPECT_EQ(signer_.waiting.size(), 2u) << "those of the old one are cancelled";
}

TEST_F(SignedSealerTest, K09_AMessageThatWaitsPastItsExpiryIsSignedAnew) {
  small_.job.keys[0].spec.expire = base::Duration::Hours(24);
  const auto says = [](const Sealed& sealed, std::int64_t seconds) {
    return Bytes(sealed).find("t=" + std::to_string(seconds) + "; x=" + std::to_string(seconds + 86'400) + ";") !=
           std::string::npos;
  };
  std::unique_ptr<Sealed> sealed = Seal(7, waiter_);
  signer_.AnswerAll();
  EXPECT_TRUE(says(*sealed, small_.clock.WallNow().seconds())) << Bytes(*sealed);
  sealer_.Keep(7, std::move(sealed));
  small_.clock.passed = base::Duration::Hours(25);
  sealed = Seal(7, waiter_);
  EXPECT_FALSE(sealed->IsReady());
  signer_.AnswerAll();
  EXPECT_TRUE(says(*sealed, small_.clock.WallNow().seconds())) << Bytes(*sealed);
  EXPECT_EQ(signer_.asked, 4);
}

TEST_F(SignedSealerTest, KeepsOnlyTheLastOnes) {
  for (ledger::RecipientId id = 0; id < 100; ++id) sealer_.Keep(id, Seal(id, waiter_));
  EXPECT_EQ(signer_.waiting.size(), 2u * 64);
  const int asked = signer_.asked;
  EXPECT_NE(Seal(99, waiter_), nullptr);
  EXPECT_EQ(signer_.asked, asked);
  EXPECT_NE(Seal(0, waiter_), nullptr);
  EXPECT_EQ(signer_.asked, asked + 2);
}

// Seals everybody with signers that the test answers for, and keeps the signatures as `sluice seal` does.
class MadeBeforeTest : public SignedSealerTest {
 protected:
  static constexpr char kPath[] = "/state/signatures.dat";
  MadeBeforeTest() {
    small_.job.keys[0].spec.expire = base::Duration::Hours(48);
    sealed_date_ = small_.clock.WallNow() - base::Duration::Hours(1);
    Make(20);
  }
  // The signatures of the first `count` recipients.
  void Make(ledger::RecipientId count) {
    Job job = small_.job;
    job.date = sealed_date_;
    job.signatures = nullptr;
    SignatureHead head;
    head.recipients = job.roster->recipients();
    for (const dkim::SigningKey& key : job.keys) head.keys.push_back({IdentityOf(key), 5});
    std::string content = head.Encode(), record;
    content.resize(head.FileSize(), '\0');
    Sealer maker(job, small_.clock, signer_);
    for (ledger::RecipientId id = 0; id < count; ++id) {
      auto sealed = maker.Seal(id, waiter_);
      signer_.AnswerAll();
      const MadeSignatures made{*job.date, small_.clock.WallNow(), (*sealed)->signatures()};
      EncodeSignatures(head, id, made, record);
      content.replace(head.OffsetOf(id), record.size(), record);
      bytes_.push_back(Bytes(**sealed));
      maker.Recycle(*std::move(sealed));
    }
    EXPECT_TRUE(small_.disk.MakeDirectories("/state").ok());
    EXPECT_TRUE(io::WriteFileAtomically(small_.disk, kPath, content).ok());
    auto file = SignatureFile::Open(small_.disk, kPath);
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
    small_.job.signatures = file_.get();
    signer_.asked = 0;
    waiter_.heard.clear();
  }
  // What the run's own sealer makes of it.
  std::string Send(Sealer& sealer, ledger::RecipientId id) {
    auto sealed = sealer.Seal(id, waiter_);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    signer_.AnswerAll();
    std::string bytes = Bytes(**sealed);
    EXPECT_EQ((*sealed)->size(), bytes.size());
    sealer.CountDelivered((*sealed)->was_made_before());
    sealer.Recycle(*std::move(sealed));
    return bytes;
  }

  base::WallTime sealed_date_;
  std::unique_ptr<const SignatureFile> file_;
  std::vector<std::string> bytes_;
};

TEST_F(MadeBeforeTest, TheMessageIsTheOneThatWasSealedAndNobodySigns) {
  small_.clock.passed = base::Duration::Hours(20);
  small_.job.date = small_.clock.WallNow();  // The start's: what was sealed keeps its own.
  Sealer sealer(small_.job, small_.clock, signer_);
  for (ledger::RecipientId id = 0; id < 20; ++id) EXPECT_EQ(Send(sealer, id), bytes_[id]);
  EXPECT_EQ(signer_.asked, 0);
  EXPECT_TRUE(waiter_.heard.empty()) << "it is ready at once";
  EXPECT_EQ(sealer.counts().made_before, 20u);
  EXPECT_EQ(sealer.counts().made_now, 0u);
}

TEST_F(MadeBeforeTest, CountsMessagesThatWereDeliveredAndNotHowOftenTheyWereMade) {
  Sealer sealer(small_.job, small_.clock, signer_);
  for (int time = 0; time < 3; ++time) {
    auto sealed = sealer.Seal(5, waiter_);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    EXPECT_TRUE((*sealed)->was_made_before());
    sealer.Recycle(*std::move(sealed));
  }
  EXPECT_EQ(sealer.counts().made_before + sealer.counts().made_now, 0u);
  EXPECT_EQ(Send(sealer, 5), bytes_[5]);
  EXPECT_EQ(sealer.counts().made_before, 1u);
  auto sealed = sealer.Seal(50, waiter_);  // In the memory of the one before.
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_FALSE((*sealed)->was_made_before());
}

TEST_F(MadeBeforeTest, WhoHasNoneIsSignedNowWithTheRunsOwnDate) {
  small_.clock.passed = base::Duration::Hours(20);
  Sealer sealer(small_.job, small_.clock, signer_);
  const std::string bytes = Send(sealer, 50);
  EXPECT_NE(bytes.find("Date: Wed, 25 Nov 2026 05:00:00 +0000"), std::string::npos) << bytes;
  EXPECT_EQ(signer_.asked, 2);
  EXPECT_EQ(Send(sealer, 5), bytes_[5]) << "nothing is mixed in";
  EXPECT_EQ(sealer.counts().made_before, 1u);
  EXPECT_EQ(sealer.counts().made_now, 1u);
}

TEST_F(MadeBeforeTest, AMessageThatIsAnotherNowIsSignedAnew) {
  small_.job.token = [](std::uint64_t row) { return "other" + std::to_string(row); };
  Sealer sealer(small_.job, small_.clock, signer_);
  const std::string bytes = Send(sealer, 5);
  EXPECT_NE(bytes.find("Message-ID: <other"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("Date: Tue, 24 Nov 2026 09:00:00 +0000"), std::string::npos) << "the run's own: " << bytes;
  EXPECT_EQ(signer_.asked, 2);
  EXPECT_EQ(sealer.counts().made_before, 0u);
  EXPECT_EQ(sealer.counts().made_now, 1u);
}

TEST_F(MadeBeforeTest, K09_SignaturesThatLapseAreMadeAnew) {
  Sealer sealer(small_.job, small_.clock, signer_);
  small_.clock.passed = base::Duration::Hours(24);  // Half of their x=.
  EXPECT_EQ(Send(sealer, 5), bytes_[5]);
  small_.clock.passed = base::Duration::Hours(24) + base::Duration::Seconds(1);
  const std::string bytes = Send(sealer, 5);
  EXPECT_NE(bytes.find("t=" + std::to_string(small_.clock.WallNow().seconds()) + ";"), std::string::npos) << bytes;
  EXPECT_EQ(signer_.asked, 2);
}

TEST_F(MadeBeforeTest, ADateThatIsToComeIsNotSent) {
  sealed_date_ = small_.clock.WallNow() + base::Duration::Hours(5);  // The start was planned then…
  bytes_.clear();
  Make(20);
  Sealer sealer(small_.job, small_.clock, signer_);
  EXPECT_NE(Send(sealer, 5).find("Date: Tue, 24 Nov 2026 09:00:00 +0000"), std::string::npos);  // …and is earlier now.
  EXPECT_EQ(signer_.asked, 2);
  small_.clock.passed = base::Duration::Hours(5);
  EXPECT_EQ(Send(sealer, 5), bytes_[5]);
}

}  // namespace
}  // namespace delivery
