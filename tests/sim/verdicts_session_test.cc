// What the whole shard makes of refused greetings, EHLO and MAIL, of 421 and of what is no SMTP. One test for each row
// of the verdicts' second section that is not about a recipient.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

// ---- greeting and EHLO ----

class Opening : public testing::TestWithParam<Point> {
 protected:
  // The reply at this point to every connection, and how long each suspension is in the end.
  static void CheckSuspensions(const std::string& reply, const std::vector<std::int64_t>& expected) {
    Scenario scenario({.addresses = {kA, kOther}});
    Receiver& receiver = scenario.Serve("one.example");
    Receiver& other = scenario.Serve("other.example");
    receiver.At(GetParam(), reply);
    std::int64_t total = 0;
    for (const std::int64_t seconds : expected) total += seconds;
    scenario.RunFor(Duration::Seconds(total - 60));
    EXPECT_THAT(scenario.Story(kA), IsEmpty());
    EXPECT_THAT(other.accepted(), ElementsAre(kOther));
    EXPECT_THAT(receiver.connections(), SizeIs(expected.size()));
    std::vector<std::int64_t> lengths;
    std::int64_t at = 0;
    for (const Scenario::Suspended& suspension : scenario.Suspensions()) {
      lengths.push_back(suspension.for_s);
      EXPECT_THAT(suspension.at_s, AllOf(Ge(at), Le(at + 2)));
      EXPECT_EQ(suspension.sample, reply);
      at = suspension.at_s + suspension.for_s;
    }
    EXPECT_EQ(lengths, expected);
    receiver.Forget();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
  }
};

INSTANTIATE_TEST_SUITE_P(Verdicts, Opening, testing::Values(Point::kGreeting, Point::kEhlo), [](const auto& param) {
  return std::string(param.param == Point::kGreeting ? "Greeting" : "Ehlo");
});

TEST_P(Opening, RefusedForNowHoldsForFiveMinutesDoublingToOneHour) {
  CheckSuspensions("450 4.3.2 Not now", {300, 600, 1200, 2400, 3600, 3600});
}

TEST_P(Opening, RefusedForGoodHoldsForOneHour) { CheckSuspensions("554 5.3.2 No service", {3600, 3600, 3600}); }

TEST_P(Opening, RefusedByOneHostTakesTheNext) {
  for (const std::string reply : {"450 4.3.2 Not now", "554 5.3.2 No service"}) {
    Scenario scenario({.addresses = Many(10)});
    Receiver& first = scenario.AddReceiver("mx1.one.example");
    Receiver& second = scenario.AddReceiver("mx2.one.example");
    scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
    first.At(GetParam(), reply);
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(second.accepted(), SizeIs(10));
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
    for (const std::string& address : Many(10)) {
      EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
      EXPECT_THAT(scenario.Times(address), Each(Le(2)));
    }
  }
}

TEST_P(Opening, RefusedByEveryHostOneSuspensionHoldsThemAll) {
  Scenario scenario({.addresses = Many(10)});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  first.At(GetParam(), "554 5.3.2 No service");
  second.At(GetParam(), "450 4.3.2 Not now");
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_THAT(first.connections(), SizeIs(AllOf(Ge(1u), Le(5u))));
  EXPECT_THAT(second.connections(), SizeIs(AllOf(Ge(1u), Le(5u))));
  EXPECT_THAT(scenario.Suspensions(), SizeIs(1));
  for (const std::string& address : Many(10)) EXPECT_THAT(scenario.Story(address), IsEmpty());
}

TEST_P(Opening, RefusedToOneSourceHoldsThatSourceOnly) {
  Scenario scenario({.addresses = Many(20)});
  scenario.UseTwoSources();
  Receiver& receiver = scenario.Serve("one.example");
  const base::IpAddress blocked = *scenario.job().sources[0].address;
  receiver.At(GetParam(), [blocked](const Question& question) {
    return question.client == blocked ? std::optional(Answer{"554 5.7.1 Blocked"}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(50));
  EXPECT_THAT(scenario.Suspensions(), ElementsAre(Field(&Scenario::Suspended::source, "one")));
  EXPECT_THAT(receiver.accepted(), SizeIs(AllOf(Ge(4u), Le(16u))));
  EXPECT_EQ(scenario.CountLast("delivered"), receiver.accepted().size());
  EXPECT_EQ(scenario.CountLast(""), receiver.accepted().size());  // Nothing happened to the others.
}

TEST_P(Opening, ASuspensionOutlivesARestart) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(GetParam(), First(1, {"554 5.3.2 No service"}));
  scenario.RunFor(Duration::Minutes(10));
  scenario.Restart();
  scenario.RunFor(Duration::Minutes(49));
  EXPECT_THAT(receiver.connections(), SizeIs(1));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Times(kA), Each(AllOf(Ge(3600), Le(3605))));
}

TEST_P(Opening, WhatIsNoSmtpDefers) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(GetParam(), First(1, {"SSH-2.0-OpenSSH_9.2"}));
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred ProtocolErrors connect"));
  EXPECT_EQ(receiver.open(), 0u);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred ProtocolErrors connect", "attempt 2", "delivered 250 BDAT"));
}

// ---- MAIL ----

class Mail : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  Receiver& Serve(Scenario& scenario, const std::string& domain) {
    Receiver& receiver = scenario.Serve(domain);
    receiver.extensions = GetParam();
    return receiver;
  }
};

INSTANTIATE_TEST_SUITE_P(Verdicts, Mail,
                         testing::Values(std::vector<std::string>{"PIPELINING", "CHUNKING"},
                                         std::vector<std::string>{"PIPELINING"}, std::vector<std::string>{}),
                         [](const auto& param) {
                           return std::string(param.param.size() == 2   ? "WithContent"
                                              : param.param.size() == 1 ? "OfAGroup"
                                                                        : "Alone");
                         });

TEST_P(Mail, RefusedForNowDefersAndTheSessionGoesOn) {
  Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(Point::kMail, First(1, {"451 4.3.0 Local trouble"}));
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_THAT(receiver.connections(), SizeIs(1));
  EXPECT_EQ(scenario.CountLast("deferred TransientFailure 451 4.3.0 MAIL"), 1u);
  EXPECT_EQ(scenario.CountLast("delivered"), 1u);
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
}

TEST_P(Mail, RefusedForGoodHoldsAndSuspendsTheSiteForOneHour) {
  Scenario scenario({.addresses = {kA, kOther}});
  Receiver& receiver = Serve(scenario, "one.example");
  Receiver& other = Serve(scenario, "other.example");
  receiver.At(Point::kMail, First(2, {"554 5.7.1 Not from you"}));
  scenario.RunFor(Duration::Minutes(59));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "held PolicyRelated 554 5.7.1 MAIL"));
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Suspensions(), Each(AllOf(Field(&Scenario::Suspended::for_s, 3600),
                                                 Field(&Scenario::Suspended::sample, "554 5.7.1 Not from you"))));
  EXPECT_THAT(scenario.Story(kA),
              ElementsAre("attempt 1", "held PolicyRelated 554 5.7.1 MAIL", "attempt 1",
                          "held PolicyRelated 554 5.7.1 MAIL", "attempt 1", StartsWith("delivered")));
  EXPECT_THAT(scenario.Times(kA),
              ElementsAre(0, 0, AllOf(Ge(3600), Le(3605)), testing::_, AllOf(Ge(7200), Le(7210)), testing::_));
}

TEST_P(Mail, AnInvalidSenderPausesTheCampaign) {
  Scenario scenario({.addresses = {kA}});
  Serve(scenario, "one.example").At(Point::kMail, "550 5.1.8 Sender address does not exist");
  EXPECT_FALSE(scenario.Finish());
  EXPECT_THAT(scenario.Pauses(), ElementsAre(AllOf(StartsWith("sender: "), HasSubstr("550 5.1.8 Sender address"))));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "held InvalidSender 550 5.1.8 MAIL"));
}

TEST_P(Mail, TheSameRefusalAtThreeSitesPausesTheCampaignAndAtTwoDoesNot) {
  for (const int sites : {2, 3}) {
    Scenario scenario({.addresses = {"a@d0.example", "a@d1.example", "a@d2.example"}});
    for (int i = 0; i < 3; ++i) {
      Receiver& receiver = Serve(scenario, absl::StrFormat("d%d.example", i));
      receiver.At(Point::kMail, i < sites ? "554 5.7.1 Not from you" : "554 5.7.1 No thanks");
    }
    scenario.RunFor(Duration::Minutes(50));
    EXPECT_EQ(scenario.CountLast("held PolicyRelated 554 5.7.1 MAIL"), 3u);
    EXPECT_THAT(scenario.Pauses(), SizeIs(sites - 2));
    EXPECT_THAT(scenario.Pauses(), Each(AllOf(StartsWith("sender: "), HasSubstr("Not from you"))));
  }
}

// ---- 421 ----

struct Place {
  const char* name;
  Point point;
  std::vector<std::string> extensions;
  const char* command;
};

void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }

class Goodbye : public testing::TestWithParam<Place> {};

INSTANTIATE_TEST_SUITE_P(Verdicts, Goodbye,
                         testing::Values(Place{"Mail", Point::kMail, {"PIPELINING", "CHUNKING"}, "MAIL"},
                                         Place{"MailAlone", Point::kMail, {}, "MAIL"},
                                         Place{"Rcpt", Point::kRcpt, {"PIPELINING", "CHUNKING"}, "RCPT"},
                                         Place{"RcptAlone", Point::kRcpt, {}, "RCPT"},
                                         Place{"Data", Point::kData, {"PIPELINING"}, "DATA"},
                                         Place{"Dot", Point::kContent, {"PIPELINING"}, "."},
                                         Place{"Bdat", Point::kContent, {"PIPELINING", "CHUNKING"}, "BDAT"}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(Goodbye, InATransactionDefersAndClosesTheSession) {
  for (const Answer::Then then : {Answer::Then::kGoOn, Answer::Then::kFin}) {
    Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = GetParam().extensions;
    receiver.At(GetParam().point, First(1, {"421 4.3.2 Shutting down", then}));
    scenario.RunFor(Duration::Seconds(50));
    EXPECT_THAT(receiver.connections(), SizeIs(2));
    EXPECT_LE(receiver.open(), 1u);
    EXPECT_EQ(scenario.CountLast(absl::StrFormat("deferred TransientFailure 421 4.3.2 %s", GetParam().command)), 1u);
    EXPECT_EQ(scenario.CountLast("delivered"), 1u);
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(2));
    EXPECT_EQ(scenario.CountLast("delivered"), 2u);
  }
}

TEST_P(Goodbye, ShrinksTheWindow) {
  Scenario scenario({.addresses = Many(100)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.extensions = GetParam().extensions;
  receiver.At(GetParam().point, Always({"421 4.3.2 Shutting down", Answer::Then::kFin}));
  for (int i = 0; i < 1000 && scenario.CountLast("deferred TransientFailure 421") < 3; ++i)
    scenario.RunFor(Duration::Milliseconds(5));
  EXPECT_GE(scenario.CountLast("deferred TransientFailure 421"), 3u);
  EXPECT_LE(scenario.MostConnections(receiver), 2u);
}

TEST(Goodbye, BetweenTransactionsCostsNothing) {
  Scenario scenario({.addresses = Many(6), .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, Always({"250 ok\r\n421 4.4.2 Enough", Answer::Then::kFin}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(6));
  for (const std::string& address : Many(6))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(Goodbye, ToRsetCostsNothing) {
  Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"550 5.1.1 No such user here"}));
  receiver.At(Point::kRset, First(1, {"421 4.3.2 Shutting down", Answer::Then::kFin}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced InvalidRecipient"), 1u);
  EXPECT_THAT(receiver.accepted(), SizeIs(1));
  for (const std::string& line : scenario.Story(receiver.accepted().front()))
    EXPECT_THAT(line, testing::AnyOf("attempt 1", StartsWith("held TransientFailure 421"), "delivered 250 BDAT"));
}

// A server that allows one message per connection, in all the ways to say so.
TEST(Goodbye, AStatedLimitOfTheConnectionCostsNothing) {
  for (const std::string reply :
       {"421 4.7.0 Max message per connection reached, closing", "452 4.7.0 Too many messages per connection"}) {
    Scenario scenario({.addresses = Many(30)});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(Point::kMail, [reply](const Question& question) {
      return question.message > 1 ? std::optional(Answer{reply}) : std::nullopt;
    });
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(30));
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
    for (const std::string& address : Many(30)) {
      EXPECT_THAT(scenario.Story(address),
                  Each(testing::AnyOf("attempt 1", StartsWith("held TransientFailure 4"), "delivered 250 BDAT")));
      EXPECT_THAT(scenario.Times(address), Each(Le(60)));
    }
  }
}

// What EHLO said last is remembered: as many connections are opened as the messages that wait will need.
TEST(Limits, AMailMaxOpensMoreSessions) {
  for (const bool limited : {true, false}) {
    Scenario scenario({.addresses = Many(64)});
    Receiver& receiver = scenario.Serve("one.example");
    if (limited) receiver.extensions.push_back("LIMITS MAILMAX=2");
    receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(1)}));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(receiver.open_max() >= 8, limited) << receiver.open_max();
    EXPECT_EQ(scenario.CountLast("delivered"), 64u);
  }
}

TEST(Goodbye, AsAGreetingBesideSessionsThatWorkSuspendsNothing) {
  Scenario scenario({.addresses = Many(40)});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kGreeting, [&receiver](const Question&) {
    const bool too_many = receiver.open() > 1;
    return too_many ? std::optional(Answer{"421 4.7.0 Too many connections", Answer::Then::kFin}) : std::nullopt;
  });
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(1)}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(40));
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
  EXPECT_LE(receiver.connections().size(), 20u);  // It is not knocked at over and over.
  for (const std::string& address : Many(40))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(Garbage, AllRepliesWithTheGreetingDeferAndAreNotAskedForOverAndOver) {
  Scenario scenario(
      {.addresses = Many(10), .shaping = "[\"default\"]\nconsecutive_connection_failures_before_delay = 3\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kGreeting, "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n221 bye");
  scenario.RunFor(Duration::Seconds(50));
  EXPECT_LE(receiver.connections().size(), 10u);
  EXPECT_EQ(scenario.CountLast("deferred"), 10u);
  receiver.Forget();
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(10));
}

// Rows are checked when the campaign is prepared. What cannot be made all the same is nobody's bounce.
TEST(Rendering, AMessageThatCannotBeMadeIsHeldAndPausesTheCampaign) {
  constexpr char kBad[] = "\"no sender\"@one.example";
  for (const std::uint32_t shards : {1u, 3u}) {
    std::vector<std::string> addresses = Many(20);
    addresses.insert(addresses.begin() + 10, kBad);
    Scenario scenario({.addresses = addresses, .sender = "{{email}}", .shards = shards});
    Receiver& receiver = scenario.Serve("one.example");
    EXPECT_FALSE(scenario.Finish());
    EXPECT_THAT(scenario.Pauses(),
                ElementsAre(StartsWith("message: the message of row 11 cannot be made: the envelope sender ")));
    EXPECT_THAT(scenario.Story(kBad), IsEmpty());
    EXPECT_EQ(scenario.CountLast("bounced"), 0u);
    EXPECT_EQ(scenario.CountLast("delivered"), receiver.accepted().size());
    scenario.Restart();  // Nothing has changed: it pauses again, at the latest when nobody else is left.
    EXPECT_FALSE(scenario.Finish());
    EXPECT_THAT(scenario.Story(kBad), IsEmpty());
    EXPECT_EQ(scenario.CountLast("bounced"), 0u);
    auto list = std::make_shared<campaign::Suppression>();
    ASSERT_TRUE(list->Add(kBad, "stop.txt").ok());
    list->Seal();
    const auto lists = std::make_shared<campaign::SuppressionLists>();
    lists->Add(std::move(list));
    scenario.job().suppression = lists;
    scenario.Restart();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Last(kBad), StartsWith("withdrawn"));
    EXPECT_EQ(scenario.CountLast("delivered"), 20u);
  }
}

}  // namespace
}  // namespace sim
