// What the whole shard makes of what happens before a connection stands: DNS, routing, connecting, binding, and what a
// server does not offer. One test for each row of the verdicts' first section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

// The retry plan's first interval is 60 s, spread by up to an eighth.
auto IsFirstInterval() { return AllOf(Ge(60), Le(69)); }

// ---- the DNS ----

TEST(BeforeAConnection, NullMxBounces) {
  Scenario scenario({.addresses = {kA, kOther}});
  scenario.names().SetMx("one.example", {""});
  Receiver& other = scenario.Serve("other.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("bounced BadDomain 5.1.10 dns"));
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
}

TEST(BeforeAConnection, ADomainThatTwiceDoesNotExistIsDeferredOnceThenBounces) {
  Scenario scenario({.addresses = {kA}});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred BadDomain dns", "bounced BadDomain 5.1.2 dns"));
  EXPECT_THAT(scenario.Times(kA), ElementsAre(0, IsFirstInterval()));
}

TEST(BeforeAConnection, ADomainThatExistsTheSecondTimeGetsItsMail) {
  Scenario scenario({.addresses = {kA}});
  scenario.RunFor(Duration::Seconds(30));
  scenario.Serve("one.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred BadDomain dns", "attempt 2", "delivered 250 BDAT"));
}

TEST(BeforeAConnection, ADomainWithoutMxAndAddressIsDeferredOnceThenBounces) {
  Scenario scenario({.addresses = {kA}});
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kNoData);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred BadDomain dns", "bounced BadDomain 5.1.2 dns"));
  EXPECT_THAT(scenario.Times(kA), ElementsAre(0, IsFirstInterval()));
}

TEST(BeforeAConnection, WithoutAnMxTheDomainItselfTakesTheMail) {
  Scenario scenario({.addresses = {kA}});
  Receiver& itself = scenario.AddReceiver("one.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(itself.accepted(), ElementsAre(kA));
}

std::vector<std::string> OneInEach(int domains) {
  std::vector<std::string> addresses;
  for (int i = 0; i < domains; ++i) addresses.push_back(absl::StrFormat("a@d%d.example", i));
  return addresses;
}

TEST(BeforeAConnection, WhereMostDomainsDoNotExistTheResolverIsSuspectAndNobodyBounces) {
  Scenario scenario({.addresses = OneInEach(200)});
  EXPECT_FALSE(scenario.Finish());
  EXPECT_THAT(scenario.Pauses(), ElementsAre(AllOf(HasSubstr("resolver-suspect: "), HasSubstr("resolver suspect"))));
  scenario.RunFor(Duration::Hours(1));
  EXPECT_EQ(scenario.CountLast("bounced"), 0u);
}

TEST(BeforeAConnection, AFewDomainsThatDoNotExistAreNoReasonToSuspectTheResolver) {
  std::vector<std::string> addresses = OneInEach(10);
  for (int i = 0; i < 50; ++i) addresses.push_back(absl::StrFormat("a@well%d.example", i));
  Scenario scenario({.addresses = addresses});
  for (int i = 0; i < 50; ++i) scenario.Serve(absl::StrFormat("well%d.example", i));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced BadDomain"), 10u);
  EXPECT_EQ(scenario.CountLast("delivered"), 50u);
}

TEST(BeforeAConnection, OfASmallCampaignMoreThanTenMakeTheResolverSuspectWhateverTheirSource) {
  Scenario scenario({.addresses = OneInEach(11)});
  scenario.UseTwoSources();
  EXPECT_FALSE(scenario.Finish());
  EXPECT_THAT(scenario.Pauses(), ElementsAre(HasSubstr("resolver suspect: 11 of the first 11 domains")));
  EXPECT_EQ(scenario.CountLast("bounced"), 0u);
}

class WithoutAnswer : public testing::TestWithParam<dns::AnswerKind> {};

TEST_P(WithoutAnswer, RecipientsAreHeldAndTheDnsIsAskedAgainWithBackOff) {
  Scenario scenario({.addresses = {kA, kOther}});
  Receiver& receiver = scenario.Serve("one.example");
  Receiver& other = scenario.Serve("other.example");
  scenario.names().SetAnswer("one.example", GetParam());
  scenario.RunFor(Duration::Hours(5 * 24));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());  // Not even expired after max_age: it was never attempted.
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
  EXPECT_EQ(scenario.log().CountOf("DNS gives no answer for one.example"), 1u);
  const std::vector<base::Instant>& asked = scenario.names().AskedAt("one.example");
  ASSERT_GT(asked.size(), 10u);
  for (std::size_t i = 1; i < asked.size(); ++i) {
    const std::int64_t expected = std::min<std::int64_t>(15ll << std::min<std::size_t>(i - 1, 10), 900);
    EXPECT_NEAR(static_cast<double>((asked[i] - asked[i - 1]).milliseconds()), static_cast<double>(expected) * 1000,
                7000);
  }
  scenario.names().SetAnswer("one.example", dns::AnswerKind::kFound);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
}

TEST_P(WithoutAnswer, ForTheHostTheyAreHeldToo) {
  Scenario scenario({.addresses = {kA}});
  scenario.Serve("one.example");
  scenario.names().SetAnswer("mx.one.example", GetParam());
  scenario.RunFor(Duration::Hours(5 * 24));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  EXPECT_EQ(scenario.log().CountOf("DNS gives no answer for the mail exchanger mx.one.example"), 1u);
  const std::vector<base::Instant>& asked = scenario.names().AddressesAskedAt("mx.one.example");
  ASSERT_GT(asked.size(), 10u);
  for (std::size_t i = 1; i < asked.size(); ++i) {
    const std::int64_t expected = std::min<std::int64_t>(30ll << std::min<std::size_t>(i - 1, 10), 900);
    EXPECT_NEAR(static_cast<double>((asked[i] - asked[i - 1]).milliseconds()), static_cast<double>(expected) * 1000,
                7000);
  }
  scenario.names().SetAnswer("mx.one.example", dns::AnswerKind::kFound);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

INSTANTIATE_TEST_SUITE_P(BeforeAConnection, WithoutAnswer,
                         testing::Values(dns::AnswerKind::kServerFail, dns::AnswerKind::kTimeout),
                         [](const auto& param) {
                           return std::string(param.param == dns::AnswerKind::kTimeout ? "Timeout" : "ServFail");
                         });

// ---- connections ----

enum class Failure { kRefused, kSilent, kReset };

class Unreachable : public testing::TestWithParam<Failure> {
 protected:
  static void Fail(Scenario& scenario, Receiver& receiver) {
    if (GetParam() == Failure::kRefused) scenario.network().SetFate(receiver.address(), Network::Fate::kRefused);
    if (GetParam() == Failure::kSilent) scenario.network().SetFate(receiver.address(), Network::Fate::kSilent);
    receiver.resets_connections = GetParam() == Failure::kReset;
  }
  static void Mend(Scenario& scenario, Receiver& receiver) {
    scenario.network().SetFate(receiver.address(), Network::Fate::kReachable);
    receiver.resets_connections = false;
  }
};

constexpr char kImpatient[] = "[\"default\"]\nconsecutive_connection_failures_before_delay = 1\n";

TEST_P(Unreachable, AtEveryAddressOfEveryMxDefersAndTheNextAttemptCounts) {
  Scenario scenario({.addresses = {kA, kOther}, .shaping = kImpatient});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  Receiver& third = scenario.AddReceiver("mx3.one.example");
  scenario.names().SetAddresses("mx2.one.example", {second.address(), third.address()});
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  Receiver& other = scenario.Serve("other.example");
  for (Receiver* receiver : {&first, &second, &third}) Fail(scenario, *receiver);
  scenario.RunFor(Duration::Minutes(4));
  EXPECT_THAT(scenario.Story(kA), AllOf(SizeIs(Ge(1u)), testing::Each("deferred NoAnswerFromHost connect")));
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
  if (GetParam() == Failure::kReset) {  // The others leave no trace at the receiver.
    EXPECT_EQ(first.connections().size(), second.connections().size());
    EXPECT_EQ(first.connections().size(), third.connections().size());
  }
  Mend(scenario, third);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(third.accepted(), ElementsAre(kA));
  const std::vector<std::string> story = scenario.Story(kA);
  EXPECT_EQ(story[story.size() - 2], absl::StrFormat("attempt %d", story.size() - 1));
}

TEST_P(Unreachable, AtOneMxTakesTheNextOneAndCostsNothing) {
  Scenario scenario({.addresses = {kA}, .shaping = kImpatient});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  Fail(scenario, first);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(second.accepted(), ElementsAre(kA));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

INSTANTIATE_TEST_SUITE_P(BeforeAConnection, Unreachable,
                         testing::Values(Failure::kRefused, Failure::kSilent, Failure::kReset), [](const auto& param) {
                           return std::string(param.param == Failure::kRefused  ? "Refused"
                                              : param.param == Failure::kSilent ? "Silent"
                                                                                : "Reset");
                         });

TEST(BeforeAConnection, AfterSoManyFailedConnectionsTheSiteWaits) {
  Scenario scenario(
      {.addresses = Many(10),
       .shaping = "[\"default\"]\nconsecutive_connection_failures_before_delay = 3\nconnection_limit = 1\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.resets_connections = true;
  scenario.RunFor(Duration::Seconds(55));
  EXPECT_THAT(receiver.connections(), SizeIs(3));
  EXPECT_EQ(scenario.CountLast("deferred NoAnswerFromHost connect"), 10u);  // The site's rest is everybody's.
  receiver.resets_connections = false;
  EXPECT_TRUE(scenario.Finish());
  EXPECT_GE((receiver.connections()[3] - receiver.connections()[2]).seconds(), 60);
  EXPECT_THAT(scenario.Story("a05@one.example"),
              ElementsAre("deferred NoAnswerFromHost connect", "attempt 2", "delivered 250 BDAT"));
}

TEST(BeforeAConnection, FailedConnectionsShrinkTheWindow) {
  Scenario well({.addresses = Many(100)});
  EXPECT_EQ(well.MostConnections(well.Serve("one.example")), 5u);

  Scenario scenario({.addresses = Many(100), .shaping = kImpatient});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.resets_connections = true;
  scenario.RunFor(Duration::Seconds(70));
  receiver.resets_connections = false;
  EXPECT_LE(scenario.MostConnections(receiver), 2u);
}

// ---- sources ----

TEST(BeforeAConnection, ASourceThatCannotBindRestsAndItsRecipientsMoveToTheNext) {
  Scenario scenario({.addresses = Many(20)});
  scenario.UseTwoSources();
  scenario.network().SetBindable(*scenario.job().sources[0].address, false);
  Receiver& receiver = scenario.Serve("one.example");
  std::vector<base::IpAddress> clients;
  receiver.At(Point::kGreeting, [&clients](const Question& question) {
    clients.push_back(question.client);
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(clients, AllOf(SizeIs(Ge(1u)), testing::Each(*scenario.job().sources[1].address)));
  for (const std::string& address : Many(20))
    EXPECT_THAT(scenario.Story(address), ElementsAre("attempt 1", "delivered 250 BDAT"));
  EXPECT_EQ(scenario.log().CountOf("source one cannot be used"), 1u);
}

// The address may come back: it is tried again, and takes over who is its own.
TEST(BeforeAConnection, ASourceThatCouldNotBindIsTriedAgain) {
  Scenario scenario({.addresses = Many(40)});
  scenario.UseTwoSources();
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Minutes(1)});
  const base::IpAddress first = *scenario.job().sources[0].address;
  scenario.network().SetBindable(first, false);
  Receiver& receiver = scenario.Serve("one.example");
  std::uint32_t from_first = 0;
  bool takes = false;
  receiver.At(Point::kRcpt, [&](const Question& question) -> std::optional<Answer> {
    from_first += question.client == first ? 1 : 0;
    return takes ? std::nullopt : std::optional(Answer{"451 4.3.0 Local trouble"});
  });
  scenario.RunFor(Duration::Minutes(25));
  EXPECT_EQ(scenario.CountLast("deferred"), 40u);
  EXPECT_EQ(scenario.log().CountOf("source one cannot be used"), 3u);
  EXPECT_EQ(from_first, 0u);
  scenario.network().SetBindable(first, true);
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_EQ(from_first, 0u) << "it rests";
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_GT(from_first, 0u);
  takes = true;
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 40u);
}

TEST(BeforeAConnection, WhereTheOnlySourceCannotBindEverybodyIsHeldUntilItCan) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().sources[0].address = base::IpAddress::V4(0x0B010001);
  scenario.network().SetBindable(*scenario.job().sources[0].address, false);
  scenario.Serve("one.example");
  scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  EXPECT_EQ(scenario.log().CountOf("it is the only one left"), 1u) << "it is told once";
  scenario.network().SetBindable(*scenario.job().sources[0].address, true);
  scenario.RunFor(Duration::Minutes(2));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

// ---- what a server does not offer ----

TEST(BeforeAConnection, WhereRequiredTlsIsOfferedByNoHostItDefers) {
  Scenario scenario({.addresses = {kA}});
  scenario.job().tls_least = {tls::Policy::Use::kAlways, tls::Policy::Verification::kNone};
  scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  second.extensions.push_back("STARTTLS");
  second.At(Point::kStartTls, "454 4.7.0 Not now");
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
  EXPECT_THAT(scenario.Times(kA), ElementsAre(0, IsFirstInterval()));
  EXPECT_EQ(second.CountOf("MAIL"), 0u);
}

TEST(BeforeAConnection, AMessageLargerThanTheAdvertisedSizeBounces) {
  Scenario scenario({.addresses = {kA, kOther}, .body_bytes = 3000});
  Receiver& receiver = scenario.Serve("one.example");
  Receiver& other = scenario.Serve("other.example");
  receiver.extensions = {"SIZE 2000", "PIPELINING"};
  other.extensions = {"SIZE 0", "PIPELINING"};  // No limit (RFC 1870 section 4).
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "bounced TooLarge MAIL"));
  EXPECT_THAT(scenario.Text(kA), HasSubstr("5.3.4"));
  EXPECT_EQ(receiver.CountOf("MAIL"), 0u);
  EXPECT_THAT(other.accepted(), ElementsAre(kOther));
}

constexpr char kUmlaut[] = "jürgen@one.example";

TEST(BeforeAConnection, AnAddressThatNeedsSmtpUtf8BouncesWhereNoHostOffersIt) {
  Scenario scenario({.addresses = {kUmlaut, kA}});
  Receiver& receiver = scenario.Serve("one.example");
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.Last(kUmlaut), "bounced PolicyRelated MAIL");
  EXPECT_THAT(scenario.Text(kUmlaut), HasSubstr("5.6.7"));
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
}

// The first host's word is not the last.
TEST(BeforeAConnection, AnAddressThatNeedsSmtpUtf8GoesToTheHostThatOffersIt) {
  for (const bool offered : {true, false}) {
    Scenario scenario({.addresses = {kUmlaut, kA, "ä@one.example", "b@one.example"}});
    Receiver& first = scenario.AddReceiver("mx1.one.example");
    Receiver& second = scenario.AddReceiver("mx2.one.example");
    scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
    if (offered) second.extensions.push_back("SMTPUTF8");
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(scenario.Last(kA), StartsWith("delivered"));
    for (const char* address : {kUmlaut, "ä@one.example"}) {
      const std::string last = scenario.Last(address);
      EXPECT_EQ(last, offered ? "delivered 250 BDAT" : "bounced PolicyRelated MAIL");
    }
    EXPECT_LE(first.connections().size() + second.connections().size(), 6u);
  }
}

// After a rest the domain is asked for its exchangers anew: the old ones are dead, or know its recipients no more.
TEST(BeforeAConnection, MailFollowsADomainWhoseExchangersHaveMoved) {
  for (const char* shaping : {"", "[\"one.example\"]\nmx_rollup = false\n"}) {
    for (const bool dead : {true, false}) {
      Scenario scenario({.addresses = {kA}, .shaping = shaping});
      Receiver& old = scenario.Serve("one.example");
      Receiver& fresh = scenario.AddReceiver("mx.two.example");
      if (dead) scenario.network().SetFate(old.address(), Network::Fate::kRefused);
      old.At(Point::kRcpt, "450 4.2.1 Later");
      scenario.RunFor(Duration::Minutes(8));  // Three attempts, and the answer's time is over.
      scenario.names().SetMx("one.example", {"mx.two.example"});
      old.At(Point::kRcpt, "550 5.1.1 No such user");
      EXPECT_TRUE(scenario.Finish());
      EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT") << shaping << dead;
      EXPECT_THAT(fresh.accepted(), ElementsAre(kA));
    }
  }
}

TEST(BeforeAConnection, WhereTheOtherHostIsDeadSmtpUtf8IsNowhereAndOtherMailGoesOn) {
  Scenario scenario({.addresses = {kUmlaut, kA, "b@one.example"}});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  scenario.AddReceiver("mx2.one.example").resets_connections = true;
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.Last(kUmlaut), "bounced PolicyRelated MAIL");
  EXPECT_EQ(first.accepted().size(), 2u);
}

}  // namespace
}  // namespace sim
