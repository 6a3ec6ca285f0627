#include "engine/smtp/capabilities.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Capabilities Offered(std::vector<std::string> keywords) {
  Reply reply;
  reply.code = 250;
  reply.lines = std::move(keywords);
  reply.lines.insert(reply.lines.begin(), "mx.example.com Hello");
  return Capabilities::FromEhlo(reply);
}

TEST(Capabilities, ReadsWhatAServerOffers) {
  const Capabilities offered = Offered({"PIPELINING", "SIZE 157286400", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES",
                                        "CHUNKING", "SMTPUTF8", "AUTH PLAIN LOGIN"});
  EXPECT_TRUE(offered.pipelining && offered.chunking && offered.eight_bit_mime && offered.smtputf8 &&
              offered.enhanced_codes && offered.starttls && offered.size);
  EXPECT_EQ(offered.size_max, 157286400u);
  EXPECT_THAT(offered.auth, ElementsAre("PLAIN", "LOGIN"));
}

TEST(Capabilities, AreNoneWithoutKeywords) {
  const Capabilities offered = Offered({});
  EXPECT_FALSE(offered.pipelining || offered.chunking || offered.eight_bit_mime || offered.smtputf8 ||
               offered.enhanced_codes || offered.starttls || offered.size);
  EXPECT_EQ(offered.size_max, 0u);
  EXPECT_THAT(offered.auth, IsEmpty());
  EXPECT_FALSE(Capabilities::FromEhlo(Reply()).pipelining);
}

TEST(Capabilities, AreOnlyTheirOwnKeywords) {
  EXPECT_TRUE(Offered({"CHUNKING"}).chunking);
  EXPECT_FALSE(Offered({"CHUNKING"}).pipelining);
  EXPECT_TRUE(Offered({"SMTPUTF8"}).smtputf8);
  EXPECT_FALSE(Offered({"SMTPUTF8"}).eight_bit_mime);
  EXPECT_TRUE(Offered({"8BITMIME"}).eight_bit_mime);
  EXPECT_TRUE(Offered({"STARTTLS"}).starttls);
  EXPECT_TRUE(Offered({"ENHANCEDSTATUSCODES"}).enhanced_codes);
}

TEST(Capabilities, IgnoreCaseAndBlanks) {
  const Capabilities offered = Offered({" pipelining ", "\tChunking\t", "size   2000 ", "Auth plain Cram-md5"});
  EXPECT_TRUE(offered.pipelining && offered.chunking && offered.size);
  EXPECT_EQ(offered.size_max, 2000u);
  EXPECT_THAT(offered.auth, ElementsAre("PLAIN", "CRAM-MD5"));
}

TEST(Capabilities, AreNotReadFromTheGreetingLine) {
  Reply reply;
  reply.code = 250;
  reply.lines = {"PIPELINING"};
  EXPECT_FALSE(Capabilities::FromEhlo(reply).pipelining);
}

TEST(Capabilities, IgnoreUnknownAndSimilarWords) {
  const Capabilities offered = Offered({"XPIPELINING", "PIPELININGS", "", "   ", "X-STARTTLS", "HELP SIZE 5"});
  EXPECT_FALSE(offered.pipelining || offered.starttls || offered.size);
}

TEST(Capabilities, HaveNoLimitWhereSizeNamesNone) {
  for (const char* keyword : {"SIZE", "SIZE 0", "SIZE ten", "SIZE 99999999999999999999999", "SIZE -1"}) {
    const Capabilities offered = Offered({keyword});
    EXPECT_TRUE(offered.size) << keyword;
    EXPECT_EQ(offered.size_max, 0u) << keyword;
  }
  EXPECT_EQ(Offered({"SIZE 18446744073709551615"}).size_max, 18446744073709551615u);
}

TEST(Capabilities, ReadHowManyMessagesASessionMayHave) {
  EXPECT_EQ(Offered({"LIMITS MAILMAX=5 RCPTMAX=20"}).mail_max, 5u);
  EXPECT_EQ(Offered({"limits RCPTMAX=20  X-NEW=7 mailmax=999999"}).mail_max, 999'999u);
  for (const char* keyword :
       {"LIMITS", "LIMITS RCPTMAX=20", "LIMITS MAILMAX", "LIMITS MAILMAX=", "LIMITS MAILMAX=0", "LIMITS MAILMAX=05",
        "LIMITS MAILMAX=five", "LIMITS MAILMAX=1000000", "LIMITS MAILMAX=-1"})
    EXPECT_EQ(Offered({keyword}).mail_max, 0u) << keyword;
}

TEST(Capabilities, ReadTheOldSpellingOfAuth) {
  EXPECT_THAT(Offered({"AUTH=LOGIN PLAIN"}).auth, ElementsAre("LOGIN", "PLAIN"));
  EXPECT_THAT(Offered({"AUTH="}).auth, IsEmpty());
}

}  // namespace
}  // namespace smtp
