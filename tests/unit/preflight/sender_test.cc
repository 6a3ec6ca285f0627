// What a look at the sender says, check by check, over a table.
#include "engine/preflight/sender.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/table_lookup.h"

namespace preflight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using Zone = dns::TableLookup::Zone;

const char kKey[] = "v=DKIM1; k=rsa; p=AAAA";

Sender GoodSender() {
  Sender sender;
  sender.from_domain = "example.com";
  sender.envelope_domain = "bounces.example.com";
  sender.envelope_local_part = "bounce+token";
  sender.reply_domain = "example.com";
  sender.sources = {{"ip-1", base::IpAddress::Parse("198.51.100.7"), "mta1.example.com"}};
  sender.keys = {{"s1._domainkey.example.com", "example.com", "", kKey}};
  sender.has_verp = sender.is_marketing = sender.has_one_click = sender.has_authorities = true;
  return sender;
}

Zone GoodZone() {
  return {{"bounces.example.com", "TXT v=spf1 ip4:198.51.100.7 -all"},
          {"bounces.example.com", "MX 10 mta1.example.com"},
          {"s1._domainkey.example.com", std::string("TXT ") + kKey},
          {"_dmarc.example.com", "TXT v=DMARC1; p=none"},
          {"7.100.51.198.in-addr.arpa", "PTR mta1.example.com"},
          {"mta1.example.com", "A 198.51.100.7"},
          {"example.com", "MX 10 mta1.example.com"}};
}

// Without the records of these names.
Zone Without(const std::vector<std::string>& names, Zone zone = GoodZone()) {
  std::erase_if(
      zone, [&names](const auto& entry) { return std::find(names.begin(), names.end(), entry.first) != names.end(); });
  return zone;
}
Zone With(Zone zone, const Zone& more) {
  zone.insert(zone.end(), more.begin(), more.end());
  return zone;
}

Report Look(const Zone& zone, const Sender& sender = GoodSender()) {
  dns::TableLookup lookup(zone);
  return CheckSender(lookup, sender);
}

// The only finding of a check.
Finding Only(const Report& report, const std::string& check) {
  std::vector<Finding> found;
  for (const Finding& finding : report.findings) {
    if (finding.check == check) found.push_back(finding);
  }
  EXPECT_EQ(found.size(), 1U) << check;
  return found.empty() ? Finding() : found.front();
}

void Expect(const Report& report, const std::string& check, Verdict verdict, const std::string& words,
            const std::vector<DnsRecord>& publish = {}) {
  const Finding finding = Only(report, check);
  EXPECT_EQ(finding.verdict, verdict) << check << ": " << finding.what;
  EXPECT_THAT(finding.what, HasSubstr(words));
  EXPECT_EQ(finding.publish, publish) << (finding.publish.empty() ? "none" : finding.publish.front().ToString());
}

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
  Expect(report, "spf", Verdict::kWarn, "the address that receivers see is not known");
  Expect(report, "ptr", Verdict::kWarn, "not checked for ip-1");
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
         {{"host7.example.net", "A", "198.51.100.7"}});
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

TEST(SenderTest, EachKeyHasToBePublished) {
  Expect(Look(Without({"s1._domainkey.example.com"})), "dkim", Verdict::kFail,
         "s1._domainkey.example.com is not published", {{"s1._domainkey.example.com", "TXT", kKey}});
  Expect(Look(Without({"s1._domainkey.example.com"})), "one_click", Verdict::kFail, "no signature that covers");
  const Zone other =
      With(Without({"s1._domainkey.example.com"}), {{"s1._domainkey.example.com", "TXT v=DKIM1; p=BBBB"}});
  Expect(Look(other), "dkim", Verdict::kFail, "another key", {{"s1._domainkey.example.com", "TXT", kKey}});
  Expect(Look(With(other, {{"s1._domainkey.example.com", std::string("TXT ") + kKey}})), "dkim", Verdict::kWarn,
         "2 records");
  Sender sender = GoodSender();
  sender.keys.clear();
  Expect(Look(GoodZone(), sender), "dkim", Verdict::kWarn, "sluice keygen example.com s1");
  Expect(Look(GoodZone(), sender), "alignment", Verdict::kPass, "SPF as bounces.example.com");
}

TEST(SenderTest, K11_Ed25519AloneIsNotEnough) {
  const char ed25519[] = "v=DKIM1; k=ed25519; p=CCCC";
  const Zone zone = With(GoodZone(), {{"s2._domainkey.example.com", std::string("TXT ") + ed25519}});
  Sender sender = GoodSender();
  sender.keys = {{"s2._domainkey.example.com", "example.com", "", ed25519}};
  const Report alone = Look(zone, sender);
  EXPECT_THAT(alone.ChecksFor(Receiver::kGmail, Verdict::kWarn), ElementsAre("dkim"));
  EXPECT_TRUE(std::any_of(alone.findings.begin(), alone.findings.end(), [](const Finding& finding) {
    return finding.verdict == Verdict::kWarn && finding.what.find("add an RSA key") != std::string::npos;
  }));
  sender.keys.push_back(GoodSender().keys.front());
  EXPECT_THAT(Look(zone, sender).ChecksWith(Verdict::kWarn), IsEmpty());
}

TEST(SenderTest, A03_OfSeveralDmarcRecordsOneIsToBeKept) {
  Expect(Look(With(GoodZone(), {{"_dmarc.example.com", "TXT v=DMARC1; p=reject"}})), "dmarc", Verdict::kFail,
         "example.com has 2 DMARC records, and none counts: keep one of them",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
}

TEST(SenderTest, A03_DmarcHasToBeThereWithAPolicy) {
  Expect(Look(Without({"_dmarc.example.com"})), "dmarc", Verdict::kFail, "example.com has no DMARC record",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
  const auto record = [](const std::string& text) {
    return With(Without({"_dmarc.example.com"}), {{"_dmarc.example.com", "TXT " + text}});
  };
  Expect(Look(record("v=DMARC1; p=reject; pct=50")), "dmarc", Verdict::kWarn, "pct= has no effect any more");
  Expect(Look(record("v=DMARC1; rua=mailto:d@example.com")), "dmarc", Verdict::kWarn, "counts as p=none",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
  Expect(Look(record("v=DMARC1; p=some")), "dmarc", Verdict::kFail, "not at all (p=some means nothing)",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
  Sender sender = GoodSender();
  sender.from_domain = "news.example.com";
  Expect(Look(record("v=DMARC1; p=none; sp=quarantine"), sender), "dmarc", Verdict::kPass,
         "says quarantine for news.example.com");
  Expect(Look(Without({"_dmarc.example.com"}), sender), "dmarc", Verdict::kFail, "news.example.com has no DMARC record",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});  // Where the key's domain is covered too.
}

TEST(SenderTest, A03_TheDomainsOwnRecordNeedsNoAnswerFromAbove) {
  const Report report = Look(With(GoodZone(), {{"_dmarc.com", "FAIL"}}));
  Expect(report, "dmarc", Verdict::kPass, "_dmarc.example.com says none");
  Expect(report, "alignment", Verdict::kPass, "example.com by DKIM as example.com");
}

TEST(SenderTest, A03_WhatPassesHasToBelongToTheFromDomain) {
  Sender sender = GoodSender();
  sender.keys = {{"s1._domainkey.esp.example.net", "esp.example.net", "", kKey}};
  const Zone esp = With(GoodZone(), {{"s1._domainkey.esp.example.net", std::string("TXT ") + kKey}});
  Expect(Look(esp, sender), "alignment", Verdict::kPass, "example.com by SPF as bounces.example.com");
  sender.envelope_domain = "bounces.example.net";
  const Zone foreign = With(
      esp, {{"bounces.example.net", "TXT v=spf1 ip4:198.51.100.7"}, {"bounces.example.net", "MX 10 mta1.example.com"}});
  const Report report = Look(foreign, sender);
  Expect(report, "alignment", Verdict::kFail, "sign with a key of example.com");
  EXPECT_THAT(report.ChecksFor(Receiver::kMicrosoft, Verdict::kFail), ElementsAre("alignment"));
  // Strictly, a subdomain is somebody else.
  const Zone strict = With(Without({"_dmarc.example.com", "s1._domainkey.example.com"}),
                           {{"_dmarc.example.com", "TXT v=DMARC1; p=none; aspf=s"}});
  Expect(Look(strict), "alignment", Verdict::kFail, "neither SPF nor DKIM passes");
}

TEST(SenderTest, OnlyGmailSendsFromGmail) {
  Sender sender = GoodSender();
  sender.from_domain = "gmail.com";
  const Report report = Look(With(GoodZone(), {{"_dmarc.gmail.com", "TXT v=DMARC1; p=none"}}), sender);
  Expect(report, "from", Verdict::kFail, "only Gmail itself may send from gmail.com");
  EXPECT_THAT(report.ChecksFor(Receiver::kGmail, Verdict::kFail), testing::Contains("from"));
  EXPECT_THAT(report.ChecksFor(Receiver::kYahoo, Verdict::kFail), testing::Not(testing::Contains("from")));
}

TEST(SenderTest, BouncesHaveToComeBack) {
  const auto domain = [](const Zone& records) { return With(Without({"bounces.example.com"}), records); };
  const std::vector<DnsRecord> mx = {{"bounces.example.com", "MX", "10 mta1.example.com"}};
  Expect(Look(domain({})), "return_path", Verdict::kFail, "does not exist", mx);
  Expect(Look(domain({{"bounces.example.com", "TXT x"}})), "return_path", Verdict::kFail, "neither MX nor address", mx);
  Expect(Look(domain({{"bounces.example.com", "MX 0 "}})), "return_path", Verdict::kFail, "takes no mail", mx);
  Expect(Look(domain({{"bounces.example.com", "AAAA 2001:db8::1"}})), "return_path", Verdict::kWarn, "has no MX", mx);
}

TEST(SenderTest, RepliesCanBeDelivered) {
  const Report report = Look(Without({"example.com"}));
  Expect(report, "replies", Verdict::kWarn, "example.com does not exist: replies cannot be delivered");
  EXPECT_THAT(report.ChecksFor(Receiver::kMicrosoft, Verdict::kWarn), ElementsAre("replies"));
  Expect(Look(With(Without({"example.com"}), {{"example.com", "A 192.0.2.1"}})), "replies", Verdict::kPass,
         "example.com takes mail");
  Sender sender = GoodSender();
  sender.reply_domain = "example.net";
  Expect(Look(With(GoodZone(), {{"example.net", "MX 0 "}}), sender), "replies", Verdict::kWarn,
         "example.net takes no mail");
  sender.reply_domain = "";
  EXPECT_THAT(Look(GoodZone(), sender).ChecksWith(Verdict::kPass), testing::Not(testing::Contains("replies")));
}

TEST(SenderTest, A04_ABounceHasToTellWhoseItIs) {
  Sender sender = GoodSender();
  sender.has_verp = false;
  Expect(Look(GoodZone(), sender), "return_path", Verdict::kWarn, "put {{token}} into envelope.sender");
}

TEST(SenderTest, TheRestOfWhatReceiversAskFor) {
  Sender sender = GoodSender();
  sender.has_one_click = false;
  Expect(Look(GoodZone(), sender), "one_click", Verdict::kFail, "set list.unsubscribe_url");
  sender.is_marketing = false;
  EXPECT_THAT(Look(GoodZone(), sender).ChecksWith(Verdict::kPass), testing::Not(testing::Contains("one_click")));
  sender = GoodSender();
  sender.keys.clear();
  Expect(Look(GoodZone(), sender), "one_click", Verdict::kWarn, "no DKIM signature covers it");
  sender = GoodSender();
  sender.has_authorities = false;
  Expect(Look(GoodZone(), sender), "tls", Verdict::kWarn, "ca-certificates");
  sender.verifies_tls = true;
  Expect(Look(GoodZone(), sender), "tls", Verdict::kFail, "mail to Gmail would wait");
  sender.uses_tls = false;
  Expect(Look(GoodZone(), sender), "tls", Verdict::kFail, "enable_tls");
}

TEST(SenderTest, ALinkToUnsubscribeIsToBeSeen) {
  Sender sender = GoodSender();
  sender.shows_unsubscribe = true;
  Expect(Look(GoodZone(), sender), "unsubscribe", Verdict::kPass, "has a link");
  sender.shows_unsubscribe = false;
  const Report report = Look(GoodZone(), sender);
  Expect(report, "unsubscribe", Verdict::kWarn, "show one");
  EXPECT_THAT(report.ChecksFor(Receiver::kGmail, Verdict::kWarn), ElementsAre("unsubscribe"));
  EXPECT_THAT(report.ChecksFor(Receiver::kYahoo, Verdict::kWarn), IsEmpty());
  sender.is_marketing = sender.has_one_click = false;
  EXPECT_THAT(Look(GoodZone(), sender).ChecksWith(Verdict::kWarn), IsEmpty());
}

TEST(SenderTest, WhatTheDnsSaysDoesNothingToATerminal) {
  const std::string bad = "v=DMARC1; p=\x1b]0;x\x07\n\x9b; rua=mailto:a@example.com";
  const Report report = Look(With(Without({"_dmarc.example.com"}), {{"_dmarc.example.com", "TXT " + bad}}));
  const std::string what = Only(report, "dmarc").what;
  EXPECT_FALSE(base::HasControl(what)) << what;
  EXPECT_EQ((DnsRecord{"a\x1b", "TXT", bad}).ToString(),
            "a\\027. TXT \"v=DMARC1; p=\\027]0;x\\007\\010\\155; rua=mailto:a@example.com\"");
  EXPECT_EQ(Printable("d\xc3\xa9j\xc3\xa0"), "d\xc3\xa9j\xc3\xa0");
}

TEST(SenderTest, WithoutAnAnswerNothingFails) {
  Zone silent;
  for (const auto& [name, record] : GoodZone()) silent.emplace_back(name, "FAIL");
  const Report report = Look(silent);
  EXPECT_FALSE(report.HasFailed());
  EXPECT_THAT(report.ChecksWith(Verdict::kWarn),
              ElementsAre("spf", "dkim", "dmarc", "alignment", "ptr", "ehlo", "return_path", "replies", "one_click"));
  for (const Finding& finding : report.findings) {
    EXPECT_THAT(finding.publish, IsEmpty()) << finding.what;
    EXPECT_EQ(finding.is_open, finding.verdict == Verdict::kWarn) << finding.what;
  }
  const Zone half = With(Without({"mta1.example.com"}), {{"mta1.example.com", "FAIL"}});
  EXPECT_TRUE(Only(Look(half), "ptr").is_open);
  Expect(Look(half), "ptr", Verdict::kWarn, "whether that leads back could not be checked");
}

TEST(SenderTest, AnotherServerThatSendsIsNotLookedAt) {
  Sender sender = GoodSender();
  sender.smarthost = "smtp.example.net";
  const Report report = Look(Without({"bounces.example.com", "7.100.51.198.in-addr.arpa"}), sender);
  Expect(report, "spf", Verdict::kWarn, "smtp.example.net sends");
  Expect(report, "ptr", Verdict::kWarn, "smtp.example.net sends");
  Expect(report, "dkim", Verdict::kPass, "is the key that signs");
}

TEST(SenderTest, WhatIsAskedFirstIsWhatIsAskedAnyway) {
  dns::TableLookup lookup(GoodZone());
  CheckSender(lookup, GoodSender());
  std::vector<std::string> first;
  for (const auto& [name, type] : FirstQuestions(GoodSender())) first.push_back(name);
  EXPECT_THAT(first, testing::Not(IsEmpty()));
  EXPECT_THAT(lookup.asked(), IsSupersetOf(std::set<std::string>{"_dmarc.example.com", "bounces.example.com"}));
  for (const std::string& name : first) EXPECT_THAT(lookup.asked(), testing::Contains(name));
}

}  // namespace
}  // namespace preflight
