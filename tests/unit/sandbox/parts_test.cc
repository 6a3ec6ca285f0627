// The sandbox's small parts: units, reply rules, addresses that ask for a reply, the finder of Message-IDs.
#include <gtest/gtest.h>

#include "tools/sandbox/address_behaviour.h"
#include "tools/sandbox/message_id.h"
#include "tools/sandbox/sink.h"
#include "tools/sandbox/units.h"

namespace sandbox {
namespace {

TEST(Units, DurationsHaveAUnit) {
  EXPECT_EQ(*ParseDuration("250ms"), base::Duration::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1.5 min"), base::Duration::Seconds(90));
  EXPECT_EQ(*ParseDuration("2 days"), base::Duration::Hours(48));
  for (const char* bad : {"", "5", "s", "-1s", "1.2.3s", "9999999d", "5 s s"})
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
}

TEST(Units, AShareIncludesItsPartOfTheHashes) {
  const Share share = *Share::Parse("2.5%");
  int included = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) included += share.Includes(i) ? 1 : 0;
  EXPECT_EQ(included, 25'000);
  EXPECT_TRUE(Share::All().Includes(999'999));
  EXPECT_FALSE(Share().Includes(0));
  for (const char* bad : {"", "2", "101%", "-1%", "x%", "2%%"}) EXPECT_FALSE(Share::Parse(bad).ok()) << bad;
}

TEST(Units, ARateIsANumberPerSpan) {
  EXPECT_EQ(ParseRate("600/min")->count, 600u);
  EXPECT_EQ(ParseRate("600/min")->period, base::Duration::Minutes(1));
  EXPECT_EQ(ParseRate("20/10s")->period, base::Duration::Seconds(10));
  for (const char* bad : {"", "5", "0/s", "-1/s", "5/", "5/0s", "5/x", "/s"}) EXPECT_FALSE(ParseRate(bad).ok()) << bad;
}

TEST(ReplyRule, HasAVerbAReplyAndPerhapsAShare) {
  const ReplyRule rule = *ParseReplyRule("RCPT:450 4.2.1 see https://example.com/x:2%");
  EXPECT_EQ(rule.phase, Phase::kRcpt);
  EXPECT_EQ(rule.reply, "450 4.2.1 see https://example.com/x");
  EXPECT_FALSE(rule.share.Includes(20'000));
  EXPECT_TRUE(ParseReplyRule(".:552 5.2.2 full")->share.Includes(999'999));
  for (const char* bad :
       {"", "RCPT", "TURN:500 x", "RCPT:xyz", "RCPT:450x", "RCPT:650 x", "RCPT:450 x:200%", "RCPT:354 x"}) {
    EXPECT_FALSE(ParseReplyRule(bad).ok()) << bad;
  }
}

TEST(AddressBehaviour, LocalPartsAskForReplies) {
  EXPECT_EQ(ReplyAskedByAddress("TempFail@example.com").substr(0, 9), "450 4.2.1");
  EXPECT_EQ(ReplyAskedByAddress("permfail@example.com").substr(0, 9), "550 5.1.1");
  EXPECT_EQ(ReplyAskedByAddress("450-slow@example.com").substr(0, 9), "450 4.0.0");
  EXPECT_EQ(ReplyAskedByAddress("552-5.2.2-full@example.com").substr(0, 9), "552 5.2.2");
  EXPECT_EQ(ReplyAskedByAddress("552-4.2.2-full@example.com").substr(0, 9), "552 5.0.0");
  for (const char* none : {"a@example.com", "450@example.com", "250-x@example.com", "4500-x@example.com", "@"}) {
    EXPECT_EQ(ReplyAskedByAddress(none), "") << none;
  }
}

std::string FindId(std::string_view message, std::size_t piece) {
  MessageIdFinder finder;
  finder.Start();
  for (std::size_t at = 0; at < message.size(); at += piece) {
    if (!finder.Feed(message.substr(at, piece))) break;
  }
  return finder.id();
}

TEST(MessageIdFinder, FindsItInTheHeaderOnly) {
  for (const unsigned piece : {1u, 2u, 5u, 1'000u}) {
    EXPECT_EQ(FindId("From: x\r\nmessage-id:  <a@b> \r\n\r\nMessage-ID: <c@d>\r\n", piece), "<a@b>");
    EXPECT_EQ(FindId("Message-ID:\r\n <a@b>\r\n\r\n", piece), "<a@b>");
    EXPECT_EQ(FindId("X-Message-ID: <a@b>\r\n\r\nMessage-ID: <c@d>\r\n", piece), "");
    EXPECT_EQ(FindId("X: " + std::string(10'000, 'x') + "\r\nMessage-ID: <a@b>\r\n", piece), "<a@b>");
  }
}

}  // namespace
}  // namespace sandbox
