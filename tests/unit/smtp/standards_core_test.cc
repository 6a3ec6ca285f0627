// Rows of the standards' first section, as one connection keeps them: each test is named after its row. The rows about
// several connections are in tests/sim/standards_test.cc.
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"
#include "tests/unit/smtp/verdict_facts.h"

namespace smtp {
namespace {

using base::Duration;
using End = TransactionResult::End;
using testing::Dialogue;
using testing::kChunking;
using testing::kGroup;
using testing::kMail;
using testing::kPipelining;
using testing::kPlain;
using testing::kRcpt;
using testing::kStuffed;
using testing::Refused;
using testing::Said;

TEST(StandardsOnTheWire, S01EachCommandHasATimerOfItsOwn) {
  Timeouts timeouts;
  timeouts.greeting = Duration::Seconds(1);
  timeouts.ehlo = Duration::Seconds(2);
  timeouts.mail = Duration::Seconds(3);
  timeouts.rcpt = Duration::Seconds(4);
  timeouts.data = Duration::Seconds(5);
  timeouts.final_reply = Duration::Seconds(6);
  Dialogue dialogue({.ehlo_domain = "mta.example.com", .timeouts = timeouts});
  dialogue.client.OnConnected(dialogue.now);
  std::vector<Duration> waits = {dialogue.client.Timeout()};
  std::vector<std::uint32_t> numbers = {dialogue.client.wait_number()};
  const auto after = [&](std::string_view reply) {
    dialogue.Say(reply);
    waits.push_back(dialogue.client.Timeout());
    EXPECT_NE(dialogue.client.wait_number(), numbers.back()) << "the timer is not set anew";
    numbers.push_back(dialogue.client.wait_number());
  };
  after("220 hi\r\n");
  dialogue.Say(kPlain);
  dialogue.Begin();
  waits.push_back(dialogue.client.Timeout());
  for (const std::string_view reply : {"250 ok\r\n", "250 ok\r\n", "354 go\r\n"}) after(reply);
  EXPECT_EQ(waits, (std::vector<Duration>{timeouts.greeting, timeouts.ehlo, timeouts.mail, timeouts.rcpt, timeouts.data,
                                          timeouts.final_reply}));
}

TEST(StandardsOnTheWire, S01APartOfAReplySetsNoTimerAnew) {
  Dialogue dialogue;
  dialogue.client.OnConnected(dialogue.now);
  const std::uint32_t before = dialogue.client.wait_number();
  for (const std::string_view drip : {"2", "20-", "slow\r\n", "220-", "s", "\r\n", "22"}) dialogue.Say(drip);
  EXPECT_EQ(dialogue.client.wait_number(), before);
}

TEST(StandardsOnTheWire, S02TheDefaultTimersAreThoseOfTheStandard) {
  const Timeouts timeouts;
  EXPECT_GE(timeouts.greeting, Duration::Minutes(5));
  EXPECT_GE(timeouts.mail, Duration::Minutes(5));
  EXPECT_GE(timeouts.rcpt, Duration::Minutes(5));
  EXPECT_GE(timeouts.data, Duration::Minutes(3));  // Its reply 2 minutes, a block of data 3.
  EXPECT_GE(timeouts.final_reply, Duration::Minutes(10));
}

TEST(StandardsOnTheWire, S03NoConnectionAndNoGreetingAreToldApart) {
  Dialogue refused, silent;
  refused.client.OnClosed(111, 0, /*connected=*/false);
  silent.client.OnConnected(silent.now);
  silent.client.OnTimeout(0);
  EXPECT_EQ(refused.fact->at, Command::kConnect);
  EXPECT_EQ(silent.fact->at, Command::kGreeting);
  EXPECT_NE(JudgeConnection(*refused.fact).text, JudgeConnection(*silent.fact).text);
}

TEST(StandardsOnTheWire, S06NoCommandLineIsLongerThanTheStandardAllows) {
  const std::string local(64, 'a');
  const std::string domain =
      std::string(61, 'd') + "." + std::string(61, 'd') + "." + std::string(61, 'd') + ".example";
  const std::string longest = local + "@" + domain.substr(0, 189);  // A path of 256 octets with its brackets.
  ASSERT_EQ(longest.size(), 254u);
  struct Case {
    std::string_view hello;
    bool smtputf8;
    std::size_t mail_max;
  };
  for (const Case& one : {Case{"250 x\r\n", false, 512}, Case{"250-x\r\n250 SIZE\r\n", false, 512 + 26},
                          Case{"250-x\r\n250-SIZE\r\n250 SMTPUTF8\r\n", true, 512 + 26 + 10}}) {
    Dialogue dialogue;
    dialogue.Open(one.hello);
    dialogue.client.Begin({.sender = longest,
                           .recipient = longest,
                           .content = dialogue.content,
                           .size = 99'999'999,
                           .needs_smtputf8 = one.smtputf8},
                          dialogue.now);
    EXPECT_LE(dialogue.Sent().size(), one.mail_max);
    EXPECT_LE(dialogue.Say("250 ok\r\n").size(), 512u);
  }
}

TEST(StandardsOnTheWire, S25EhloComesFirstWithOurName) {
  for (const std::string name : {"mta.example.com", "[192.0.2.1]"}) {
    Dialogue dialogue({.ehlo_domain = name, .timeouts = {}});
    dialogue.client.OnConnected(dialogue.now);
    EXPECT_EQ(dialogue.Sent(), "");
    EXPECT_EQ(dialogue.Say("220 hi\r\n"), "EHLO " + name + "\r\n");
  }
}

TEST(StandardsOnTheWire, S26OnlyAServerThatDoesNotKnowEhloIsToldHelo) {
  for (const std::string code : {"500", "502"}) {
    Dialogue dialogue;
    dialogue.client.OnConnected(dialogue.now);
    dialogue.Say("220 hi\r\n");
    EXPECT_EQ(dialogue.Say(code + " what?\r\n"), "HELO mta.example.com\r\n");
    dialogue.Say("250-mx\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 CHUNKING\r\n");
    EXPECT_EQ(dialogue.Begin(), kMail);  // Without parameters, and alone.
  }
  for (const std::string code : {"421", "450", "550", "554"}) {
    Dialogue dialogue;
    dialogue.client.OnConnected(dialogue.now);
    dialogue.Say("220 hi\r\n");
    EXPECT_EQ(dialogue.Say(code + " no\r\n"), "");
    EXPECT_EQ(dialogue.Events(), "failed finished ");
  }
}

TEST(StandardsOnTheWire, S27TheWordsOfEhloAreReadInAnyCase) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250-pipelining\r\n250-X-THING a b\r\n250-Size 5000\r\n250 ChUnKiNg\r\n");
  EXPECT_TRUE(dialogue.client.capabilities().pipelining);
  EXPECT_TRUE(dialogue.client.capabilities().chunking);
  EXPECT_EQ(dialogue.client.capabilities().size_max, 5000u);
}

TEST(StandardsOnTheWire, S28TheFirstDigitDecides) {
  EXPECT_EQ(Judge(Refused(Command::kBdat, "258 fine")).outcome, Outcome::kDelivered);
  EXPECT_EQ(Judge(Refused(Command::kRcpt, "471 later")).outcome, Outcome::kDeferred);
  EXPECT_EQ(Judge(Refused(Command::kRcpt, "571 no")).outcome, Outcome::kBounced);
  EXPECT_EQ(Judge(Refused(Command::kRcpt, "585 no")).outcome, Outcome::kBounced);
  Dialogue dialogue;
  dialogue.Open("258-mx\r\n258 PIPELINING\r\n");
  EXPECT_EQ(dialogue.Begin(), kGroup);
  EXPECT_EQ(dialogue.Say("299 550 no such user\r\n200 421 goodbye\r\n399 go\r\n"), kStuffed);  // Texts drive nothing.
  dialogue.Say("277 554 refused\r\n");
  EXPECT_EQ(Judge(*dialogue.result).outcome, Outcome::kDelivered);
}

TEST(StandardsOnTheWire, S29BareCodesAndAnyBytesAreReplies) {
  Dialogue dialogue;
  dialogue.Open("250-mx\r\n250 PIPELINING\r\n");
  dialogue.Begin();
  EXPECT_EQ(dialogue.Say("250\r\n250 \r\n354\r\n"), kStuffed);
  dialogue.Say("250 \xff\xfe\x01\x80 " + std::string(3000, 'x') + "\r\n");
  ASSERT_TRUE(dialogue.result.has_value());
  EXPECT_EQ(Judge(*dialogue.result).outcome, Outcome::kDelivered);
  EXPECT_LE(dialogue.result->final_reply->text.size(), Reply::kTextMax);
}

TEST(StandardsOnTheWire, S30AnyReplyMayHaveSeveralLinesAndTheLastOneDecides) {
  Dialogue dialogue;
  dialogue.client.OnConnected(dialogue.now);
  EXPECT_EQ(dialogue.Say("220-one\r\n220-two\r\n"), "");
  EXPECT_EQ(dialogue.Say("220 three\r\n"), "EHLO mta.example.com\r\n");
  dialogue.Say(kPipelining);
  dialogue.Begin();
  EXPECT_EQ(dialogue.Say("250-a\r\n250 b\r\n250-a\r\n250 b\r\n354-a\r\n354 b\r\n"), kStuffed);
  dialogue.Say("250-looks good\r\n554 and is not\r\n");
  EXPECT_EQ(dialogue.result->final_reply->code, 554);
  EXPECT_EQ(Judge(*dialogue.result).outcome, Outcome::kBounced);
}

TEST(StandardsOnTheWire, S31GarbageEndsTheSessionAndDefers) {
  for (const std::string_view garbage : {"150 hm\r\n", "699 hm\r\n", "hello\r\n", "25\r\n", "\r\n", "250~x\r\n"}) {
    Dialogue dialogue;
    dialogue.Open(kPipelining);
    dialogue.Begin();
    dialogue.Events();
    dialogue.Say(garbage);
    EXPECT_EQ(dialogue.Events(), "done finished ") << garbage;
    EXPECT_EQ(dialogue.result->end, End::kGarbage);
    EXPECT_EQ(Judge(*dialogue.result).outcome, Outcome::kDeferred);
  }
}

TEST(StandardsOnTheWire, S32A421EndsTheSessionWhereverItComes) {
  const std::string_view before[] = {"", "250 ok\r\n", "250 ok\r\n250 ok\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"};
  for (const std::string_view replies : before) {
    Dialogue dialogue;
    dialogue.Open(kPipelining);
    dialogue.Begin();
    dialogue.Events();
    dialogue.Say(replies);
    EXPECT_EQ(dialogue.Say("421 4.3.2 bye\r\n"), "");
    EXPECT_EQ(dialogue.Events(), "done finished ");
    EXPECT_NE(Judge(*dialogue.result).outcome, Outcome::kBounced);
  }
  Dialogue greeting, idle;
  greeting.client.OnConnected(greeting.now);
  greeting.Say("421 busy\r\n");
  EXPECT_EQ(greeting.Events(), "failed finished ");
  idle.Open(kPipelining);
  idle.Events();
  idle.Say("421 bye\r\n");  // Unsolicited.
  EXPECT_EQ(idle.Events(), "finished ");
}

TEST(StandardsOnTheWire, S36NobodyAcceptedMeansNoContent) {
  Dialogue serial;
  serial.Open(kPlain);
  serial.Begin();
  serial.Say("250 ok\r\n");
  EXPECT_EQ(serial.Say("550 5.1.1 who\r\n"), "");
  EXPECT_EQ(serial.Begin(), "RSET\r\n");
  Dialogue pipelined;
  pipelined.Open(kPipelining);
  pipelined.Begin();
  EXPECT_EQ(pipelined.Say("250 ok\r\n550 5.1.1 who\r\n354 go\r\n"), ".\r\n");
  pipelined.Say("554 nobody\r\n");
  EXPECT_EQ(Judge(*pipelined.result).classification, Classification::kInvalidRecipient);
  Dialogue refused;
  refused.Open(kPipelining);
  refused.Begin();
  EXPECT_EQ(refused.Say("250 ok\r\n550 5.1.1 who\r\n503 nobody\r\n"), "");
  EXPECT_EQ(refused.Begin(), "RSET\r\n" + std::string(kGroup));
}

TEST(StandardsOnTheWire, S39SizesThatAreRefused) {
  EXPECT_EQ(Judge(Refused(Command::kMail, "452 4.3.1 no room")).outcome, Outcome::kDeferred);
  EXPECT_NE(Judge(Refused(Command::kBdat, "552 5.3.4 too big")).outcome, Outcome::kDeferred);
  // At MAIL a 5yz is the sender's, whatever it says: nobody bounces for it (verdicts, section 2).
  EXPECT_EQ(Judge(Refused(Command::kMail, "552 5.3.4 too big")).outcome, Outcome::kHeld);
}

TEST(StandardsOnTheWire, S45ResetOnlyWhereEverythingIsAnsweredAndQuitIsNotWaitedForLong) {
  Dialogue dialogue;
  dialogue.Open(kChunking);
  dialogue.Begin();
  dialogue.Say("250 ok\r\n550 5.1.1 who\r\n");
  EXPECT_FALSE(dialogue.client.IsReady());  // BDAT is not answered.
  dialogue.Say("503 no\r\n");
  EXPECT_EQ(dialogue.Begin().substr(0, 12), "RSET\r\nMAIL F");
  dialogue.Say("250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n");
  ASSERT_TRUE(dialogue.client.IsReady());
  dialogue.client.Quit();
  EXPECT_EQ(dialogue.Sent(), "QUIT\r\n");
  EXPECT_LE(dialogue.client.Timeout(), Duration::Seconds(10));
  dialogue.Events();
  dialogue.Say("221 bye\r\n");
  EXPECT_EQ(dialogue.Events(), "finished ");
}

}  // namespace
}  // namespace smtp
