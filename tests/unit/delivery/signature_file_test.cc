#include "engine/delivery/signature_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/sim/crash_disk.h"

namespace delivery {
namespace {

constexpr std::uint64_t kHash = 77, kRecipients = 5;
constexpr char kPath[] = "/state/signatures.dat";

std::vector<dkim::SigningKey> TwoKeys() {
  std::vector<dkim::SigningKey> keys(2);
  keys[0].fingerprint = std::string(64, 'a');
  keys[1].fingerprint = std::string(64, 'b');
  for (dkim::SigningKey& key : keys) {
    key.spec.domain = "example.com";
    key.spec.selector = "s";
  }
  return keys;
}

SignatureHead SmallHead(const std::vector<dkim::SigningKey>& keys) {
  SignatureHead head;
  head.campaign_hash = kHash;
  head.recipients = kRecipients;
  head.keys = {{IdentityOf(keys[0]), 256}, {IdentityOf(keys[1]), 64}};
  return head;
}

MadeSignatures Made(std::int64_t seconds, const std::string& first, const std::string& second) {
  MadeSignatures made;
  made.date = base::WallTime::FromSeconds(seconds - 5);
  made.signed_at = base::WallTime::FromSeconds(seconds);
  made.by_key = {{dkim::Digest{1, 2}, first}, {dkim::Digest{3, 4}, second}};
  return made;
}

class SignatureFileTest : public testing::Test {
 protected:
  // A file with the record of recipient 3.
  SignatureFileTest() : head_(SmallHead(keys_)) {
    EXPECT_TRUE(disk_.MakeDirectories("/state").ok());
    content_ = head_.Encode();
    content_.resize(head_.FileSize(), '\0');
    EncodeSignatures(head_, 3, Made(1'000'000, first_, second_), record_);
    content_.replace(head_.OffsetOf(3), record_.size(), record_);
  }
  absl::StatusOr<std::unique_ptr<const SignatureFile>> Open() {
    EXPECT_TRUE(io::WriteFileAtomically(disk_, kPath, content_).ok());
    return SignatureFile::Open(disk_, kPath);
  }

  sim::CrashDisk disk_;
  std::vector<dkim::SigningKey> keys_ = TwoKeys();
  const SignatureHead head_;
  const std::string first_ = std::string(256, 'x'), second_ = std::string(64, 'y');
  std::string content_, record_;
};

TEST_F(SignatureFileTest, HasTheSignaturesOfThoseWhoWereSealedAndOfNobodyElse) {
  const auto file = Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->head(), head_);
  EXPECT_EQ(record_.size(), 16u + 32 + 256 + 32 + 64 + 4);
  const std::optional<MadeSignatures> made = (*file)->Find(3);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->date.seconds(), 999'995);
  EXPECT_EQ(made->signed_at.seconds(), 1'000'000);
  ASSERT_EQ(made->by_key.size(), 2u);
  EXPECT_EQ(made->by_key[0].signature, first_);
  EXPECT_EQ(made->by_key[1].signature, second_);
  EXPECT_EQ(made->by_key[1].digest, (dkim::Digest{3, 4}));
  for (const ledger::RecipientId other : {0u, 1u, 2u, 4u}) {
    EXPECT_FALSE((*file)->Find(other).has_value()) << other;
    EXPECT_TRUE((*file)->IsHole(other)) << other;
  }
  EXPECT_FALSE((*file)->IsHole(3));
}

TEST_F(SignatureFileTest, WhatIsNoSignatureAndNoHoleHasItsRoomAlready) {
  content_[head_.OffsetOf(3) + 20] ^= 1;
  content_[head_.OffsetOf(2) - 1] = 1;
  const auto file = Open();
  ASSERT_TRUE(file.ok()) << file.status();
  for (const ledger::RecipientId damaged : {3u, 1u}) {
    EXPECT_FALSE((*file)->Find(damaged).has_value()) << damaged;
    EXPECT_FALSE((*file)->IsHole(damaged)) << damaged;
  }
}

TEST_F(SignatureFileTest, NoBitOfARecordMayBeAnother) {
  for (std::size_t at = 0; at < record_.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = record_;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_FALSE(DecodeSignatures(head_, 3, damaged).has_value()) << at;
    }
  }
  EXPECT_TRUE(DecodeSignatures(head_, 3, record_).has_value());
}

TEST_F(SignatureFileTest, ARecordIsItsRecipientsAlone) {
  content_.replace(head_.OffsetOf(2), record_.size(), record_);
  const auto file = Open();
  EXPECT_FALSE((*file)->Find(2).has_value());
  EXPECT_TRUE((*file)->Find(3).has_value());
}

TEST_F(SignatureFileTest, ARecordThatWasCutOffIsNone) {
  for (std::size_t size = 0; size < record_.size(); size += 7) {
    std::string torn = record_.substr(0, size);
    torn.resize(record_.size(), '\0');
    EXPECT_FALSE(DecodeSignatures(head_, 3, torn).has_value()) << size;
  }
  EXPECT_FALSE(DecodeSignatures(head_, 3, std::string(record_.size(), '\0')).has_value());
  EXPECT_FALSE(DecodeSignatures(head_, 3, record_.substr(1)).has_value());
}

TEST_F(SignatureFileTest, AnotherHeadIsNoHead) {
  const std::string good = content_;
  const std::size_t end = 32 + 2 * 36 + 4;
  for (std::size_t at = 0; at < end; ++at) {
    content_ = good;
    content_[at] = static_cast<char>(content_[at] ^ 0x40);
    EXPECT_TRUE(absl::IsDataLoss(Open().status())) << at;
  }
}

TEST_F(SignatureFileTest, AFileThatWasCutOffIsNone) {
  const std::string good = content_;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{4095}, std::size_t{4096}, good.size() - 1}) {
    content_ = good.substr(0, size);
    EXPECT_TRUE(absl::IsDataLoss(Open().status())) << size;
  }
  content_ = good + '\0';
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
  EXPECT_TRUE(absl::IsNotFound(SignatureFile::Open(disk_, "/state/none").status()));
}

TEST_F(SignatureFileTest, BelongsToItsCampaignAndItsKeysAsTheyAre) {
  const auto file = Open();
  EXPECT_TRUE((*file)->IsOf(kHash, kRecipients, keys_));
  EXPECT_FALSE((*file)->IsOf(kHash + 1, kRecipients, keys_));
  EXPECT_FALSE((*file)->IsOf(kHash, kRecipients + 1, keys_));
  EXPECT_FALSE((*file)->IsOf(kHash, kRecipients, absl::MakeSpan(keys_.data(), 1)));
  const auto differs = [&](const auto& change) {
    std::vector<dkim::SigningKey> keys = keys_;
    change(keys[1]);
    return !(*file)->IsOf(kHash, kRecipients, keys);
  };
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.fingerprint[0] = 'f'; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.selector = "t"; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.domain = "example.org"; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.identity = "@example.com"; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.header = dkim::Canonicalization::kSimple; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.body = dkim::Canonicalization::kSimple; }));
  EXPECT_TRUE(differs([](dkim::SigningKey& key) { key.spec.expire = base::Duration::Hours(24); }));
  EXPECT_FALSE(differs([](dkim::SigningKey& key) { key.pem = "another form of it"; }));
}

TEST_F(SignatureFileTest, K09_SignaturesLastForAWeekOrHalfOfTheShortestExpiry) {
  const MadeSignatures made = Made(1'000'000, first_, second_);
  const auto after = [](base::Duration passed) { return base::WallTime::FromSeconds(1'000'000) + passed; };
  base::Duration age = SignatureAgeMax(keys_);
  EXPECT_EQ(age, base::Duration::Hours(7 * 24));
  EXPECT_TRUE(IsFresh(made, age, after(age)));
  EXPECT_FALSE(IsFresh(made, age, after(age + base::Duration::Seconds(1))));
  EXPECT_FALSE(IsFresh(made, age, after(base::Duration::Seconds(-1)))) << "the clock was set back";
  keys_[1].spec.expire = base::Duration::Hours(24);
  keys_[0].spec.expire = base::Duration::Hours(100);
  EXPECT_EQ(SignatureAgeMax(keys_), base::Duration::Hours(12));
  keys_[1].spec.expire = base::Duration::Hours(365 * 24);
  keys_[0].spec.expire.reset();
  EXPECT_EQ(SignatureAgeMax(keys_), base::Duration::Hours(7 * 24));
}

}  // namespace
}  // namespace delivery
