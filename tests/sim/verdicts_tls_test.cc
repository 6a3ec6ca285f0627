// The table of verdicts, section 1: what MTA-STS and DANE ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
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

constexpr char kA[] = "a@one.example";
constexpr char kOther[] = "a@other.example";

std::string Enforce(std::string_view mx) {
  return absl::StrFormat("version: STSv1\nmode: enforce\nmx: %s\nmax_age: 864000\n", mx);
}

TEST(BeforeAConnection, M06_WhereNoHostSatisfiesAnEnforcedPolicyItDefersAndOthersThereGoOn) {
  Scenario scenario({.addresses = {kA, kOther, "a@third.example"}});
  Receiver& receiver = scenario.AddReceiver("mx.one.example");
  for (const char* domain : {"one.example", "other.example", "third.example"})
    scenario.names().SetMx(domain, {"mx.one.example"});
  scenario.SetStsPolicy("one.example", "1", Enforce("mx.one.example"));  // It offers no STARTTLS.
  scenario.SetStsPolicy("third.example", "1", Enforce("*.third.example"));
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
  EXPECT_THAT(scenario.Story("a@third.example"),
              ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
  EXPECT_THAT(scenario.Text("a@third.example"), HasSubstr("names none"));
  EXPECT_THAT(receiver.accepted(), ElementsAre(kOther));
  scenario.SetStsPolicy("one.example", "2", "version: STSv1\nmode: testing\nmx: x.example\nmax_age: 864000\n");
  scenario.RunFor(Duration::Hours(2));  // Its record is asked for again before each try.
  EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT");
  EXPECT_THAT(scenario.Last("a@third.example"), StartsWith("deferred TlsRequired"));
}

// What our own cache keeps for a day is no answer to whether there is a new policy.
TEST(BeforeAConnection, M06_ANewPolicyIsSeenBeforeTheNextTryWhateverTheCacheKnows) {
  Scenario scenario({.addresses = {kA}, .dns_cache = true});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.names().ttl = Duration::Hours(24);
  scenario.SetStsPolicy("one.example", "1", Enforce("mx.one.example"));  // It offers no STARTTLS.
  scenario.RunFor(Duration::Seconds(30));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS"));
  scenario.SetStsPolicy("one.example", "2", "version: STSv1\nmode: none\nmax_age: 864000\n");
  scenario.RunFor(Duration::Minutes(5));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "attempt 2", "delivered 250 BDAT"));
  EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
}

TEST(BeforeAConnection, M06_HostsThatThePolicyDoesNotNameAreNotConnectedTo) {
  Scenario scenario({.addresses = {kA}});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  scenario.SetStsPolicy("one.example", "1", Enforce("mx2.one.example"));
  second.resets_connections = true;
  scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(scenario.Last(kA), StartsWith("deferred NoAnswerFromHost"));
  EXPECT_THAT(first.connections(), IsEmpty());
  EXPECT_THAT(second.connections(), SizeIs(Ge(2u)));
}

// What the table says of all hosts holds for those that the policy names, and for its domain alone.
TEST(BeforeAConnection, M06_WhereTheDnsIsSilentAboutNamedHostsTheirMailIsHeld) {
  Scenario scenario({.addresses = {kA, kOther}});
  scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  second.certificate = "mx2.one.example";
  for (const char* domain : {"one.example", "other.example"})
    scenario.names().SetMx(domain, {"mx1.one.example", "mx2.one.example"});
  scenario.SetStsPolicy("one.example", "1", Enforce("mx2.one.example"));
  scenario.names().SetAnswer("mx2.one.example", dns::AnswerKind::kServerFail);
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_THAT(scenario.Story(kA), IsEmpty());
  EXPECT_EQ(scenario.Last(kOther), "delivered 250 BDAT");
  scenario.names().SetAnswer("mx2.one.example", dns::AnswerKind::kFound);
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
}

TEST(BeforeAConnection, M06_WhereNamedHostsHavePrivateAddressesOnlyTheirMailBounces) {
  Scenario scenario({.addresses = {kA, kOther}});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  for (const char* domain : {"one.example", "other.example"})
    scenario.names().SetMx(domain, {"mx1.one.example", "mx2.one.example"});
  scenario.names().SetAddresses("mx2.one.example", {base::IpAddress::V4(0x0A000001)});
  scenario.SetStsPolicy("one.example", "1", Enforce("mx2.one.example"));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred RoutingErrors 4.4.4 dns", "bounced RoutingErrors 5.4.4 dns"));
  EXPECT_THAT(first.accepted(), ElementsAre(kOther));
}

// A domain whose mail exchanger has TLSA records and offers no STARTTLS.
Receiver& ServeWithTlsa(Scenario& scenario) {
  Receiver& receiver = scenario.Serve("one.example");
  scenario.names().SetTlsa("mx.one.example", std::string("\3\1\1", 3) + std::string(32, 'd'));
  for (const char* name : {"one.example", "mx.one.example", "_25._tcp.mx.one.example"})
    scenario.names().SetAuthenticated(name, true);
  return receiver;
}

TEST(BeforeAConnection, D05_AHostWithTlsaRecordsGetsNothingInClear) {
  Scenario scenario({.addresses = {kA}});
  Receiver& receiver = ServeWithTlsa(scenario);
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
  EXPECT_EQ(receiver.CountOf("MAIL"), 0u);
}

TEST(BeforeAConnection, D01_TlsaRecordsCountWhereDnssecVouchesForAllThatLeadsToThem) {
  for (const char* name : {"one.example", "mx.one.example", "_25._tcp.mx.one.example"}) {
    Scenario scenario({.addresses = {kA}});
    ServeWithTlsa(scenario);
    scenario.names().SetAuthenticated(name, false);
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT") << name;
  }
}

// M09: that a policy of MTA-STS would do says nothing.
TEST(BeforeAConnection, D02_AHostWhoseTlsaRecordsCannotBeHadIsNotConnectedTo) {
  for (const dns::AnswerKind kind : {dns::AnswerKind::kServerFail, dns::AnswerKind::kTimeout}) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = ServeWithTlsa(scenario);
    scenario.SetStsPolicy("one.example", "1", "version: STSv1\nmode: testing\nmx: mx.one.example\nmax_age: 864000\n");
    scenario.names().SetAnswer("_25._tcp.mx.one.example", kind);
    scenario.RunFor(Duration::Minutes(3));
    EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
    EXPECT_THAT(receiver.connections(), IsEmpty());
    scenario.names().SetAnswer("_25._tcp.mx.one.example", dns::AnswerKind::kNoDomain);
    EXPECT_TRUE(scenario.Finish());
    EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT");
  }
}

// RFC 7672 section 2.1.3: whoever can suppress an answer must gain nothing by it.
TEST(BeforeAConnection, D01_AnAddressQuestionWithoutAnAnswerTakesNothingFromTlsaRecords) {
  for (const dns::AnswerKind kind : {dns::AnswerKind::kServerFail, dns::AnswerKind::kTimeout}) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = scenario.AddReceiver("one.example");  // The domain itself: it has no MX.
    scenario.names().SetTlsa("one.example", std::string("\3\1\1", 3) + std::string(32, 'd'));
    for (const char* name : {"one.example", "_25._tcp.one.example"}) scenario.names().SetAuthenticated(name, true);
    scenario.names().SetAnswer("one.example", dns::RecordType::kAaaa, kind);
    scenario.RunFor(Duration::Minutes(3));
    EXPECT_THAT(scenario.Story(kA), ElementsAre("deferred TlsRequired STARTTLS", "deferred TlsRequired STARTTLS"));
    EXPECT_EQ(receiver.CountOf("MAIL"), 0u);
  }
}

// RFC 7672 section 2.2.2.
TEST(BeforeAConnection, D02_TlsaRecordsOfWhatAnAliasLeadsToHold) {
  for (const char* owner : {"real.example", "mx.one.example"}) {
    Scenario scenario({.addresses = {kA}});
    Receiver& receiver = scenario.AddReceiver("real.example");
    scenario.names().SetMx("one.example", {"mx.one.example"});
    scenario.names().SetAlias("mx.one.example", "real.example");
    scenario.names().SetTlsa(owner, std::string("\3\1\1", 3) + std::string(32, 'd'));
    for (const std::string name : {"one.example", "mx.one.example", "real.example"}) {
      scenario.names().SetAuthenticated(name, true);
      scenario.names().SetAuthenticated("_25._tcp." + name, true);
    }
    scenario.RunFor(Duration::Minutes(3));
    EXPECT_THAT(scenario.Last(kA), StartsWith("deferred TlsRequired")) << owner;
    EXPECT_EQ(receiver.CountOf("MAIL"), 0u);
  }
}

// RFC 7672 section 3.2.2 and 8.1: that name is asked for by SNI, and is the certificate's.
TEST(BeforeAConnection, D05_TheTlsaBaseDomainIsWhomTheHandshakeIsFor) {
  for (const std::string base : {"real.example", "mx.one.example"}) {
    for (const std::string certificate : {"real.example", "mx.one.example"}) {
      Scenario scenario({.addresses = {kA}});
      Receiver& receiver = scenario.AddReceiver("real.example");
      receiver.certificate = certificate;
      scenario.names().SetMx("one.example", {"mx.one.example"});
      scenario.names().SetAlias("mx.one.example", "real.example");
      scenario.names().SetTlsa(base, std::string("\2\1\1", 3) + std::string(32, 'd'));
      for (const std::string name : {"one.example", "mx.one.example", "real.example"}) {
        scenario.names().SetAuthenticated(name, true);
        scenario.names().SetAuthenticated("_25._tcp." + name, true);
      }
      scenario.RunFor(Duration::Minutes(3));
      EXPECT_THAT(scenario.Last(kA), StartsWith(certificate == base ? "delivered 250" : "deferred TlsRequired"))
          << base << " " << certificate;
    }
  }
}

TEST(BeforeAConnection, D02_TheNextHostIsTakenWhereTheRecordsOfTheFirstCannotBeHad) {
  Scenario scenario({.addresses = {kA}});
  Receiver& first = scenario.AddReceiver("mx1.one.example");
  Receiver& second = scenario.AddReceiver("mx2.one.example");
  scenario.names().SetMx("one.example", {"mx1.one.example", "mx2.one.example"});
  for (const char* name : {"one.example", "mx1.one.example", "mx2.one.example"})
    scenario.names().SetAuthenticated(name, true);
  scenario.names().SetAnswer("_25._tcp.mx1.one.example", dns::AnswerKind::kServerFail);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(first.connections(), IsEmpty());
  EXPECT_THAT(second.accepted(), ElementsAre(kA));
}

// RFC 7672 section 3.2.2: the certificate is for the name of one of the domains there, and says nothing about the
// others, however many connections they had under way.
TEST(BeforeAConnection, D07_ACertificateForAnotherDomainsNameHoldsUpThatDomainAlone) {
  std::vector<std::string> addresses = Many(30);
  addresses.emplace_back(kOther);
  Scenario scenario({.addresses = addresses});
  Receiver& receiver = scenario.AddReceiver("mx.one.example");
  receiver.certificate = "other.example";
  receiver.At(Point::kGreeting, Always({"220 hello", Answer::Then::kGoOn, Duration::Seconds(5)}));
  scenario.names().SetTlsa("mx.one.example", std::string("\2\1\1", 3) + std::string(32, 'd'));
  for (const char* domain : {"one.example", "other.example"}) {
    scenario.names().SetMx(domain, {"mx.one.example"});
    scenario.names().SetAuthenticated(domain, true);
  }
  for (const char* name : {"mx.one.example", "_25._tcp.mx.one.example"}) scenario.names().SetAuthenticated(name, true);
  scenario.names().SetAnswer("other.example", dns::AnswerKind::kServerFail);  // It comes later.
  scenario.RunFor(Duration::Minutes(1));
  scenario.names().SetAnswer("other.example", dns::AnswerKind::kFound);
  EXPECT_EQ(scenario.CountLast("deferred TlsRequired"), 30u);
  scenario.RunFor(Duration::Minutes(25));
  EXPECT_THAT(scenario.Story(kOther), Not(Contains(HasSubstr("TlsRequired"))));
  EXPECT_EQ(scenario.Last(kOther), "delivered 250 BDAT");
  EXPECT_THAT(receiver.accepted(), ElementsAre(kOther));
}

// Seconds for which it is still known that an address is to be spoken to another way, as it is kept.
std::int64_t KeptFor(const Scenario& scenario, std::string_view kind) {
  for (const auto& [source, text] : scenario.kept_limits()) {
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    for (const std::string& line : lines) {
      const std::vector<std::string> words = absl::StrSplit(line, '\t');
      if (words[0] == kind) return std::stoll(words.at(5)) / 1'000'000;
    }
  }
  return 0;
}

// Bad luck is not held against an address for days.
TEST(BeforeAConnection, AHandshakeThatOnlyEndsIsRememberedForTenMinutes) {
  for (const bool says_why : {false, true}) {
    Scenario scenario({.addresses = {kA, "b@one.example"}, .keep_limits = true});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(Point::kRcpt, For("b@one.example", {"450 4.2.1 Later"}));
    receiver.certificate = "mx.one.example";
    if (says_why) receiver.bad_handshakes = 1;
    if (!says_why) receiver.At(Point::kStartTls, First(1, {"220 go on", Answer::Then::kReset}));
    scenario.RunFor(Duration::Minutes(2));
    EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT");
    const std::int64_t rest = KeptFor(scenario, "compatible-tls");
    EXPECT_GT(rest, 0);
    EXPECT_EQ(rest > 600, says_why) << rest;
  }
}

// Whoever can end connections gets mail in clear for a minute by it, not for days.
TEST(BeforeAConnection, P18_TwoHandshakesThatOnlyEndAreFollowedByClearTextForAMinute) {
  for (const bool says_why : {false, true}) {
    Scenario scenario({.addresses = {kA, "b@one.example"}, .shaping = kOneSession, .keep_limits = true});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(Point::kRcpt, For("b@one.example", {"450 4.2.1 Later"}));
    receiver.certificate = "mx.one.example";
    if (says_why) receiver.bad_handshakes = 2;
    if (!says_why) receiver.At(Point::kStartTls, First(2, {"220 go on", Answer::Then::kReset}));
    scenario.RunFor(Duration::Seconds(30));
    EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT");
    EXPECT_EQ(receiver.CountOf("STARTTLS"), 2u);
    const std::int64_t rest = KeptFor(scenario, "broken-tls");
    EXPECT_GT(rest, 0);
    EXPECT_EQ(rest > 60, says_why) << rest;
    scenario.RunFor(Duration::Hours(1));  // The other one is tried again.
    EXPECT_THAT(scenario.Story("b@one.example"), SizeIs(Ge(4u)));
    EXPECT_EQ(receiver.CountOf("STARTTLS") > 2u, !says_why);
  }
}

// Mail to the same host under a policy that wants TLS: no memory of handshakes makes it go in clear.
TEST(BeforeAConnection, P18_WhatIsKnownOfBrokenTlsWeakensNoPolicy) {
  for (const std::string_view by : {"MTA-STS", "DANE", "Required", "RequiredInsecure"}) {
    const bool by_shaping = by.starts_with("Required");
    Scenario scenario(
        {.addresses = {kA, kOther},
         .shaping =
             by_shaping ? absl::StrFormat("[\"other.example\"]\nmx_rollup = false\nenable_tls = \"%s\"\n", by) : ""});
    Receiver& receiver = scenario.AddReceiver("mx.one.example");
    receiver.certificate = "mx.one.example";
    receiver.bad_handshakes = 1000;
    for (const char* domain : {"one.example", "other.example"}) scenario.names().SetMx(domain, {"mx.one.example"});
    if (by == "MTA-STS") scenario.SetStsPolicy("other.example", "1", Enforce("mx.one.example"));
    if (by == "DANE") {
      scenario.names().SetTlsa("mx.one.example", std::string("\2\1\1", 3) + std::string(32, 'd'));
      for (const char* name : {"other.example", "mx.one.example", "_25._tcp.mx.one.example"})
        scenario.names().SetAuthenticated(name, true);
    }
    scenario.names().SetAnswer("other.example", dns::AnswerKind::kServerFail);  // It comes later.
    scenario.RunFor(Duration::Seconds(30));
    EXPECT_EQ(scenario.Last(kA), "delivered 250 BDAT") << by;
    scenario.names().SetAnswer("other.example", dns::AnswerKind::kFound);
    scenario.RunFor(Duration::Hours(2));
    EXPECT_THAT(scenario.Last(kOther), StartsWith("deferred TlsRequired")) << by;
    EXPECT_EQ(receiver.CountOf("MAIL"), 1u) << by;
  }
}

// RFC 7672 section 2.1.3: once what it said is over, that DNSSEC vouched for the MX says nothing any more, and whoever
// suppresses the next answer is to gain nothing by it.
TEST(BeforeAConnection, D01_AnOldRouteThatDnssecVouchedForIsNotUsedWhileTheDnsIsSilent) {
  const std::vector<std::string> addresses = Many(60);
  Scenario scenario({.addresses = addresses, .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.certificate = "mx.one.example";
  receiver.At(Point::kContent, Always({"250 OK", Answer::Then::kGoOn, Duration::Seconds(20)}));
  scenario.names().SetTlsa("mx.one.example", std::string("\2\1\1", 3) + std::string(32, 'd'));
  for (const char* name : {"one.example", "mx.one.example", "_25._tcp.mx.one.example"})
    scenario.names().SetAuthenticated(name, true);
  scenario.RunFor(Duration::Minutes(1));
  scenario.names().SetAnswer("one.example", dns::RecordType::kMx, dns::AnswerKind::kServerFail);
  scenario.RunFor(Duration::Minutes(19));
  EXPECT_THAT(receiver.accepted(), SizeIs(testing::AllOf(Ge(10u), testing::Le(18u))));  // Those of five minutes.
  scenario.names().SetAnswer("one.example", dns::RecordType::kMx, dns::AnswerKind::kFound);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(receiver.accepted(), SizeIs(60));
  for (const std::string& address : addresses) EXPECT_THAT(scenario.Story(address), SizeIs(2)) << address;
}

// `first` and `second` are domains with these mail exchangers at one address. The mail for the second one waits until
// the first one's is out.
void SendOneByOne(Scenario& scenario, const std::string& first, const std::string& second) {
  scenario.names().SetAnswer(second, dns::AnswerKind::kServerFail);
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(scenario.Last("a@" + first), "delivered 250 BDAT");
  scenario.names().SetAnswer(second, dns::AnswerKind::kFound);
  scenario.RunFor(Duration::Minutes(5));
}

TEST(BeforeAConnection, P18_TlsThatFailsForOneNameSaysNothingAboutAnotherAtItsAddress) {
  Scenario scenario({.addresses = {kA, kOther}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.certificate = "mx.one.example";
  receiver.bad_name = "mx.other.example";
  scenario.names().SetMx("other.example", {"mx.other.example"});
  scenario.names().SetAddresses("mx.other.example", {receiver.address()});
  SendOneByOne(scenario, "other.example", "one.example");
  EXPECT_THAT(receiver.accepted(), ElementsAre(kOther, kA));
  EXPECT_THAT(receiver.encrypted(), ElementsAre(kA));
}

// A fallback is refused by servers that know better: one bad handshake of other mail must not lead there.
TEST(BeforeAConnection, P18_WhereTheCertificateMustHoldOnlyFailuresOfSuchSessionsCount) {
  Scenario scenario({.addresses = {kA, kOther}});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.certificate = "mx.one.example";
  receiver.bad_handshakes = 1;
  receiver.refuses_fallback = true;
  scenario.names().SetMx("other.example", {"mx.one.example"});
  scenario.SetStsPolicy("one.example", "1", Enforce("mx.one.example"));
  SendOneByOne(scenario, "other.example", "one.example");
  EXPECT_THAT(scenario.Story(kA), ElementsAre("attempt 1", "delivered 250 BDAT"));
  EXPECT_THAT(receiver.encrypted(), ElementsAre(kOther, kA));
}

TEST(BeforeAConnection, APolicyThatCannotBeFetchedHoldsUpNobody) {
  Scenario scenario({.addresses = {kA, kOther}});
  scenario.Serve("one.example");
  scenario.Serve("other.example");
  scenario.SetStsPolicy("one.example", "1", absl::UnavailableError("no answer"));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.log().CountOf("the MTA-STS policy of one.example cannot be had (no answer)"), 1u);
}

}  // namespace
}  // namespace sim
