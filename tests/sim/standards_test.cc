// Rows of the standards that are about more than one connection, or about what leaves the whole shard: each test is
// named after its row. tests/unit/smtp/standards_*_test.cc have those of one connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "engine/campaign/address.h"
#include "engine/config/config.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::Contains;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using Then = Answer::Then;

constexpr char kA[] = "a@one.example";
constexpr char kB[] = "b@one.example";

TEST(Standards, S03NoConnectionAndNoGreetingAreToldApart) {
  Scenario scenario({.addresses = {kA, "b@two.example"}});
  scenario.Serve("one.example").resets_connections = true;
  scenario.Serve("two.example").At(Point::kGreeting, Always({"", Then::kSilence}));
  scenario.RunFor(Duration::Minutes(6));
  EXPECT_THAT(scenario.Text(kA), HasSubstr("Connection reset"));
  EXPECT_THAT(scenario.Text("b@two.example"), HasSubstr("greeting: timed out"));
}

TEST(Standards, S04SilenceAfterTheDotIsInDoubtAndNeverDelivered) {
  for (const Then then : {Then::kSilence, Then::kReset, Then::kFin}) {
    Scenario scenario({.addresses = {kA}});
    scenario.Serve("one.example").At(Point::kContent, Always({"", then}));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Last(kA), StartsWith("in doubt"));
  }
}

TEST(Standards, S05AnEndElsewhereIsAbout451ForTheTransactionAndNobodyElse) {
  Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = {"PIPELINING"};
  receiver.At(Point::kRcpt, [](const Question& question) {
    return question.recipient == kA && question.time <= 2 ? std::optional(Answer{"", Then::kReset}) : std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kB), ElementsAre("attempt 1", "delivered 250 ."));
  EXPECT_THAT(scenario.Last(kA), StartsWith("delivered"));
}

// ---- where mail goes ----

TEST(Standards, S15_S18_S19TheDomainItselfIsNoHostWhereItHasAnMx) {
  Scenario scenario({.addresses = {kA}});
  Receiver& itself = scenario.AddReceiver("one.example");
  scenario.names().SetMx("one.example", {"mx.one.example"});  // Which has no address.
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Last(kA), StartsWith("bounced BadDomain"));
  EXPECT_THAT(itself.connections(), IsEmpty());
}

TEST(Standards, S20EveryAddressOfEveryHostIsTriedInOrderAndNobodysAttemptIsSpent) {
  Scenario scenario({.addresses = {kA}});
  std::vector<Receiver*> receivers;
  for (const char* name : {"mx1.one.example", "x1.one.example", "mx2.one.example", "x2.one.example"})
    receivers.push_back(&scenario.AddReceiver(name));
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  // The later address first: the order is the DNS's.
  scenario.names().SetAddresses("mx1.one.example", {receivers[1]->address(), receivers[0]->address()});
  scenario.names().SetAddresses("mx2.one.example", {receivers[3]->address(), receivers[2]->address()});
  for (std::size_t i : {0u, 1u, 3u}) receivers[i]->resets_connections = true;
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
  std::vector<base::Instant> at;
  for (std::size_t i : {1u, 0u, 3u, 2u}) {
    ASSERT_THAT(receivers[i]->connections(), SizeIs(1));
    at.push_back(receivers[i]->connections()[0]);
  }
  EXPECT_TRUE(std::is_sorted(at.begin(), at.end()));
}

TEST(Standards, S20HowManyAddressesAreTriedCanBeSetButIsTwoAtLeast) {
  for (const int most : {1, 3}) {
    Scenario scenario({.addresses = {kA}, .shaping = absl::StrFormat("[\"default\"]\nmax_mx_plan_size = %d\n", most)});
    std::vector<Receiver*> receivers;
    std::vector<std::string> hosts;
    for (int i = 0; i < 5; ++i) {
      hosts.push_back(absl::StrFormat("mx%d.one.example", i));
      receivers.push_back(&scenario.AddReceiver(hosts.back()));
      receivers.back()->resets_connections = true;
    }
    scenario.names().SetMx("one.example", hosts);
    scenario.RunFor(Duration::Seconds(30));
    EXPECT_THAT(scenario.Last(kA), StartsWith("deferred NoAnswerFromHost"));
    int number = 0;
    for (const Receiver* const receiver : receivers)
      EXPECT_EQ(receiver->connections().empty(), number++ >= std::max(2, most)) << number;
  }
}

const base::IpAddress kSix = *base::IpAddress::Parse("2600:db8::1");

TEST(Standards, S24ASourceReachesHostsOfItsFamily) {
  Scenario scenario({.addresses = Many(20)});
  scenario.UseTwoSources();
  scenario.job().sources[0].address = base::IpAddress::Parse("2600:db8::99");
  Receiver& four = scenario.AddReceiver("mx.one.example");
  Receiver& six = scenario.AddReceiver("x.one.example", kSix);
  scenario.names().SetMx("one.example", {"mx.one.example"});
  scenario.names().SetAddresses("mx.one.example", {four.address(), kSix});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(four.accepted(), SizeIs(Ge(1u)));
  EXPECT_THAT(six.accepted(), SizeIs(Ge(1u)));
  EXPECT_EQ(four.accepted().size() + six.accepted().size(), 20u);
}

TEST(Standards, S24WhereIpv6FailsIpv4IsTriedAndNobodysAttemptIsSpent) {
  Scenario scenario({.addresses = Many(20)});
  scenario.UseTwoSources();
  scenario.job().sources[0].address = base::IpAddress::Parse("2600:db8::99");
  Receiver& four = scenario.AddReceiver("mx.one.example");
  scenario.AddReceiver("x.one.example", kSix).resets_connections = true;
  scenario.names().SetMx("one.example", {"mx.one.example"});
  scenario.names().SetAddresses("mx.one.example", {kSix, four.address()});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(four.accepted(), SizeIs(20));
  for (const std::string& address : Many(20))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(Standards, S24WithoutAnIpv4SourceOrAddressAFailureOfIpv6Defers) {
  for (const bool has_source : {true, false}) {
    Scenario scenario({.addresses = Many(4)});
    if (has_source) scenario.UseTwoSources();
    scenario.job().sources[0].address = base::IpAddress::Parse("2600:db8::99");
    Receiver& six = scenario.AddReceiver("mx.one.example", kSix);
    six.resets_connections = true;
    scenario.names().SetMx("one.example", {"mx.one.example"});
    scenario.RunFor(Duration::Seconds(30));
    EXPECT_GT(scenario.CountLast("deferred NoAnswerFromHost"), 0u);
    six.resets_connections = false;
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(six.accepted(), SizeIs(4));
  }
}

TEST(Standards, S24AHostThatOnlyIpv6ReachesIsNotSaidToHaveNoAddress) {
  Scenario scenario({.addresses = {kA}});
  scenario.AddReceiver("mx.one.example", kSix);
  scenario.names().SetMx("one.example", {"mx.one.example"});
  scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(scenario.Last(kA), StartsWith("deferred RoutingErrors"));
  EXPECT_THAT(scenario.Text(kA), HasSubstr("no address of the family"));
}

bool IsAddress(const std::string& text) {
  campaign::Address address;
  std::string_view reason;
  return campaign::ParseAddress(text, address, reason);
}

TEST(Standards, S07AddressesThatAreTooLongAreNone) {
  const std::string longest = std::string(64, 'a') + "@d.example";
  EXPECT_TRUE(IsAddress(longest));
  EXPECT_FALSE(IsAddress("a" + longest));
  std::string domain;
  while (domain.size() < 250) domain += std::string(60, 'd') + ".";
  EXPECT_FALSE(IsAddress("a@" + domain + std::string(20, 'e')));
}

// ---- what leaves, by DATA and by BDAT ----

// The lines of a message that only smuggling has, and honest text beside them. Of a template: as it is written.
constexpr char kSmuggling[] =
    "one\n.\ntwo\r\n.\nthree\n.\r\nfour\r.\rfive\r.\r\nsix\r\n.\rseven\n.\reight\r\n.\r\nMAIL "
    "FROM:<evil@example.net>\r\n"
    "..\n...dots\n.leading\n";

struct Sent {
  std::vector<std::string> contents;
};

Sent SendBody(const std::string& body, const std::vector<std::string>& extensions) {
  Scenario scenario({.addresses = {kA, kB}, .body = body});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = extensions;
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
  EXPECT_EQ(receiver.CountOf("MAIL"), 2u);
  EXPECT_EQ(receiver.CountOf("MAIL FROM:<evil"), 0u);
  EXPECT_THAT(receiver.contents(), SizeIs(2));
  return {receiver.contents()};
}

const std::vector<std::vector<std::string>> kWays = {{"PIPELINING"}, {}, {"PIPELINING", "CHUNKING"}, {"CHUNKING"}};

std::string Unstuffed(const std::string& content) {
  return absl::StrReplaceAll("\r\n" + content, {{"\r\n..", "\r\n."}}).substr(2);
}

TEST(Standards, S08NoLineIsLongerThanTheStandardAllows) {
  for (const auto& extensions : kWays) {
    for (const std::string& content :
         SendBody(std::string(5000, 'x') + "\n." + std::string(3000, 'y') + "\n", extensions).contents) {
      for (std::size_t at = 0; at < content.size();) {
        const std::size_t end = content.find("\r\n", at);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end - at, 999u);  // With a stuffed dot.
        at = end + 2;
      }
    }
  }
}

TEST(Standards, S09DotsAreStuffedForDataAndNotForBdat) {
  const std::string body = ".\n..\n.a\na.\n\n.\n";
  const std::string data = SendBody(body, {"PIPELINING"}).contents[0], bdat = SendBody(body, {"CHUNKING"}).contents[0];
  EXPECT_THAT(data, HasSubstr("\r\n..\r\n...\r\n..a\r\na.\r\n\r\n..\r\n"));
  EXPECT_THAT(bdat, HasSubstr("\r\n.\r\n..\r\n.a\r\na.\r\n\r\n.\r\n"));
  const auto body_of = [](const std::string& content) { return content.substr(content.find("\r\n\r\n")); };
  EXPECT_EQ(body_of(Unstuffed(data)), body_of(bdat));
}

TEST(Standards, S11NoBareCrOrLfLeaves) {
  for (const auto& extensions : kWays) {
    for (const std::string& content : SendBody(kSmuggling, extensions).contents) {
      EXPECT_EQ(absl::StrReplaceAll(content, {{"\r\n", ""}}).find_first_of("\r\n"), std::string::npos);
    }
  }
}

TEST(Standards, S12NoFakeEndOfDataLeaves) {
  const std::vector<std::string> fakes = {"\n.\n",   "\n.\r\n", "\r\n.\n", "\r.\r",
                                          "\r.\r\n", "\r\n.\r", "\n.\r",   std::string("\r\n\0.\r\n", 6)};
  for (const auto& extensions : kWays) {
    const bool by_data = std::find(extensions.begin(), extensions.end(), "CHUNKING") == extensions.end();
    for (const std::string& content : SendBody(kSmuggling, extensions).contents) {
      for (const std::string& fake : fakes) {
        // By DATA no line is a lone dot; by BDAT a dot is text like any other, but only between real line ends.
        for (std::size_t at = content.find(fake); at != std::string::npos; at = content.find(fake, at + 1)) {
          const std::size_t dot = content.find('.', at);
          EXPECT_FALSE(by_data) << "a fake end";
          EXPECT_EQ(content.substr(dot - 2, 5), "\r\n.\r\n");
        }
      }
    }
  }
}

TEST(Standards, S14AContentWithoutItsLastLineEndGetsOne) {
  for (const std::string body : {"end", "end\n", "end\r\n", "\n"}) {
    const std::string data = SendBody(body, {"PIPELINING"}).contents[0];
    EXPECT_TRUE(data.ends_with("\r\n"));
    EXPECT_EQ(data.find("end\r\n\r\n"), std::string::npos);
  }
}

TEST(Standards, S23AddressLiteralsAreNoAddresses) {
  for (const char* text : {"a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@[]"}) {
    campaign::Address address;
    std::string_view reason;
    EXPECT_FALSE(campaign::ParseAddress(text, address, reason));
    EXPECT_THAT(std::string(reason), HasSubstr("address literal"));
  }
}

TEST(Standards, P05WhatIsReadIsNotHeldUpByWhatIsWritten) {
  Scenario scenario({.addresses = {kA}, .body_bytes = 300'000, .network = {.send_chunk_max = 50}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kMail, ("250-" + std::string(1000, 'x') + "\r\n250 ok"));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(Standards, P12TheBodyIsSevenBitAlways) {
  for (const auto& extensions : kWays) {
    for (const std::string& content : SendBody("Grüße, 日本, 🎉\n", extensions).contents) {
      EXPECT_TRUE(
          std::all_of(content.begin(), content.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    }
  }
}

TEST(Standards, P11NothingNeeds8BitMime) {
  Scenario scenario({.addresses = {kA}, .body = "Grüße\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = {"8BITMIME"};
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.commands(), Not(Contains(HasSubstr("BODY="))));
}

TEST(Standards, P14DomainsGoAsALabels) {
  campaign::Address address;
  std::string_view reason;
  ASSERT_TRUE(campaign::ParseAddress("Jörg@BÜCHER.example", address, reason));
  EXPECT_EQ(address.wire, "Jörg@xn--bcher-kva.example");
  EXPECT_FALSE(IsAddress("a@bücher..example"));
}

// ---- refusals ----

TEST(Standards, S33ARefusedGreetingIsForTheNextHost) {
  Scenario scenario({.addresses = {kA}});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  first.At(Point::kGreeting, "521 5.3.2 No mail here");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(second.accepted(), ElementsAre(kA));
  EXPECT_EQ(first.CountOf("MAIL"), 0u);
}

TEST(Standards, S34WhatIsRefusedForGoodIsNotAskedAgain) {
  Scenario scenario({.addresses = {kA, kB}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, For(kA, {"550 5.1.1 No such user"}));
  receiver.At(Point::kRcpt, [](const Question& question) {
    return question.recipient == kB && question.time <= 2 ? std::optional(Answer{"450 4.2.1 Later"}) : std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), SizeIs(2));
  EXPECT_EQ(receiver.CountOf("RCPT TO:<a@"), 1u);
  EXPECT_EQ(receiver.CountOf("RCPT TO:<b@"), 2u);
}

TEST(Standards, S37ARefusedContentIsNotSentToThatServerAgain) {
  for (const auto& extensions : kWays) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = extensions;
    receiver.At(Point::kContent, "550 5.2.1 Mailbox disabled");
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Last(kA), StartsWith("bounced InactiveMailbox 550 5.2.1"));
    EXPECT_THAT(receiver.contents(), SizeIs(1));
  }
}

TEST(Standards, S42TheDefaultPlanWaitsTwentyMinutesAndThenLonger) {
  const std::vector<Duration>& intervals = config::Config().retry_intervals;
  EXPECT_THAT(intervals, ElementsAre(Duration::Minutes(20), Duration::Minutes(40), Duration::Hours(1),
                                     Duration::Hours(2), Duration::Hours(4)));
}

TEST(Standards, S43AnUnreachableHostRestsForATimeAndARefusedSenderDoesNotMakeOne) {
  Scenario scenario({.addresses = Many(30), .shaping = kOneSession});
  Receiver& dead = scenario.AddReceiver("mx1.one.example");
  Receiver& alive = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  dead.resets_connections = true;
  alive.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(30)}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(alive.accepted(), SizeIs(30));
  EXPECT_LE(dead.connections().size(), 4u);  // In a quarter of an hour.
}

TEST(Standards, S44NobodySendsWithAnEmptyReturnPath) {
  Scenario scenario({.addresses = Many(5)});
  Receiver& receiver = scenario.Serve("one.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.CountOf("MAIL FROM:<bounce+t"), 5u);
  EXPECT_EQ(receiver.CountOf("MAIL FROM:<>"), 0u);
}

TEST(Standards, S46WhoWasDeferredTogetherDoesNotComeBackTogether) {
  Scenario scenario({.addresses = Many(60)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(60, {"450 4.2.1 Later"}));
  EXPECT_TRUE(scenario.Finish());
  std::set<std::int64_t> seconds;
  for (const std::string& address : Many(60)) seconds.insert(scenario.Times(address).back());
  EXPECT_THAT(seconds, SizeIs(Ge(8u)));
}

TEST(Standards, P25EachTransactionHasOneRecipient) {
  for (const auto& extensions : kWays) {
    Scenario scenario({.addresses = Many(20)});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = extensions;
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(receiver.CountOf("MAIL"), 20u);
    EXPECT_EQ(receiver.CountOf("RCPT"), 20u);
  }
}

}  // namespace
}  // namespace sim
