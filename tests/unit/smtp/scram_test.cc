#include "engine/smtp/scram.h"

#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/base64.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

using ::testing::HasSubstr;

// The example of RFC 7677 section 3.
constexpr std::string_view kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerNonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

class ScramTest : public ::testing::Test {
 protected:
  ScramKeyCache keys;
  Scram scram{"user", "pencil", std::string(kNonce), keys};

  // Why the exchange is given up after this first message of the server.
  std::string Refusal(std::string_view server_first) {
    Scram fresh("user", "pencil", std::string(kNonce), keys);
    const auto response = fresh.Respond(server_first);
    return response.ok() ? "accepted" : std::string(response.status().message());
  }
  std::string FirstWith(std::string_view nonce, std::string_view salt, std::string_view count) {
    return "r=" + std::string(nonce) + ",s=" + std::string(salt) + ",i=" + std::string(count);
  }
};

TEST_F(ScramTest, IsTheExampleOfRfc7677) {
  EXPECT_EQ(scram.Initial(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(scram.Respond(kServerFirst).value_or("refused"), kClientFinal);
  EXPECT_FALSE(scram.OnAccepted().ok());
  EXPECT_EQ(scram.Respond(kServerFinal).value_or("refused"), "");
  EXPECT_TRUE(scram.OnAccepted().ok());
}

TEST_F(ScramTest, SaysItsFirstMessageWhenItIsAskedForIt) {
  EXPECT_EQ(scram.Respond("").value_or("refused"), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(scram.Respond(kServerFirst).value_or("refused"), kClientFinal);
}

TEST_F(ScramTest, IgnoresExtensionsThatItDoesNotKnow) {
  // They are part of what is signed, so that the proof is another one.
  const auto response = scram.Respond(std::string(kServerFirst) + ",x=y");
  ASSERT_TRUE(response.ok());
  EXPECT_NE(*response, kClientFinal);
  EXPECT_EQ(Refusal("m=z," + std::string(kServerFirst)), "SCRAM: the server wants an extension that is not known here");
}

TEST_F(ScramTest, EscapesTheUserName) {
  const Scram odd("a=b,c", "pencil", "n", keys);
  EXPECT_EQ(odd.Initial(), "n,,n=a=3Db=2Cc,r=n");
}

TEST_F(ScramTest, BelievesNoServerThatDoesNotKnowThePassword) {
  std::string wrong(kServerFinal);
  wrong[5] = wrong[5] == 'A' ? 'B' : 'A';
  ASSERT_TRUE(scram.Respond(kServerFirst).ok());
  const auto response = scram.Respond(wrong);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("does not know the password"));
  EXPECT_FALSE(scram.OnAccepted().ok());
}

TEST_F(ScramTest, BelievesNoServerThatAcceptsWithoutASignature) {
  EXPECT_FALSE(scram.OnAccepted().ok());
  ASSERT_TRUE(scram.Respond(kServerFirst).ok());
  EXPECT_THAT(std::string(scram.OnAccepted().message()), HasSubstr("without showing"));
}

TEST_F(ScramTest, NamesTheErrorOfTheServer) {
  ASSERT_TRUE(scram.Respond(kServerFirst).ok());
  const auto response = scram.Respond("e=invalid-proof\n");
  EXPECT_EQ(response.status().message(), "SCRAM: the server says \"invalid-proof\\n\"");
}

TEST_F(ScramTest, RefusesMalformedLastMessages) {
  for (const std::string_view last : {"", "v=", "v", "x=1", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4",
                                      "v= 6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=AAAA"}) {
    Scram fresh("user", "pencil", std::string(kNonce), keys);
    ASSERT_TRUE(fresh.Respond(kServerFirst).ok());
    EXPECT_FALSE(fresh.Respond(last).ok()) << last;
    EXPECT_FALSE(fresh.OnAccepted().ok());
  }
}

TEST_F(ScramTest, SaysNothingMoreAfterTheEnd) {
  ASSERT_TRUE(scram.Respond(kServerFirst).ok());
  ASSERT_TRUE(scram.Respond(kServerFinal).ok());
  EXPECT_FALSE(scram.Respond("").ok());
}

TEST_F(ScramTest, RefusesANonceThatDoesNotContinueItsOwn) {
  const std::string salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
  for (const std::string& nonce : {std::string(kNonce), std::string("other"), std::string(kNonce.substr(1)) + "xx",
                                   std::string(kNonce) + " x", std::string(kNonce) + "\x01"}) {
    EXPECT_EQ(Refusal(FirstWith(nonce, salt, "4096")), "SCRAM: the server's nonce does not continue ours") << nonce;
  }
}

TEST_F(ScramTest, RefusesMalformedFirstMessages) {
  for (const std::string_view salt : {"", "W22", "W22Z aJ0S", "W22ZaJ0SNY7soEsUEjb6gQ", "W22ZaJ0SNY7soEsUEjb6gR=="})
    EXPECT_EQ(Refusal(FirstWith(kServerNonce, salt, "4096")), "SCRAM: the server's first message is malformed") << salt;
  for (const std::string_view count : {"", "-1", "+4096", "04096", "4096x", "4e3", "99999999999999999999999"})
    EXPECT_EQ(Refusal(FirstWith(kServerNonce, "W22ZaJ0S", count)), "SCRAM: the server's first message is malformed")
        << count;
  for (const std::string_view first : {"r=", "s=W22ZaJ0S,i=4096", "hello"})
    EXPECT_EQ(Refusal(first), "SCRAM: the server's first message is malformed") << first;
}

TEST_F(ScramTest, LimitsTheIterations) {
  EXPECT_THAT(Refusal(FirstWith(kServerNonce, "W22ZaJ0S", "4095")),
              HasSubstr("asks for 4095 iterations; from 4096 to"));
  EXPECT_THAT(Refusal(FirstWith(kServerNonce, "W22ZaJ0S", "100001")), HasSubstr("asks for 100001 iterations"));
  EXPECT_THAT(Refusal(FirstWith(kServerNonce, "W22ZaJ0S", "4294967296000")), HasSubstr("4294967296000 iterations"));
  EXPECT_EQ(Refusal(FirstWith(kServerNonce, "W22ZaJ0S", "100000")), "accepted");
}

TEST(ScramKeyCache, DerivesAgainOnlyForAnotherPasswordSaltOrCount) {
  ScramKeyCache cache;
  const ScramKeys first = cache.Derive("pencil", "salt", 4096);
  EXPECT_EQ(cache.Derive("pencil", "salt", 4096).client_key, first.client_key);
  const std::string others[] = {cache.Derive("pencil", "salt", 4097).client_key,
                                cache.Derive("pencil", "tlas", 4096).client_key,
                                cache.Derive("crayon", "salt", 4096).client_key};
  for (const std::string& other : others) EXPECT_NE(other, first.client_key);
  EXPECT_EQ(cache.Derive("pencil", "salt", 4096).server_key, first.server_key);
}

TEST(RandomNonce, IsNeverTheSameAndPrintable) {
  const std::string a = RandomNonce(), b = RandomNonce();
  EXPECT_EQ(a.size(), 24u);
  EXPECT_NE(a, b);
  EXPECT_EQ(a.find(','), std::string::npos);
}

TEST(Base64, ReadsOnlyWhatItWrites) {
  for (const std::string_view bytes : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(FromBase64(ToBase64(bytes)), std::string(bytes));
  EXPECT_EQ(ToBase64("fooba"), "Zm9vYmE=");  // RFC 4648 section 10
  for (const std::string_view wrong : {"Zm9vYmE", "Zm9vYmF=", "Zm9v YmE=", "Zm9v\nYmE=", "Zm9vYmE==", "=", "Zm9vYm_-"})
    EXPECT_EQ(FromBase64(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace smtp
