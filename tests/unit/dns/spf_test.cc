// SPF by the sections of RFC 7208, over a table.
#include "dns/spf.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/table_lookup.h"

namespace dns {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Result = SpfResult;

SpfOutcome Check(const TableLookup::Zone& zone, const std::string& address, const std::string& domain = "example.com",
                 const std::string& local_part = "news", const std::string& helo = "mta.example.com") {
  TableLookup lookup(zone);
  return CheckSpf(lookup, {*base::IpAddress::Parse(address), domain, local_part, helo});
}

// What a record says to an address that it has to be about; a few names exist.
SpfOutcome Record(const std::string& record, const std::string& address = "192.0.2.1") {
  return Check({{"example.com", "TXT " + record},
                {"example.com", "A 192.0.2.77"},
                {"mx.example.org", "A 192.0.2.1"},
                {"mx.example.org", "AAAA 2001:db8::1"},
                {"example.org", "MX 10 mx.example.org"},
                {"pass.example.net", "TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"},
                {"fail.example.net", "TXT v=spf1 -all"},
                {"softfail.example.net", "TXT v=spf1 ~all"},
                {"neutral.example.net", "TXT v=spf1 ?all"},
                {"wrong.example.net", "TXT v=spf1 moo"},
                {"none.example.net", "TXT hello"},
                {"dead.example.net", "FAIL"},
                {"exists.example.net", "A 127.0.0.2"},
                {"six.example.net", "AAAA 2001:db8::1"}},
               address);
}

struct Row {
  const char* record;
  Result result;
};
void CheckRows(const std::vector<Row>& rows, const std::string& address = "192.0.2.1") {
  for (const Row& row : rows) {
    const SpfOutcome outcome = Record(row.record, address);
    EXPECT_EQ(outcome.result, row.result) << row.record << ": " << ToString(outcome.result) << ", " << outcome.detail;
  }
}

TEST(SpfTest, Section4_3_DomainsThatCanHaveNoRecordGiveNone) {
  for (const std::string& domain :
       {std::string("com"), std::string(""), std::string("a..example.com"), std::string(64, 'a') + ".example.com",
        std::string("[192.0.2.1]"), std::string("a b.com")}) {
    EXPECT_EQ(Check({{domain, "TXT v=spf1 +all"}}, "192.0.2.1", domain).result, Result::kNone) << domain;
  }
  EXPECT_EQ(Check({{std::string(63, 'a') + ".example.com", "TXT v=spf1 +all"}}, "192.0.2.1",
                  std::string(63, 'a') + ".example.com")
                .result,
            Result::kPass);
}

TEST(SpfTest, Section4_3_WithoutALocalPartItIsPostmaster) {
  const TableLookup::Zone zone = {{"example.com", "TXT v=spf1 exists:%{l}.example.com -all"},
                                  {"postmaster.example.com", "A 127.0.0.2"}};
  EXPECT_EQ(Check(zone, "192.0.2.1", "example.com", "").result, Result::kPass);
  EXPECT_EQ(Check(zone, "192.0.2.1", "example.com", "news").result, Result::kFail);
}

TEST(SpfTest, Section4_4_NoAnswerIsTemporaryAndNoDomainIsNone) {
  EXPECT_EQ(Check({{"example.com", "FAIL"}}, "192.0.2.1").result, Result::kTempError);
  EXPECT_EQ(Check({}, "192.0.2.1").result, Result::kNone);
  EXPECT_EQ(Check({{"example.com", "A 192.0.2.1"}}, "192.0.2.1").result, Result::kNone);
}

TEST(SpfTest, Section4_5_OnlyOneRecordOfThisVersionCounts) {
  EXPECT_EQ(Check({{"example.com", "TXT v=spf10"}}, "192.0.2.1").result, Result::kNone);
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1mx"}}, "192.0.2.1").result, Result::kNone);
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1\tall"}}, "192.0.2.1").result, Result::kNone);
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1"}}, "192.0.2.1").result, Result::kNeutral);
  EXPECT_EQ(Check({{"example.com", "TXT V=sPf1 ~AlL"}}, "192.0.2.1").result, Result::kSoftFail);
  EXPECT_EQ(Check({{"example.com", "TXT something else"}, {"example.com", "TXT v=spf1 -all"}}, "192.0.2.1").result,
            Result::kFail);
  const SpfOutcome two = Check({{"example.com", "TXT v=spf1 +all"}, {"example.com", "TXT v=spf1 -all"}}, "192.0.2.1");
  EXPECT_EQ(two.result, Result::kPermError);
  EXPECT_THAT(two.detail, HasSubstr("2 SPF records"));
  EXPECT_EQ(two.record, "");
}

TEST(SpfTest, Section4_6_ErrorsOfSyntaxAreFoundAnywhere) {
  CheckRows({{"v=spf1 ip4:192.0.2.1 -all moo", Result::kPermError},
             {"v=spf1 moo.cow-far_out=man:dog/cat ip4:192.0.2.1 -all", Result::kPass},
             {"v=spf1 moo.cow/far_out=man:dog/cat ip4:192.0.2.1 -all", Result::kPermError},
             {"v=spf1 moo.cow:far_out=man:dog/cat ip4:192.0.2.1 -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2.1 redirect:example.org", Result::kPermError},
             {"v=spf1 1up=foo -all", Result::kPermError},
             {"v=spf1 =all", Result::kPermError},
             {"v=spf1 -all foo=%abc", Result::kPermError},
             {"v=spf1 default=pass", Result::kNeutral},
             {"v=spf1 \x80"
              "all",
              Result::kPermError},
             {"v=spf1 + -all", Result::kPermError},
             {"v=spf1   ip4:192.0.2.1   -all  ", Result::kPass},
             {"v=spf1 a:example.org\rptr -all", Result::kPermError}});
  EXPECT_THAT(Record("v=spf1 ipv4:192.0.2.1 -all").detail, HasSubstr("\"ipv4:192.0.2.1\" is no mechanism"));
}

TEST(SpfTest, Section4_6_2_QualifiersDecideTheResult) {
  CheckRows({{"v=spf1 ip4:192.0.2.1", Result::kPass},
             {"v=spf1 +ip4:192.0.2.1", Result::kPass},
             {"v=spf1 -ip4:192.0.2.1", Result::kFail},
             {"v=spf1 ~ip4:192.0.2.1", Result::kSoftFail},
             {"v=spf1 ?ip4:192.0.2.1", Result::kNeutral},
             {"v=spf1 ?ip4:192.0.2.1 +all", Result::kNeutral}});
}

TEST(SpfTest, Section4_6_4_TenTermsMayAskTheDns) {
  const TableLookup::Zone zone = {
      {"a.example.org", "A 192.0.2.200"},
      {"ten.example.com", "TXT v=spf1 " +
                              std::string("a:a.example.org a:a.example.org a:a.example.org "
                                          "a:a.example.org a:a.example.org a:a.example.org "
                                          "a:a.example.org a:a.example.org a:a.example.org ") +
                              "a:a.example.org ip4:192.0.2.1 -all"},
      {"eleven.example.com", "TXT v=spf1 include:nine.example.com a:a.example.org ip4:192.0.2.1 -all"},
      {"nine.example.com",
       "TXT v=spf1 a:a.example.org a:a.example.org a:a.example.org a:a.example.org "
       "a:a.example.org a:a.example.org a:a.example.org a:a.example.org a:a.example.org"}};
  const SpfOutcome ten = Check(zone, "192.0.2.1", "ten.example.com");
  EXPECT_EQ(ten.result, Result::kPass);
  EXPECT_EQ(ten.lookups, 10U);
  const SpfOutcome eleven = Check(zone, "192.0.2.1", "eleven.example.com");
  EXPECT_EQ(eleven.result, Result::kPermError);
  EXPECT_THAT(eleven.detail, HasSubstr("more than 10 terms"));
}

TEST(SpfTest, Section4_6_4_LoopsEnd) {
  CheckRows({{"v=spf1 redirect=example.com", Result::kPermError},
             {"v=spf1 include:example.com", Result::kPermError},
             {"v=spf1 include:example.com redirect=example.com", Result::kPermError}});
}

TEST(SpfTest, Section4_6_4_TwoQuestionsMayFindNothing) {
  CheckRows({{"v=spf1 a:no1.example.org a:no2.example.org ?all", Result::kNeutral},
             {"v=spf1 a:no1.example.org a:no2.example.org a:no3.example.org ?all", Result::kPermError},
             {"v=spf1 a:no1.example.org mx:no2.example.org exists:no3.example.org ?all", Result::kPermError},
             {"v=spf1 exists:six.example.net a:six.example.net mx:six.example.net ?all", Result::kPermError},
             {"v=spf1 a:no1.example.org ptr:no.example mx:no2.example.org ?all", Result::kPermError}});
  EXPECT_EQ(Record("v=spf1 a:no1.example.org a:no2.example.org ?all").voids, 2U);
}

TEST(SpfTest, Section4_6_4_TenMailExchangersAndTenNames) {
  TableLookup::Zone zone = {{"example.com", "TXT v=spf1 mx -all"}};
  for (int i = 1; i <= 10; ++i) {
    zone.emplace_back("example.com", absl::StrCat("MX 10 mx", i, ".example.com"));
    zone.emplace_back(absl::StrCat("mx", i, ".example.com"), absl::StrCat("A 192.0.2.", i));
  }
  EXPECT_EQ(Check(zone, "192.0.2.10").result, Result::kPass);
  zone.emplace_back("example.com", "MX 5 mx1.example.com");
  EXPECT_EQ(Check(zone, "192.0.2.10").result, Result::kPermError);

  TableLookup::Zone names = {{"example.com", "TXT v=spf1 ptr -all"}, {"mta.example.com", "A 192.0.2.1"}};
  for (int i = 1; i <= 9; ++i) names.emplace_back("1.2.0.192.in-addr.arpa", absl::StrCat("PTR n", i, ".example.com"));
  names.emplace_back("1.2.0.192.in-addr.arpa", "PTR mta.example.com");
  EXPECT_EQ(Check(names, "192.0.2.1").result, Result::kPass);
  names.insert(names.begin() + 2, {"1.2.0.192.in-addr.arpa", "PTR n0.example.com"});
  EXPECT_EQ(Check(names, "192.0.2.1").result, Result::kFail);  // It is the eleventh.
}

TEST(SpfTest, Section4_7_TheDefaultIsNeutral) { CheckRows({{"v=spf1 ip4:198.51.100.1", Result::kNeutral}}); }

TEST(SpfTest, Section4_8_NamesThatNobodyCanHaveMatchNothing) {
  CheckRows(
      {{"v=spf1 a:mail..example.com -all", Result::kFail},
       {"v=spf1 a:a123456789012345678901234567890123456789012345678901234567890123.example.com -all", Result::kFail}});
}

TEST(SpfTest, Section5_1_All) {
  CheckRows({{"v=spf1 all -all", Result::kPass},
             {"v=spf1 -all.", Result::kPermError},
             {"v=spf1 -all:foobar", Result::kPermError},
             {"v=spf1 -all/8", Result::kPermError}});
}

TEST(SpfTest, Section5_2_WhatAnIncludeMakesOfEachResult) {
  CheckRows({{"v=spf1 include:pass.example.net -all", Result::kPass},
             {"v=spf1 -include:pass.example.net +all", Result::kFail},
             {"v=spf1 include:fail.example.net ~all", Result::kSoftFail},
             {"v=spf1 include:softfail.example.net -all", Result::kFail},
             {"v=spf1 include:neutral.example.net -all", Result::kFail},
             {"v=spf1 include:dead.example.net -all", Result::kTempError},
             {"v=spf1 include:wrong.example.net -all", Result::kPermError},
             {"v=spf1 include:none.example.net -all", Result::kPermError},
             {"v=spf1 include:nowhere.example.net -all", Result::kPermError},
             {"v=spf1 include +all", Result::kPermError},
             {"v=spf1 include: +all", Result::kPermError},
             {"v=spf1 include:pass.example.net/24 +all", Result::kPermError}});
  EXPECT_THAT(Record("v=spf1 include:none.example.net -all").detail, HasSubstr("none.example.net has no SPF record"));
}

TEST(SpfTest, Section5_3_A) {
  CheckRows({{"v=spf1 a -all", Result::kFail},
             {"v=spf1 a/24 -all", Result::kPass},
             {"v=spf1 a/0 -all", Result::kPass},
             {"v=spf1 a//0 -all", Result::kFail},
             {"v=spf1 a:mx.example.org -all", Result::kPass},
             {"v=spf1 a:MX.Example.ORG. -all", Result::kPass},
             {"v=spf1 a:six.example.net/0 -all", Result::kFail},
             {"v=spf1 a:mx.example.org/32//128 -all", Result::kPass},
             {"v=spf1 a:dead.example.net -all", Result::kTempError},
             {"v=spf1 a/33 -all", Result::kPermError},
             {"v=spf1 a//129 -all", Result::kPermError},
             {"v=spf1 a/24/64 -all", Result::kPermError},
             {"v=spf1 a/024 -all", Result::kPermError},
             {"v=spf1 a/ -all", Result::kPermError},
             {"v=spf1 a: -all", Result::kPermError},
             {"v=spf1 a:192.0.2.1 -all", Result::kPermError},
             {"v=spf1 a:example.com:8080 -all", Result::kPermError}});
  CheckRows({{"v=spf1 a -all", Result::kFail},
             {"v=spf1 a/0 -all", Result::kFail},
             {"v=spf1 a:mx.example.org//126 -all", Result::kPass},
             {"v=spf1 a:six.example.net/0//127 -all", Result::kFail},
             {"v=spf1 a:six.example.net//0 -all", Result::kPass}},
            "2001:db8::3");
  EXPECT_EQ(Record("v=spf1 a:mx.example.org -all", "2001:db8::1").result, Result::kPass);
}

TEST(SpfTest, Section5_4_Mx) {
  CheckRows({{"v=spf1 mx:example.org -all", Result::kPass},
             {"v=spf1 mx:example.org/24 -all", Result::kPass},
             {"v=spf1 mx -all", Result::kFail},  // No MX: its address does not stand in.
             {"v=spf1 mx:mx.example.org -all", Result::kFail},
             {"v=spf1 mx:dead.example.net -all", Result::kTempError},
             {"v=spf1 mx/33 -all", Result::kPermError},
             {"v=spf1 mx: -all", Result::kPermError},
             {"v=spf1 mx:abc.123 -all", Result::kPermError}});
  EXPECT_EQ(Record("v=spf1 mx:example.org//64 -all", "2001:db8::77").result, Result::kPass);
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1 mx -all"}, {"example.com", "MX 0 "}}, "192.0.2.1").result,
            Result::kFail);
}

TEST(SpfTest, Section5_5_PtrCountsOnlyNamesThatLeadBack) {
  const TableLookup::Zone zone = {
      {"example.com", "TXT v=spf1 ptr -all"},
      {"example.net", "TXT v=spf1 ptr:Mail.Example.com -all"},
      {"1.2.0.192.in-addr.arpa", "PTR liar.example.com"},
      {"1.2.0.192.in-addr.arpa", "PTR a.mail.example.com"},
      {"a.mail.example.com", "A 192.0.2.1"},
      {"liar.example.com", "A 192.0.2.9"},
      {"2.2.0.192.in-addr.arpa", "PTR liar.example.com"},
      {"3.2.0.192.in-addr.arpa", "PTR notexample.com"},
      {"notexample.com", "A 192.0.2.3"},
      {"4.2.0.192.in-addr.arpa", "FAIL"},
      {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR six.example.com"},
      {"six.example.com", "AAAA 2001:db8::1"}};
  EXPECT_EQ(Check(zone, "192.0.2.1").result, Result::kPass);
  EXPECT_EQ(Check(zone, "192.0.2.1", "example.net").result, Result::kPass);
  EXPECT_EQ(Check(zone, "192.0.2.2").result, Result::kFail);
  EXPECT_EQ(Check(zone, "192.0.2.3").result, Result::kFail);
  EXPECT_EQ(Check(zone, "192.0.2.4").result, Result::kFail);  // Errors of the DNS match nothing.
  EXPECT_EQ(Check(zone, "2001:db8::1").result, Result::kPass);
  CheckRows({{"v=spf1 ptr/0 -all", Result::kPermError}, {"v=spf1 ptr: -all", Result::kPermError}});
}

TEST(SpfTest, Section5_6_Networks) {
  CheckRows({{"v=spf1 ip4:10.0.0.0/0 -all", Result::kPass},
             {"v=spf1 ip4:192.0.2.1/32 -all", Result::kPass},
             {"v=spf1 ip4:192.0.2.2/31 -all", Result::kFail},
             {"v=spf1 ip4:192.0.2.0/31 -all", Result::kPass},
             {"v=spf1 ip4:192.0.2.1/33 -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2.1/032 -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2.1/ -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2.1//32 -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2.1:8080 -all", Result::kPermError},
             {"v=spf1 ip4:192.0.2 -all", Result::kPermError},
             {"v=spf1 ip4 -all", Result::kPermError},
             {"v=spf1 ip4:2001:db8::1 -all", Result::kPermError},
             {"v=spf1 ip6:::/0 -all", Result::kFail},
             {"v=spf1 -all ip6", Result::kPermError},
             {"v=spf1 -all ip6:192.0.2.1", Result::kPermError},
             {"v=spf1 -all ip6:2001:db8::/129", Result::kPermError}});
  CheckRows({{"v=spf1 ip6:2001:db8::/33 -all", Result::kFail},
             {"v=spf1 ip6:2001:DB8:8000::/33 -all", Result::kPass},
             {"v=spf1 ip6:::/0 -all", Result::kPass},
             {"v=spf1 ip4:0.0.0.0/0 -all", Result::kFail}},
            "2001:db8:8000::1");
}

TEST(SpfTest, Section5_6_AMappedAddressIsIpv4) {
  EXPECT_EQ(Record("v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1").result, Result::kPass);
  EXPECT_EQ(Record("v=spf1 ip6:::ffff:192.0.2.1 -all", "::ffff:192.0.2.1").result, Result::kFail);
}

TEST(SpfTest, Section5_7_ExistsAsksForIpv4Always) {
  CheckRows({{"v=spf1 exists:exists.example.net -all", Result::kPass},
             {"v=spf1 exists:six.example.net -all", Result::kFail},
             {"v=spf1 exists:dead.example.net -all", Result::kTempError},
             {"v=spf1 exists -all", Result::kPermError},
             {"v=spf1 exists: -all", Result::kPermError},
             {"v=spf1 exists:exists.example.net/24 -all", Result::kPermError}});
  EXPECT_EQ(Record("v=spf1 exists:exists.example.net -all", "2001:db8::9").result, Result::kPass);
}

TEST(SpfTest, Section6_1_Redirect) {
  CheckRows({{"v=spf1 redirect=pass.example.net", Result::kPass},
             {"v=spf1 redirect=softfail.example.net", Result::kSoftFail},
             {"v=spf1 redirect=pass.example.net ?all", Result::kNeutral},  // Behind all mechanisms, wherever it stands.
             {"v=spf1 -ip4:192.0.2.1 redirect=pass.example.net", Result::kFail},
             {"v=spf1 redirect=none.example.net", Result::kPermError},
             {"v=spf1 redirect=nowhere.example.net", Result::kPermError},
             {"v=spf1 redirect=dead.example.net", Result::kTempError},
             {"v=spf1 ?all redirect=", Result::kPermError},
             {"v=spf1 ?all redirect=-all", Result::kPermError},
             {"v=spf1 redirect=pass.example.net redirect=pass.example.net", Result::kPermError}});
  // The current domain changes, the sender's does not.
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1 redirect=_spf.example.net"},
                   {"_spf.example.net", "TXT v=spf1 a exists:%{o}.is.%{d} -all"},
                   {"_spf.example.net", "A 192.0.2.5"},
                   {"example.com.is._spf.example.net", "A 127.0.0.2"}},
                  "192.0.2.1")
                .result,
            Result::kPass);
}

TEST(SpfTest, Section6_2_ExplanationsAreReadAndNotFetched) {
  CheckRows({{"v=spf1 exp=why.example.com ~all", Result::kSoftFail},
             {"v=spf1 exp= ~all", Result::kPermError},
             {"v=spf1 exp=-all ~all", Result::kPermError},
             {"v=spf1 exp=why.example.com ~all exp=why.example.com", Result::kPermError}});
  TableLookup lookup(TableLookup::Zone{{"example.com", "TXT v=spf1 -all exp=why.example.com"}});
  CheckSpf(lookup, {*base::IpAddress::Parse("192.0.2.1"), "example.com", "", ""});
  EXPECT_THAT(lookup.asked(), Not(Contains("why.example.com")));
}

TEST(SpfTest, Section7_MacrosMakeTheNamesThatAreAskedFor) {
  const auto asks = [](const std::string& spec, const std::string& name, const std::string& address = "192.0.2.3") {
    const SpfOutcome outcome = Check({{"email.example.com", "TXT v=spf1 exists:" + spec + " -all"},
                                      {name, "A 127.0.0.2"},
                                      {"3.2.0.192.in-addr.arpa", "PTR mx.example.org"},
                                      {"3.2.0.192.in-addr.arpa", "PTR out.email.example.com"},
                                      {"mx.example.org", "A 192.0.2.3"},
                                      {"out.email.example.com", "A 192.0.2.3"}},
                                     address, "email.example.com", "strong-bad", "helo.example.net");
    EXPECT_EQ(outcome.result, Result::kPass) << spec << ": " << outcome.detail;
  };
  asks("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com");
  asks("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com");
  asks("%{ir}.%{v}._spf.%{d2}", "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com",
       "2001:db8::cb01");
  asks("%{h}.helo.%{o}", "helo.example.net.helo.email.example.com");
  asks("%{S}.s.%{d}", "strong-bad%40email.example.com.s.email.example.com");
  asks("%{p}.p.%{d}", "out.email.example.com.p.email.example.com");  // One below the domain is preferred.
  asks("%{p}.p.%{d}", "unknown.p.email.example.com", "192.0.2.4");
}

TEST(SpfTest, AppendixA_Examples) {
  const auto passes = [](const std::string& record, const std::string& address) {
    return Check({{"example.com", "TXT " + record},
                  {"example.com", "MX 10 mail-a.example.com"},
                  {"example.com", "MX 20 mail-b.example.com"},
                  {"example.com", "A 192.0.2.10"},
                  {"example.com", "A 192.0.2.11"},
                  {"amy.example.com", "A 192.0.2.65"},
                  {"mail-a.example.com", "A 192.0.2.129"},
                  {"mail-b.example.com", "A 192.0.2.130"},
                  {"example.org", "MX 10 mail-c.example.org"},
                  {"mail-c.example.org", "A 192.0.2.140"},
                  {"65.2.0.192.in-addr.arpa", "PTR amy.example.com"},
                  {"140.2.0.192.in-addr.arpa", "PTR mail-c.example.org"},
                  {"4.0.0.10.in-addr.arpa", "PTR bob.example.com"}},
                 address)
               .result == Result::kPass;
  };
  EXPECT_TRUE(passes("v=spf1 +all", "203.0.113.1"));
  EXPECT_TRUE(passes("v=spf1 a -all", "192.0.2.11"));
  EXPECT_FALSE(passes("v=spf1 a:example.org -all", "192.0.2.10"));
  EXPECT_TRUE(passes("v=spf1 mx -all", "192.0.2.130"));
  EXPECT_FALSE(passes("v=spf1 mx -all", "192.0.2.140"));
  EXPECT_TRUE(passes("v=spf1 mx mx:example.org -all", "192.0.2.140"));
  EXPECT_TRUE(passes("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131"));
  EXPECT_TRUE(passes("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143"));
  EXPECT_FALSE(passes("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.132"));
  EXPECT_TRUE(passes("v=spf1 ptr -all", "192.0.2.65"));
  EXPECT_FALSE(passes("v=spf1 ptr -all", "192.0.2.140"));
  EXPECT_FALSE(passes("v=spf1 ptr -all", "10.0.0.4"));
  EXPECT_TRUE(passes("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129"));
  EXPECT_FALSE(passes("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65"));
}

}  // namespace
}  // namespace dns
