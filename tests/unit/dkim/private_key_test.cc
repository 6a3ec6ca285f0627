#include "engine/dkim/private_key.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <string>

#include "gmock/gmock.h"
#include "tests/unit/dkim/test_keys.h"

namespace dkim {
namespace {

using ::testing::HasSubstr;

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;

std::string Written(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string Pem(const PkeyPtr& key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  return Written(bio);
}

// Large ones from four primes: they are made much faster.
std::string RsaPem(int bits) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_primes(context.get(), bits >= 4096 ? 4 : 2), 1);
  EXPECT_EQ(EVP_PKEY_keygen(context.get(), &key), 1);
  return Pem(PkeyPtr(key));
}

std::string Refusal(std::string_view pem, bool allow_weak) {
  const Crypto crypto;
  const auto key = PrivateKey::Parse(pem, allow_weak, crypto);
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(key.status().message());
}

TEST(PrivateKeyTest, GeneratedKeysAreReadBackAndSign) {
  const Crypto crypto;
  for (const Algorithm algorithm : {Algorithm::kRsaSha256, Algorithm::kEd25519Sha256}) {
    const auto made = PrivateKey::Generate(algorithm, crypto);
    ASSERT_TRUE(made.ok()) << made.status();
    const auto read = PrivateKey::Parse(*(*made)->ToPem(), false, crypto);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ((*read)->algorithm(), algorithm);
    EXPECT_EQ((*read)->Fingerprint(), (*made)->Fingerprint());
    EXPECT_EQ((*read)->Fingerprint().size(), 64u);
    EXPECT_EQ((*read)->PublicRecord(), (*made)->PublicRecord());
    const Digest digest{7, 8, 9}, other{7, 8, 8};
    const auto signature = (*read)->Sign(digest);
    ASSERT_TRUE(signature.ok());
    EXPECT_TRUE((*made)->Verify(digest, *signature));
    EXPECT_FALSE((*made)->Verify(other, *signature));
    EXPECT_EQ(signature->size(), algorithm == Algorithm::kRsaSha256 ? 256u : 64u);
  }
}

TEST(PrivateKeyTest, RsaKeysAreReadFromBothFormsOfPem) {
  const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PrivateKey_traditional(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  EXPECT_THAT(Written(bio), HasSubstr("BEGIN RSA PRIVATE KEY"));
  const Crypto crypto;
  EXPECT_TRUE(PrivateKey::Parse(Written(bio), false, crypto).ok());
  EXPECT_TRUE(PrivateKey::Parse(Pem(key), false, crypto).ok());
}

TEST(PrivateKeyTest, K10_WeakRsaKeysNeedPermission) {
  EXPECT_THAT(Refusal(testing::kRfcRsaKey, false), HasSubstr("1024 bits is weak"));
  EXPECT_THAT(Refusal(testing::kRfcRsaKey, false), HasSubstr("allow_weak = true"));
  const Crypto crypto;
  EXPECT_TRUE(PrivateKey::Parse(testing::kRfcRsaKey, true, crypto).ok());
  EXPECT_TRUE(PrivateKey::Parse(RsaPem(2047), true, crypto).ok());
  EXPECT_THAT(Refusal(RsaPem(2047), false), HasSubstr("2047 bits is weak"));
}

TEST(PrivateKeyTest, K10_RsaKeysThatNobodyVerifiesAreRefused) {
  EXPECT_THAT(Refusal(RsaPem(1016), true), HasSubstr("no receiver accepts"));
  EXPECT_THAT(Refusal(RsaPem(4104), true), HasSubstr("up to 4096"));
}

TEST(PrivateKeyTest, K10_RsaKeysOf4096BitsSign) {
  const Crypto crypto;
  const auto key = PrivateKey::Parse(RsaPem(4096), false, crypto);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ((*key)->Sign(Digest{1})->size(), 512u);
}

TEST(PrivateKeyTest, WhatIsNoKeyIsRefused) {
  EXPECT_THAT(Refusal("", false), HasSubstr("not a private key"));
  EXPECT_THAT(Refusal("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", false),
              HasSubstr("not a private key"));
  const PkeyPtr ec(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  EXPECT_THAT(Refusal(Pem(ec), false), HasSubstr("of type EC"));
}

TEST(PrivateKeyTest, AnEncryptedKeyIsRefusedWithoutAsking) {
  const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr), 1);
  EXPECT_THAT(Refusal(Written(bio), false), HasSubstr("encrypted"));
}

TEST(PrivateKeyTest, ADamagedKeyIsRefused) {
  std::string damaged(testing::kRfcRsaKey);
  const std::string_view modulus = "oBTzWRiGs5V6";
  damaged.replace(damaged.find(modulus), modulus.size(), "oBTzWRiGs5V7");
  EXPECT_THAT(Refusal(damaged, true), HasSubstr("damaged"));
}

}  // namespace
}  // namespace dkim
