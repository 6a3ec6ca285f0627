// What a look at the sender says of its sources, over a table.
#include <string>
#include <vector>

#include "tests/unit/preflight/sender_fixture.h"

namespace preflight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SenderTest, AGoodSenderPassesEveryCheck) {
  const Report report = Look(GoodZone());
  for (const Finding& finding : report.findings) EXPECT_EQ(finding.verdict, Verdict::kPass) << finding.what;
  EXPECT_THAT(report.ChecksWith(Verdict::kPass), ElementsAre("spf", "dkim", "dmarc", "alignment", "ptr", "ehlo",
                                                             "return_path", "replies", "one_click", "tls"));
  for (const Receiver receiver : kReceivers) EXPECT_EQ(report.WorstFor(receiver), Verdict::kPass);
}

TEST(SenderTest, A01_SpfHasToPassForEachSource) {
  Sender sender = GoodSender();
  sender.sources.push_back({"ip-2", base::IpAddress::Parse("2001:db8::7"), "mta2.example.com"});
  const Report report = Look(GoodZone(), sender);
  EXPECT_EQ(report.findings[0].verdict, Verdict::kPass);
  EXPECT_EQ(report.findings[1].verdict, Verdict::kFail);
  EXPECT_THAT(report.findings[1].what, HasSubstr("bounces.example.com for 2001:db8::7 (ip-2): fail (\"-all\" of"));
  EXPECT_THAT(report.findings[1].publish,
              ElementsAre(DnsRecord{"bounces.example.com", "TXT", "v=spf1 ip6:2001:db8::7 ip4:198.51.100.7 -all"}));
  for (const Receiver receiver : {Receiver::kGmail, Receiver::kYahoo, Receiver::kMicrosoft})
    EXPECT_THAT(report.ChecksFor(receiver, Verdict::kFail), testing::Contains("spf"));
}

TEST(SenderTest, A01_WithoutARecordOneIsSuggestedThatPasses) {
  Expect(Look(Without({"bounces.example.com"})), "spf", Verdict::kFail, "has no SPF record",
         {{"bounces.example.com", "TXT", "v=spf1 ip4:198.51.100.7 ~all"}});
  for (const char* record :
       {"v=spf1 ~all", "v=spf1 ?all", "v=spf1 a:other.example.org", "v=spf1 -ip4:198.51.100.0/24 +all"}) {
    const std::string rest = std::string(record).substr(6);
    Expect(Look(With(Without({"bounces.example.com"}), {{"bounces.example.com", std::string("TXT ") + record}})), "spf",
           Verdict::kFail, "bounces.example.com for 198.51.100.7 (ip-1): ",
           {{"bounces.example.com", "TXT", "v=spf1 ip4:198.51.100.7" + rest}});
  }
}

TEST(SenderTest, A01_ElevenLookUpsAndThreeVoidOnesFail) {
  std::string record = "TXT v=spf1";
  for (int i = 0; i < 11; ++i) record += " a:mta9.example.com";
  const Zone eleven =
      With(Without({"bounces.example.com"}),
           {{"bounces.example.com", record + " ip4:198.51.100.7 -all"}, {"mta9.example.com", "A 192.0.2.9"}});
  const Finding many = Only(Look(eleven), "spf");
  EXPECT_EQ(many.verdict, Verdict::kFail);
  EXPECT_THAT(many.what, HasSubstr("more than 10 terms"));
  EXPECT_EQ(many.publish.size(), 1U);  // In front of them the address is found in time.
  const Zone voids =
      With(Without({"bounces.example.com"}),
           {{"bounces.example.com", "TXT v=spf1 a:x1.example.com a:x2.example.com a:x3.example.com ip4:198.51.100.7"}});
  EXPECT_THAT(Only(Look(voids), "spf").what, HasSubstr("more than 2 questions find nothing"));
  const Zone wrong =
      With(Without({"bounces.example.com"}), {{"bounces.example.com", "TXT v=spf1 ipv4:198.51.100.7 -all"}});
  Expect(Look(wrong), "spf", Verdict::kFail,
         "\"ipv4:198.51.100.7\" is no mechanism");  // No address in front mends that.
}

TEST(SenderTest, A01_SeveralRecordsAreMergedIntoOne) {
  const auto with = [](const std::vector<std::string>& records, const Sender& sender = GoodSender()) {
    Zone zone = With(Without({"bounces.example.com"}), {{"_spf.example.net", "TXT v=spf1 ip4:192.0.2.0/24 -all"}});
    for (const std::string& record : records) zone.emplace_back("bounces.example.com", "TXT " + record);
    return Look(zone, sender);
  };
  const std::string say = "bounces.example.com has 2 SPF records, and none counts: merge them into one";
  const auto publish = [](const std::string& record) {
    return std::vector<DnsRecord>{{"bounces.example.com", "TXT", record}};
  };
  Expect(with({"v=spf1 ip4:198.51.100.7 -all", "v=spf1 include:_spf.example.net ~all"}), "spf", Verdict::kFail, say,
         publish("v=spf1 ip4:198.51.100.7 include:_spf.example.net ~all"));
  // The source is in none of them.
  Expect(with({"v=spf1 mx -all", "v=spf1 include:_spf.example.net -all"}), "spf", Verdict::kFail, say,
         publish("v=spf1 ip4:198.51.100.7 mx include:_spf.example.net -all"));
  // What they mean together cannot be told; or receivers would stop in the middle of it.
  Expect(with({"v=spf1 moo", "v=spf1 include:_spf.example.net ~all"}), "spf", Verdict::kFail, say);
  std::string many = "v=spf1", others = many;
  for (int i = 0; i < 6; ++i) many += " a:mta1.example.com/" + std::to_string(20 + i);
  for (int i = 6; i < 12; ++i) others += " a:mta1.example.com/" + std::to_string(20 + i);
  Expect(with({many, others}), "spf", Verdict::kFail, say);
  Sender unknown = GoodSender();
  unknown.sources.front().address.reset();
  Expect(with({"v=spf1 mx -all", "v=spf1 include:_spf.example.net -all"}, unknown), "spf", Verdict::kFail, say,
         publish("v=spf1 mx include:_spf.example.net -all"));
}

TEST(SenderTest, A01_TwoSourcesBehindOneAddressAreOneTerm) {
  Sender sender = GoodSender();
  sender.sources.push_back({"ip-2", sender.sources.front().address, "mta2.example.com"});
  const Report report = Look(With(Without({"bounces.example.com"}), {{"mta2.example.com", "A 198.51.100.7"}}), sender);
  EXPECT_THAT(report.findings[1].publish,
              ElementsAre(DnsRecord{"bounces.example.com", "TXT", "v=spf1 ip4:198.51.100.7 ~all"}));
}

TEST(SenderTest, A01_WhereTheAddressIsNotKnownTheRecordIsLookedAtAlone) {
  Sender sender = GoodSender();
  sender.sources.front().address.reset();
  const Report report = Look(GoodZone(), sender);
  Expect(report, "spf", Verdict::kWarn, "the address that receivers see is not known; set public_address in [sources.");
  Expect(report, "ptr", Verdict::kWarn, "reverse DNS could not be checked");
  Expect(report, "ehlo", Verdict::kWarn, "set public_address in [sources.ip-1]");
  for (const char* check : {"spf", "ptr", "ehlo"}) EXPECT_TRUE(Only(report, check).is_open) << check;  // `send` tells.
  sender.is_rehearsal = true;
  for (const char* check : {"spf", "ptr", "ehlo"}) EXPECT_FALSE(Only(Look(GoodZone(), sender), check).is_open) << check;
  sender.is_rehearsal = false;
  Expect(report, "alignment", Verdict::kPass, "DKIM as example.com");
  Expect(Look(Without({"bounces.example.com"}), sender), "spf", Verdict::kFail, "has no SPF record",
         {{"bounces.example.com", "TXT", "v=spf1 a:mta1.example.com ~all"}});
  const Zone wrong = With(Without({"bounces.example.com"}), {{"bounces.example.com", "TXT v=spf1 moo"}});
  Expect(Look(wrong, sender), "spf", Verdict::kFail, "\"moo\" is no mechanism");
}

TEST(SenderTest, A02_TheNameOfAnAddressHasToLeadBack) {
  Expect(Look(Without({"7.100.51.198.in-addr.arpa"})), "ptr", Verdict::kFail, "198.51.100.7 (ip-1) has no name",
         {{"7.100.51.198.in-addr.arpa", "PTR", "mta1.example.com"}});
  const Zone elsewhere =
      With(Without({"7.100.51.198.in-addr.arpa"}), {{"7.100.51.198.in-addr.arpa", "PTR host7.example.net"}});
  const Report report = Look(elsewhere);
  Expect(report, "ptr", Verdict::kFail, "is host7.example.net, which does not lead back",
         {{"7.100.51.198.in-addr.arpa", "PTR", "mta1.example.com"}});  // The other name is its provider's.
  Expect(report, "ehlo", Verdict::kWarn, "its reverse DNS says host7.example.net");
  EXPECT_THAT(report.ChecksFor(Receiver::kGmail, Verdict::kFail), ElementsAre("ptr"));
  EXPECT_THAT(report.ChecksFor(Receiver::kMicrosoft, Verdict::kFail), IsEmpty());
}

TEST(SenderTest, A02_TheEhloNameHasToLeadToTheSource) {
  Expect(Look(Without({"mta1.example.com"})), "ehlo", Verdict::kFail,
         "introduces itself as mta1.example.com, which does not lead", {{"mta1.example.com", "A", "198.51.100.7"}});
  Sender sender = GoodSender();
  sender.sources.front().ehlo = "[198.51.100.7]";
  Expect(Look(GoodZone(), sender), "ehlo", Verdict::kWarn, "set ehlo_domain");
  sender = GoodSender();
  sender.sources.front().address = base::IpAddress::Parse("2001:db8::7");
  Expect(Look(GoodZone(), sender), "ehlo", Verdict::kFail, "does not lead",
         {{"mta1.example.com", "AAAA", "2001:db8::7"}});
}

TEST(SenderTest, A02_WhereTheEhloNameIsTheNameOfTheAddressItsRecordIsMissing) {
  const Report report = Look(Without({"mta1.example.com"}));
  Expect(report, "ptr", Verdict::kFail, "does not lead back", {{"mta1.example.com", "A", "198.51.100.7"}});
  Sender sender = GoodSender();
  sender.sources.front().ehlo = "[198.51.100.7]";  // It has no name that could be told.
  Expect(Look(Without({"mta1.example.com"}), sender), "ptr", Verdict::kFail, "does not lead back",
         {{"mta1.example.com", "A", "198.51.100.7"}});
}

}  // namespace
}  // namespace preflight
