// What the whole shard makes of replies to RCPT, DATA and the message. One test for each row of the verdicts' second
// section, at each point where such a reply may come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

// A reply to RCPT or to the message, by what the server offers.
struct Phase {
  const char* name;
  Point point;
  std::vector<std::string> extensions;
  const char* command;  // As the ledger names it.
};
void PrintTo(const Phase& phase, std::ostream* out) { *out << phase.name; }

class Reply : public testing::TestWithParam<Phase> {
 protected:
  Receiver& Serve(Scenario& scenario, const std::string& domain) {
    Receiver& receiver = scenario.Serve(domain);
    receiver.extensions = GetParam().extensions;
    return receiver;
  }
  void Answers(Receiver& receiver, std::string reply) { receiver.At(GetParam().point, std::move(reply)); }
  // A line of the story: "KIND WHAT COMMAND".
  std::string Line(std::string_view what) { return absl::StrFormat("%s %s", what, GetParam().command); }
};

INSTANTIATE_TEST_SUITE_P(Verdicts, Reply,
                         testing::Values(Phase{"RcptOfAGroup", Point::kRcpt, {"PIPELINING", "CHUNKING"}, "RCPT"},
                                         Phase{"RcptBeforeData", Point::kRcpt, {"PIPELINING"}, "RCPT"},
                                         Phase{"RcptAlone", Point::kRcpt, {}, "RCPT"},
                                         Phase{"DataOfAGroup", Point::kData, {"PIPELINING"}, "DATA"},
                                         Phase{"DataAlone", Point::kData, {}, "DATA"},
                                         Phase{"Dot", Point::kContent, {}, "."},
                                         Phase{"BdatOfAGroup", Point::kContent, {"PIPELINING", "CHUNKING"}, "BDAT"},
                                         Phase{"BdatAlone", Point::kContent, {"CHUNKING"}, "BDAT"}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(Reply, ARecipientsOwnFaultBouncesItAndNobodyElse) {
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {"550 5.1.1 No such user here", "InvalidRecipient 550 5.1.1"},
      {"550 5.2.1 Mailbox disabled", "InactiveMailbox 550 5.2.1"},
      {"550 5.1.2 No such domain", "BadDomain 550 5.1.2"},
      {"552 5.2.2 Mailbox full", "QuotaIssues 552 5.2.2"}};
  std::vector<std::string> addresses = {kA};
  for (std::size_t i = 0; i < refusals.size(); ++i) addresses.push_back(absl::StrFormat("r%d@one.example", i));
  Scenario scenario({.addresses = addresses});
  Receiver& receiver = Serve(scenario, "one.example");
  for (std::size_t i = 0; i < refusals.size(); ++i)
    receiver.At(GetParam().point, For(addresses[i + 1], {refusals[i].first}));
  EXPECT_TRUE(scenario.Finish());
  for (std::size_t i = 0; i < refusals.size(); ++i)
    EXPECT_THAT(scenario.Story(addresses[i + 1]), ElementsAre("attempt 1", Line("bounced " + refusals[i].second)));
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
  EXPECT_THAT(scenario.Times(kA), Each(Le(1)));
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
}

TEST_P(Reply, SpamBlockHoldsAndSuspendsTheSiteForOneHourDoublingToTwelve) {
  for (const auto& [reply, what] : {std::pair("554 5.7.1 Blocked, see spamhaus.example", "SpamBlock 554 5.7.1"),
                                    std::pair("550 5.7.1 Our rate limit was exceeded", "RateLimited 550 5.7.1")}) {
    Scenario scenario({.addresses = {kA, kB, kOther}, .shaping = kOneSession});
    Receiver& receiver = Serve(scenario, "one.example");
    Receiver& other = Serve(scenario, "other.example");
    Answers(receiver, reply);
    scenario.RunFor(Duration::Hours(38));
    EXPECT_THAT(other.accepted(), ElementsAre(kOther));
    const std::vector<Scenario::Suspended> suspensions = scenario.Suspensions();
    ASSERT_THAT(suspensions, SizeIs(6));
    std::int64_t expected = 3600, at = 0;
    for (const Scenario::Suspended& suspension : suspensions) {
      EXPECT_EQ(suspension.for_s, std::min<std::int64_t>(expected, 12 * 3600));
      EXPECT_THAT(suspension.at_s, AllOf(Ge(at), Le(at + 5)));  // Who is held comes as soon as it is over.
      EXPECT_EQ(suspension.sample, reply);
      EXPECT_THAT(what, StartsWith(suspension.reason));
      at = suspension.at_s + suspension.for_s;
      expected *= 2;
    }
    std::vector<std::string> both = scenario.Story(kA);
    for (const std::string& line : scenario.Story(kB)) both.push_back(line);
    EXPECT_THAT(both, Each(testing::AnyOf("attempt 1", Line(absl::StrFormat("held %s", what)))));
  }
}

TEST_P(Reply, AfterADeliveryASuspensionIsOneHourAgain) {
  Scenario scenario({.addresses = {kA, kB}, .shaping = kOneSession});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(GetParam().point, [](const Question& question) -> std::optional<Answer> {
    if (question.time == 3 || question.time > 4) return std::nullopt;
    return Answer{"554 5.7.1 Blocked, see spamhaus.example"};
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Suspensions(),
              ElementsAre(Field(&Scenario::Suspended::for_s, 3600), Field(&Scenario::Suspended::for_s, 7200),
                          Field(&Scenario::Suspended::for_s, 3600)));
  EXPECT_THAT(receiver.accepted(), SizeIs(2));
}

TEST_P(Reply, AuthenticationFailedHoldsAndAtFiveTheCampaignPauses) {
  for (const auto& [reply, what] : {std::pair("550 5.7.26 This mail is unauthenticated", "550 5.7.26"),
                                    std::pair("451 4.7.26 This mail is unauthenticated", "451 4.7.26")}) {
    std::vector<std::string> addresses;
    for (int i = 0; i < 4; ++i) addresses.push_back(absl::StrFormat("a@d%d.example", i));
    Scenario scenario({.addresses = addresses});
    for (int i = 0; i < 4; ++i) Answers(Serve(scenario, absl::StrFormat("d%d.example", i)), reply);
    scenario.RunFor(Duration::Seconds(30));  // Before the first retry: nobody is suspended, a budget counts.
    EXPECT_THAT(scenario.Pauses(), IsEmpty());
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
    for (const std::string& address : addresses) {
      EXPECT_THAT(scenario.Story(address),
                  ElementsAre("attempt 1", Line(absl::StrFormat("held AuthenticationFailed %s", what))));
    }
    EXPECT_FALSE(scenario.Finish());  // The next one is the fifth.
    EXPECT_THAT(scenario.Pauses(), ElementsAre(AllOf(StartsWith("auth: "), HasSubstr(reply))));
    EXPECT_EQ(scenario.CountLast("bounced"), 0u);
  }
}

TEST_P(Reply, SpamContentHoldsAndBouncesNobody) {
  Scenario scenario({.addresses = {kA, kOther}});
  Answers(Serve(scenario, "one.example"), "550 5.7.1 Listed at spamhaus DBL");
  Receiver& other = Serve(scenario, "other.example");
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", Line("held SpamContent 550 5.7.1")));
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
}

// ---- the breaker ----

struct Refusal {
  const char* reply;
  const char* what;
};
constexpr Refusal kBreakerReplies[] = {{"554 5.7.1 Not from you", "PolicyRelated 554 5.7.1"},
                                       {"550 5.4.6 A routing loop", "RoutingErrors 550 5.4.6"},
                                       {"501 5.5.4 Bad arguments", "ProtocolErrors 501 5.5.4"},
                                       {"554 Transaction failed", "Unclassified 554"}};

TEST_P(Reply, TheSameRefusalForTenInARowOpensTheBreakerAndHoldsAllAfterTheThird) {
  for (const Refusal& refusal : kBreakerReplies) {
    std::vector<std::string> addresses = Many(30);
    addresses.push_back(kOther);
    Scenario scenario({.addresses = addresses, .shaping = kOneSession});
    Receiver& receiver = Serve(scenario, "one.example");
    Receiver& other = Serve(scenario, "other.example");
    Answers(receiver, refusal.reply);
    scenario.RunFor(Duration::Minutes(59));
    EXPECT_EQ(scenario.CountLast(Line(absl::StrFormat("bounced %s", refusal.what))), 3u) << refusal.reply;
    EXPECT_EQ(scenario.CountLast(Line(absl::StrFormat("held %s", refusal.what))), 7u);
    EXPECT_EQ(receiver.CountOf("RCPT"), 10u);  // Nobody else was tried.
    EXPECT_THAT(scenario.Suspensions(), ElementsAre(AllOf(Field(&Scenario::Suspended::for_s, 3600),
                                                          Field(&Scenario::Suspended::sample, refusal.reply))));
    EXPECT_THAT(other.accepted(), ElementsAre(kOther));
    receiver.Forget();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(27));  // Those that were held among them, at their first attempt.
    for (const std::string& address : Many(30))
      EXPECT_THAT(scenario.Story(address), Each(testing::Not(StartsWith("attempt 2"))));
  }
}

TEST_P(Reply, AfterOneHourTheOpenBreakerIsAskedOnceAndOpensForTwo) {
  Scenario scenario({.addresses = Many(30), .shaping = kOneSession});
  Receiver& receiver = Serve(scenario, "one.example");
  Answers(receiver, "554 5.7.1 Not from you");
  scenario.RunFor(Duration::Hours(2));
  EXPECT_EQ(receiver.CountOf("RCPT"), 11u);
  EXPECT_EQ(scenario.CountLast("bounced"), 3u);
  EXPECT_THAT(scenario.Suspensions(),
              ElementsAre(Field(&Scenario::Suspended::for_s, 3600), Field(&Scenario::Suspended::for_s, 7200)));
}

TEST_P(Reply, RefusalsWithADeliveryBetweenBounceAndOpenNoBreaker) {
  Scenario scenario({.addresses = Many(30), .shaping = kOneSession});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(GetParam().point, [](const Question& question) {
    return question.time % 4 != 0 ? std::optional(Answer{"554 5.7.1 Not from you"}) : std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced PolicyRelated"), 23u);
  EXPECT_EQ(scenario.CountLast("delivered"), 7u);
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
}

TEST_P(Reply, RefusalsWithDifferentWordsBounceAndOpenNoBreaker) {
  Scenario scenario({.addresses = Many(20), .shaping = kOneSession});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(GetParam().point, [](const Question& question) {
    return Answer{question.time % 2 == 0 ? "554 5.7.1 Not from you" : "554 5.7.1 No thanks"};
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced PolicyRelated"), 20u);
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
}

// ---- temporary refusals ----

TEST_P(Reply, ThrottleTextsDefer) {
  Scenario scenario({.addresses = Many(10)});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(GetParam().point, First(5, {"451 4.7.1 Our rate limit was exceeded"}));
  EXPECT_TRUE(scenario.Finish());
  int deferred = 0;
  for (const std::string& address : Many(10)) {
    const std::vector<std::string> story = scenario.Story(address);
    if (story.size() == 2) continue;
    ++deferred;
    EXPECT_THAT(story, ElementsAre("attempt 1", Line("deferred RateLimited 451 4.7.1"), "attempt 2",
                                   StartsWith("delivered 250")));
    EXPECT_THAT(scenario.Times(address)[2], AllOf(Ge(60), Le(69)));
  }
  EXPECT_EQ(deferred, 5);
  EXPECT_THAT(scenario.Suspensions(), IsEmpty());
}

TEST_P(Reply, ThrottleTextsShrinkTheWindow) {
  Scenario scenario({.addresses = Many(100)});
  Receiver& receiver = Serve(scenario, "one.example");
  Answers(receiver, "451 4.7.1 Our rate limit was exceeded");
  for (int i = 0; i < 1000 && scenario.CountLast("deferred RateLimited") < 3; ++i)
    scenario.RunFor(Duration::Milliseconds(5));
  EXPECT_GE(scenario.CountLast("deferred RateLimited"), 3u);
  EXPECT_LE(scenario.MostConnections(receiver), 2u);
}

TEST_P(Reply, AThrottleTextThatNamesADurationSuspendsForSoLong) {
  for (const auto& [reply, seconds] :
       {std::pair("451 4.7.1 Rate limit, try again in 600 seconds", 600),
        std::pair("451 4.7.1 Rate limit, try again in 15 minutes", 900), std::pair("451 4.7.0 [TSS04] Deferred", 7200),
        std::pair("451 4.7.650 The mail server was throttled (S775)", 1800)}) {
    Scenario scenario({.addresses = {kA, kB, kOther}, .shaping = kOneSession});
    Receiver& receiver = Serve(scenario, "one.example");
    Receiver& other = Serve(scenario, "other.example");
    receiver.At(GetParam().point, First(1, {reply}));
    scenario.RunFor(Duration::Seconds(seconds - 5));
    EXPECT_EQ(receiver.CountOf("RCPT"), 1u) << reply;
    EXPECT_THAT(scenario.Suspensions(), ElementsAre(AllOf(Field(&Scenario::Suspended::for_s, seconds),
                                                          Field(&Scenario::Suspended::sample, reply))));
    EXPECT_EQ(scenario.CountLast(Line("deferred RateLimited 451")), 0u);  // The line has the enhanced code, too.
    EXPECT_EQ(scenario.CountLast("deferred RateLimited 451"), 1u);
    EXPECT_THAT(other.accepted(), ElementsAre(kOther));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(2));
  }
}

TEST_P(Reply, RecipientLevelAndOtherTemporaryRefusalsDeferAndChangeNothingElse) {
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {"450 4.2.1 The user is receiving mail too quickly", "TransientFailure 450 4.2.1"},
      {"452 4.2.2 Mailbox full", "QuotaIssues 452 4.2.2"},
      {"451 4.7.1 Greylisted, please come back", "TransientFailure 451 4.7.1"},
      {"451 4.3.0 Local trouble", "TransientFailure 451 4.3.0"},
      {"450 Later", "TransientFailure 450"}};
  for (const auto& [reply, what] : refusals) {
    Scenario scenario({.addresses = Many(30)});
    Receiver& receiver = Serve(scenario, "one.example");
    receiver.At(GetParam().point, First(5, {reply}));
    scenario.RunFor(Duration::Seconds(2));
    EXPECT_EQ(scenario.CountLast(Line("deferred " + what)), 5u);
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(30));
    EXPECT_THAT(scenario.Suspensions(), IsEmpty());
  }
}

TEST_P(Reply, SuchRefusalsNeverMoveTheWindow) {
  Scenario scenario({.addresses = Many(100)});
  Receiver& receiver = Serve(scenario, "one.example");
  Answers(receiver, "450 4.2.1 The user is receiving mail too quickly");
  for (int i = 0; i < 1000 && scenario.CountLast("deferred TransientFailure") < 3; ++i)
    scenario.RunFor(Duration::Milliseconds(5));
  EXPECT_GE(scenario.CountLast("deferred TransientFailure"), 3u);
  EXPECT_EQ(scenario.MostConnections(receiver), 5u);
}

TEST_P(Reply, ATemporaryRefusalComesBackByTheRetryPlan) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = Serve(scenario, "one.example");
  receiver.At(GetParam().point, First(3, {"451 4.3.0 Local trouble"}));
  EXPECT_TRUE(scenario.Finish());
  const std::string deferred = Line("deferred TransientFailure 451 4.3.0");
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", deferred, "attempt 2", deferred, "attempt 3", deferred,
                                              "attempt 4", StartsWith("delivered 250")));
  const std::vector<std::int64_t> times = scenario.Times(kA);
  EXPECT_THAT(times[2], AllOf(Ge(60), Le(69)));
  EXPECT_THAT(times[4] - times[2], AllOf(Ge(300), Le(340)));
  EXPECT_THAT(times[6] - times[4], AllOf(Ge(1800), Le(2030)));
}

// Another source's mail to the same site goes on.
TEST_P(Reply, ASuspensionIsOfOneSourceAtOneSite) {
  Scenario scenario({.addresses = Many(20)});
  scenario.UseTwoSources();
  Receiver& receiver = Serve(scenario, "one.example");
  const base::IpAddress blocked = *scenario.job().sources[0].address;
  receiver.At(GetParam().point, [blocked](const Question& question) {
    return question.client == blocked ? std::optional(Answer{"554 5.7.1 Blocked, see spamhaus.example"}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(50));
  EXPECT_THAT(scenario.Suspensions(), ElementsAre(Field(&Scenario::Suspended::source, "one")));
  EXPECT_GE(receiver.accepted().size(), 4u);
  EXPECT_EQ(scenario.CountLast("delivered"), receiver.accepted().size());
  EXPECT_EQ(scenario.CountLast("bounced"), 0u);
}

}  // namespace
}  // namespace sim
