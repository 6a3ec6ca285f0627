// What a look at the sender says of its keys and domains, over a table.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "tests/unit/preflight/sender_fixture.h"

namespace preflight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SenderTest, EachKeyHasToBePublished) {
  Expect(Look(Without({"s1._domainkey.example.com"})), "dkim", Verdict::kFail,
         "s1._domainkey.example.com is not published", {{"s1._domainkey.example.com", "TXT", kKey}});
  Expect(Look(Without({"s1._domainkey.example.com"})), "one_click", Verdict::kFail, "no signature that covers");
  const Zone other =
      With(Without({"s1._domainkey.example.com"}), {{"s1._domainkey.example.com", "TXT v=DKIM1; p=BBBB"}});
  Expect(Look(other), "dkim", Verdict::kFail, "another key", {{"s1._domainkey.example.com", "TXT", kKey}});
  Expect(Look(With(other, {{"s1._domainkey.example.com", std::string("TXT ") + kKey}})), "dkim", Verdict::kWarn,
         "2 records");
}

TEST(SenderTest, L03_MarketingThatNoKeySignsIsRefused) {
  Sender sender = GoodSender();
  sender.keys.clear();
  const Report report = Look(GoodZone(), sender);
  Expect(report, "dkim", Verdict::kFail, "sluice keygen example.com s1");
  Expect(report, "one_click", Verdict::kFail, "no DKIM signature covers it");
  Expect(report, "alignment", Verdict::kPass, "SPF as bounces.example.com");
  for (const Receiver receiver : {Receiver::kGmail, Receiver::kYahoo, Receiver::kMicrosoft})
    EXPECT_EQ(report.WorstFor(receiver), Verdict::kFail);
  Zone silent;
  for (const auto& [name, record] : GoodZone()) silent.emplace_back(name, "FAIL");
  EXPECT_THAT(Look(silent, sender).ChecksWith(Verdict::kFail), ElementsAre("dkim", "one_click"));  // That needs no DNS.
  // Other mail may be less than what receivers ask it of; a smarthost may sign; a rehearsal is no real send.
  Sender others[] = {sender, sender, sender};
  others[0].is_marketing = false;
  others[1].smarthost = "smtp.example.net";
  others[2].is_rehearsal = true;
  for (const Sender& other : others) {
    const Report told = Look(GoodZone(), other);
    Expect(told, "dkim", Verdict::kWarn, "no key signs mail from example.com");
    Expect(told, "one_click", Verdict::kWarn, "no DKIM signature covers it");
    EXPECT_TRUE(Only(told, "dkim").is_told);
  }
}

TEST(SenderTest, K11_Ed25519AloneIsNotEnough) {
  const char ed25519[] = "v=DKIM1; k=ed25519; p=CCCC";
  const Zone zone = With(GoodZone(), {{"s2._domainkey.example.com", std::string("TXT ") + ed25519}});
  Sender sender = GoodSender();
  sender.keys = {{"s2._domainkey.example.com", "example.com", "", ed25519}};
  const Report alone = Look(zone, sender);
  EXPECT_THAT(alone.ChecksWith(Verdict::kFail), ElementsAre("dkim", "one_click"));
  Expect(alone, "one_click", Verdict::kFail, "no RSA DKIM signature covers it");
  Expect(alone, "alignment", Verdict::kPass, "example.com by SPF as bounces.example.com");  // Not by that key.
  const auto told = [](const Report& report, Verdict verdict) {
    return std::any_of(report.findings.begin(), report.findings.end(), [verdict](const Finding& finding) {
      return finding.verdict == verdict && finding.is_told && finding.what.find("add an RSA key") != std::string::npos;
    });
  };
  EXPECT_TRUE(told(alone, Verdict::kFail));
  sender.is_marketing = false;
  EXPECT_TRUE(told(Look(zone, sender), Verdict::kWarn));
  EXPECT_FALSE(Look(zone, sender).HasFailed());
  sender.is_marketing = true;
  sender.keys.push_back(GoodSender().keys.front());
  EXPECT_THAT(Look(zone, sender).ChecksWith(Verdict::kWarn), IsEmpty());
}

TEST(SenderTest, A03_OfSeveralDmarcRecordsOneIsToBeKept) {
  Expect(Look(With(GoodZone(), {{"_dmarc.example.com", "TXT v=DMARC1; p=reject"}})), "dmarc", Verdict::kFail,
         "example.com has 2 DMARC records, and none counts: keep one of them",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
}

TEST(SenderTest, A03_ARecordThatReceiversReadAsNoneDoesNotPass) {
  const auto record = [](const std::string& text) {
    return With(Without({"_dmarc.example.com"}), {{"_dmarc.example.com", "TXT " + text}});
  };
  Expect(Look(record("v=DMARC1; p=reject; sp=quarantin")), "dmarc", Verdict::kFail,
         "has an sp= or np= that is none, and counts not at all (sp=quarantin means nothing)",
         {{"_dmarc.example.com", "TXT", "v=DMARC1; p=reject"}});
  Expect(Look(record("v=DMARC1; p=reject; np=x; rua=mailto:d@example.com")), "dmarc", Verdict::kWarn,
         "an sp= or np= that is none, and counts as p=none", {{"_dmarc.example.com", "TXT", "v=DMARC1; p=reject"}});
  Expect(Look(record("v=DMARC1; p=reject; p=none; rua=mailto:d@example.com")), "dmarc", Verdict::kFail,
         "has p= twice, and counts not at all", {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
  // One that can be reported to is enough.
  Expect(Look(record("v=DMARC1; rua=https://x.example/, mailto:d@example.com")), "dmarc", Verdict::kWarn,
         "has no policy p=, and counts as p=none", {{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"}});
}

TEST(SenderTest, A03_SeveralRecordsOfTheFromDomainAreToldThoughTheOrganizationHasOne) {
  Sender sender = GoodSender();
  sender.from_domain = "news.example.com";
  const Report report = Look(With(GoodZone(), {{"news.example.com", "MX 10 mta1.example.com"},
                                               {"_dmarc.news.example.com", "TXT v=DMARC1; p=reject"},
                                               {"_dmarc.news.example.com", "TXT v=DMARC1; p=none"}}),
                             sender);
  std::vector<Finding> dmarc;
  for (const Finding& finding : report.findings) {
    if (finding.check == "dmarc") dmarc.push_back(finding);
  }
  ASSERT_EQ(dmarc.size(), 2U);
  EXPECT_EQ(dmarc[0].verdict, Verdict::kPass);
  EXPECT_EQ(dmarc[1].verdict, Verdict::kWarn);
  EXPECT_TRUE(dmarc[1].is_told);
  EXPECT_THAT(dmarc[1].what, HasSubstr("news.example.com has 2 DMARC records itself"));
  EXPECT_THAT(dmarc[1].publish, ElementsAre(DnsRecord{"_dmarc.news.example.com", "TXT", "v=DMARC1; p=reject"}));
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

TEST(SenderTest, NobodySendsFromADomainThatDoesNotExist) {
  Sender sender = GoodSender();
  sender.reply_domain = "example.net";
  const Zone zone = With(GoodZone(), {{"example.net", "MX 10 mta1.example.com"}});
  Expect(Look(Without({"example.com"}, zone), sender), "from", Verdict::kFail, "example.com does not exist");
  const Zone without_mx = With(Without({"example.com"}, zone), {{"example.com", "TXT hello"}});
  EXPECT_THAT(Look(without_mx, sender).ChecksWith(Verdict::kFail), IsEmpty());  // It is there.
  EXPECT_TRUE(Only(Look(With(Without({"example.com"}, zone), {{"example.com", "FAIL"}}), sender), "from").is_open);
}

TEST(SenderTest, BouncesHaveToComeBackToAHostThatIsThere) {
  Sender sender = GoodSender();
  sender.allows_private = false;
  const auto with = [&sender](const std::string& mx, const Zone& more) {
    const Zone zone = With(Without({"bounces.example.com", "example.com"}),
                           {{"bounces.example.com", "TXT v=spf1 ip4:198.51.100.7 -all"},
                            {"bounces.example.com", "MX 10 " + mx},
                            {"example.com", "MX 10 in.example.com"},
                            {"in.example.com", "AAAA 2600::7"}});
    return Look(With(zone, more), sender);
  };
  const std::vector<DnsRecord> mx = {{"bounces.example.com", "MX", "10 mta1.example.com"}};
  Expect(with("nowhere.example.com", {}), "return_path", Verdict::kFail,
         "bounces.example.com has the mail exchanger nowhere.example.com, which has no address", mx);
  Expect(with("loop.example.com", {{"loop.example.com", "A 127.0.0.1"}}), "return_path", Verdict::kFail,
         "loop.example.com, which has no public address (127.0.0.1)", mx);
  Expect(with("in.example.com", {}), "return_path", Verdict::kPass, "go to in.example.com");
  Expect(with("quiet.example.com", {{"quiet.example.com", "FAIL"}}), "return_path", Verdict::kWarn,
         "could not be checked: no answer about quiet.example.com");
  // Another that can be reached is enough.
  Expect(with("nowhere.example.com", {{"bounces.example.com", "MX 20 in.example.com"}}), "return_path", Verdict::kPass,
         "go to in.example.com");
  // That of the source is not there yet; and without an MX the domain's own address is what counts.
  sender.sources.front().address = base::IpAddress::Parse("2600::9");
  Expect(with("mta1.example.com", {}), "return_path", Verdict::kFail, "mta1.example.com, which has no public address",
         {{"mta1.example.com", "AAAA", "2600::9"}});
  const Zone own = With(Without({"bounces.example.com"}), {{"bounces.example.com", "A 127.0.0.1"}});
  Expect(Look(own, sender), "return_path", Verdict::kFail, "has no MX and has no public address (127.0.0.1)", mx);
  Expect(Look(own, sender), "replies", Verdict::kWarn, "replies cannot be delivered");
}

TEST(SenderTest, BouncesHaveToComeBack) {
  const auto domain = [](const Zone& records) { return With(Without({"bounces.example.com"}), records); };
  const std::vector<DnsRecord> mx = {{"bounces.example.com", "MX", "10 mta1.example.com"}};
  Expect(Look(domain({})), "return_path", Verdict::kFail, "does not exist", mx);
  Expect(Look(domain({{"bounces.example.com", "TXT x"}})), "return_path", Verdict::kFail,
         "has no MX and has no address", mx);
  Expect(Look(domain({{"bounces.example.com", "MX 0 "}})), "return_path", Verdict::kFail, "takes no mail", mx);
  Expect(Look(domain({{"bounces.example.com", "AAAA 2001:db8::1"}})), "return_path", Verdict::kWarn, "has no MX", mx);
}

TEST(SenderTest, RepliesCanBeDelivered) {
  const Report report = Look(Without({"example.com"}));
  Expect(report, "from", Verdict::kFail, "example.com does not exist");
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
  EXPECT_THAT(report.ChecksWith(Verdict::kWarn), ElementsAre("spf", "dkim", "dmarc", "alignment", "ptr", "ehlo", "from",
                                                             "return_path", "replies", "one_click"));
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

}  // namespace
}  // namespace preflight
