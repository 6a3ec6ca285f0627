#include "engine/campaign/token.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace campaign {
namespace {

using ::testing::MatchesRegex;

constexpr std::string_view kSecret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

TokenKey Key(int id = 7, std::string_view secret = kSecret) {
  absl::StatusOr<TokenKey> key =
      TokenKey::Parse("sluice-token-key 1 " + std::to_string(id) + " " + std::string(secret) + "\n");
  EXPECT_TRUE(key.ok()) << key.status();
  return key.value_or(TokenKey());
}

// Tokens are in mails that were sent: they must be read for years.
TEST(Token, IsTheSameInEveryVersion) {
  const std::string token = Key().Make("weekly-48", 123'456'789'012);
  EXPECT_EQ(token, "v1a5zbl2tdds7jsgquuokonesozbz5cmi7");
  EXPECT_EQ(CampaignHash("weekly-48"), 2393555868333763171U);
}

TEST(Token, IsWordCharactersOnlyAndFitsALocalPart) {
  EXPECT_THAT(Key().Make("weekly-48", 1), MatchesRegex("v1[a-z2-7]+"));
  EXPECT_EQ(Key().Make("weekly-48", 1).size(), 34U);
}

TEST(Token, SaysItsRowAndCampaign) {
  const TokenKey key = Key();
  for (const std::uint64_t row :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, (std::uint64_t{1} << 40) - 1}) {
    const absl::StatusOr<Token> token = key.Decode(key.Make("weekly-48", row));
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->row, row);
    EXPECT_EQ(token->key_id, 7);
    EXPECT_EQ(token->campaign_hash, CampaignHash("weekly-48") & 0xFFFFFFFF);
  }
}

TEST(Token, IsOfOneCampaignRowAndKey) {
  std::set<std::string> tokens;
  const std::string other(64, 'f');
  for (const std::string_view campaign : {"weekly-48", "weekly-49"}) {
    for (const std::uint64_t row : {1U, 2U}) {
      for (const TokenKey& key : {Key(), Key(8), Key(7, other)}) tokens.insert(key.Make(campaign, row));
    }
  }
  EXPECT_EQ(tokens.size(), 12U);
}

// Mail systems on the way may change the case of a return path.
TEST(Token, IsReadInAnyCase) {
  const std::string token = Key().Make("weekly-48", 99);
  std::string upper;
  for (const char c : token) upper.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
  const absl::StatusOr<Token> read = Key().Decode(upper);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->row, 99U);
}

TEST(Token, OfWhichOneCharacterWasChangedIsRefused) {
  const TokenKey key = Key();
  const std::string token = key.Make("weekly-48", 99);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'b' ? 'c' : 'b';
    EXPECT_FALSE(key.Decode(forged).ok()) << i;
  }
}

TEST(Token, OfAnotherKeyIsRefusedAsSuch) {
  const std::string token = Key().Make("weekly-48", 99);
  EXPECT_EQ(Key(7, std::string(64, 'f')).Decode(token).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Key(8).Decode(token).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(Token, WhatIsNoTokenIsRefusedAsSuch) {
  const TokenKey key = Key();
  const std::string token = key.Make("weekly-48", 99);
  for (const std::string& bad : {std::string(), std::string("v"), std::string("v1"), token.substr(2),
                                 token.substr(0, token.size() - 1), token + "a", token + "aaaaaaaa",
                                 "v2" + token.substr(2), token.substr(0, 20) + "1" + token.substr(21), " " + token}) {
    EXPECT_EQ(key.Decode(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TestToken, SaysItsRowAndThatItIsATest) {
  const TokenKey key = Key();
  const absl::StatusOr<std::string> token = key.MakeForTest("weekly-48", (std::uint64_t{1} << 40) - 1);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_THAT(*token, MatchesRegex("t1[a-z2-7]+"));
  EXPECT_EQ(token->size(), key.Make("weekly-48", 1).size());
  const absl::StatusOr<Token> read = key.Decode(*token);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->is_test);
  EXPECT_EQ(read->row, (std::uint64_t{1} << 40) - 1);
  EXPECT_EQ(read->campaign_hash, CampaignHash("weekly-48") & 0xFFFFFFFF);
  EXPECT_FALSE(key.Decode(key.Make("weekly-48", 1))->is_test);
}

TEST(TestToken, IsAnotherEachTime) {
  const TokenKey key = Key();
  std::set<std::string> tokens;
  for (int i = 0; i < 20; ++i) tokens.insert(*key.MakeForTest("weekly-48", 1));
  EXPECT_EQ(tokens.size(), 20U);
}

TEST(TestToken, CannotBeMadeIntoTheRowsOwn) {
  const TokenKey key = Key();
  const std::string test = *key.MakeForTest("weekly-48", 1), own = key.Make("weekly-48", 1);
  EXPECT_FALSE(key.Decode("v1" + test.substr(2)).ok());
  EXPECT_FALSE(key.Decode("t1" + own.substr(2)).ok());
  for (std::size_t i = 0; i < test.size(); ++i) {
    std::string forged = test;
    forged[i] = forged[i] == 'b' ? 'c' : 'b';
    EXPECT_FALSE(key.Decode(forged).ok()) << i;
  }
  EXPECT_EQ(Key(8).Decode(test).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(TokenKey, IsReadFromOneLine) {
  EXPECT_EQ(Key(0).id(), 0);
  EXPECT_EQ(Key(255).id(), 255);
  const std::string secret(kSecret);
  EXPECT_TRUE(TokenKey::Parse("  sluice-token-key  1  7  " + secret + " \r\n").ok());
  for (const std::string& bad :
       {std::string(), std::string("sluice-token-key 1 7"), "sluice-token-key 2 7 " + secret,
        "sluice-token-key 1 256 " + secret, "sluice-token-key 1 -1 " + secret, "sluice-token-key 1 x " + secret,
        "sluice-token-key 1 7 " + secret + "00", "sluice-token-key 1 7 g" + secret.substr(1),
        "sluice-token-key 1 7 " + secret.substr(2), "other-key 1 7 " + secret,
        "sluice-token-key 1 7 " + secret + " more"}) {
    EXPECT_EQ(TokenKey::Parse(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TokenKey, GeneratedOnesAreDifferentAndCanBeRead) {
  const absl::StatusOr<std::string> first = TokenKey::Generate(), second = TokenKey::Generate();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(*first, *second);
  const absl::StatusOr<TokenKey> key = TokenKey::Parse(*first), other = TokenKey::Parse(*second);
  ASSERT_TRUE(key.ok() && other.ok());
  EXPECT_TRUE(key->Decode(key->Make("c", 5)).ok());
  EXPECT_FALSE(other->Decode(key->Make("c", 5)).ok());
}

}  // namespace
}  // namespace campaign
