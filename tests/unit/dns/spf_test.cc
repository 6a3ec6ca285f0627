// SPF by the sections of RFC 7208, over a table.
#include "dns/spf.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/spf_records.h"

namespace dns {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Result = SpfResult;

TEST(SpfTest, Section2_6_TheNamesOfTheResults) {
  const std::pair<Result, const char*> names[] = {
      {Result::kNone, "none"},           {Result::kNeutral, "neutral"},   {Result::kPass, "pass"},
      {Result::kFail, "fail"},           {Result::kSoftFail, "softfail"}, {Result::kTempError, "temperror"},
      {Result::kPermError, "permerror"},
  };
  for (const auto& [result, name] : names) EXPECT_EQ(ToString(result), name);
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
  EXPECT_THAT(two.detail, HasSubstr("example.com has 2 SPF records, and none counts: merge them into one"));
  EXPECT_EQ(two.record, "");
  EXPECT_THAT(two.several, testing::ElementsAre("v=spf1 +all", "v=spf1 -all"));
  const SpfOutcome included = Check({{"example.com", "TXT v=spf1 include:example.net"},
                                     {"example.net", "TXT v=spf1 +all"},
                                     {"example.net", "TXT v=spf1 -all"}},
                                    "192.0.2.1");
  EXPECT_EQ(included.result, Result::kPermError);
  EXPECT_THAT(included.several, testing::IsEmpty());  // They are somebody else's.
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
  EXPECT_THAT(OutcomeOf("v=spf1 ipv4:192.0.2.1 -all").detail, HasSubstr("\"ipv4:192.0.2.1\" is no mechanism"));
}

TEST(SpfTest, Section4_6_2_QualifiersDecideTheResult) {
  CheckRows({{"v=spf1 ip4:192.0.2.1", Result::kPass},
             {"v=spf1 +ip4:192.0.2.1", Result::kPass},
             {"v=spf1 -ip4:192.0.2.1", Result::kFail},
             {"v=spf1 ~ip4:192.0.2.1", Result::kSoftFail},
             {"v=spf1 ?ip4:192.0.2.1", Result::kNeutral},
             {"v=spf1 ?ip4:192.0.2.1 +all", Result::kNeutral}});
}

TEST(SpfTest, Section4_6_2_TheFirstMechanismThatMatchesDecides) {
  CheckRows({{"v=spf1 ip4:198.51.100.1 ~ip4:192.0.2.1 -all ip4:192.0.2.1", Result::kSoftFail},
             {"v=spf1 -all include:dead.example.net", Result::kFail},  // Nobody is asked any more.
             {"v=spf1 include:dead.example.net ip4:192.0.2.1", Result::kTempError}});
}

TEST(SpfTest, Section4_6_3_UnknownModifiersAreIgnoredWhereverTheyStand) {
  CheckRows({{"v=spf1 extra=%{i}.x ip4:192.0.2.1 -all", Result::kPass},
             {"v=spf1 -ip4:192.0.2.1 x.y-z_1= +all x.y-z_1=", Result::kFail},
             {"v=spf1 redirect=fail.example.net extra=1 ip4:192.0.2.1", Result::kPass}});
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
  EXPECT_EQ(OutcomeOf("v=spf1 a:no1.example.org a:no2.example.org ?all").voids, 2U);
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

TEST(SpfTest, Section4_6_4_TheNamesOfAnAddressAreLookedForOnce) {
  std::string record = "TXT v=spf1";
  for (int i = 0; i < 10; ++i) record += " exists:%{p}%{p}%{p}%{p}.%{p}.example.com";
  TableLookup::Zone zone = {{"example.com", record + " ?all"},
                            {"unknownunknownunknownunknown.unknown.example.com", "TXT it exists"}};
  for (int i = 0; i < 50; ++i) zone.emplace_back("1.2.0.192.in-addr.arpa", absl::StrCat("PTR n", i, ".example.com"));
  TableLookup lookup(zone);
  CheckSpf(lookup, {*base::IpAddress::Parse("192.0.2.1"), "example.com", "news", "mta.example.com"});
  EXPECT_EQ(std::count(lookup.asked().begin(), lookup.asked().end(), "1.2.0.192.in-addr.arpa"), 1);
  EXPECT_EQ(std::count(lookup.asked().begin(), lookup.asked().end(), "n9.example.com"), 1);
  EXPECT_THAT(lookup.asked(), Not(Contains("n10.example.com")));
}

TEST(SpfTest, Section4_7_TheDefaultIsNeutral) { CheckRows({{"v=spf1 ip4:198.51.100.1", Result::kNeutral}}); }

TEST(SpfTest, Section4_8_NamesThatNobodyCanHaveMatchNothing) {
  CheckRows(
      {{"v=spf1 a:mail..example.com -all", Result::kFail},
       {"v=spf1 a:a123456789012345678901234567890123456789012345678901234567890123.example.com -all", Result::kFail}});
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
  asks("a[1]+%_b.%{S}.%{d}", "a[1]+\\032b.strong-bad%40email.example.com.email.example.com");
  asks("%{h}.helo.%{o}", "helo.example.net.helo.email.example.com");
  asks("%{S}.s.%{d}", "strong-bad%40email.example.com.s.email.example.com");
  asks("%{p}.p.%{d}", "out.email.example.com.p.email.example.com");  // One below the domain is preferred.
  asks("%{p}.p.%{d}", "unknown.p.email.example.com", "192.0.2.4");
}

TEST(SpfTest, Section7_2_WhatTheLettersStandFor) {
  const auto asks = [](const std::string& letter, const std::string& value, const std::string& address = "192.0.2.3") {
    const SpfOutcome outcome = Check({{"email.example.com", "TXT v=spf1 include:deep.example.net -all"},
                                      {"deep.example.net", "TXT v=spf1 exists:%{" + letter + "}.x -all"},
                                      {value + ".x", "A 127.0.0.2"}},
                                     address, "email.example.com", "strong-bad", "helo.example.net");
    EXPECT_EQ(outcome.result, Result::kPass) << letter << ": " << outcome.detail;
  };
  asks("s", "strong-bad@email.example.com");
  asks("l", "strong-bad");
  asks("o", "email.example.com");
  asks("d", "deep.example.net");  // The record's own.
  asks("i", "192.0.2.3");
  asks("i", "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1", "2001:db8::cb01");
  asks("i", "192.0.2.3", "::ffff:192.0.2.3");
  asks("p", "unknown");
  asks("v", "in-addr");
  asks("v", "ip6", "2001:db8::cb01");
  asks("h", "helo.example.net");
}

TEST(SpfTest, Section7_3_ValuesMayHaveAnyBytes) {
  const auto asks = [](const std::string& local_part, const std::string& name) {
    const TableLookup::Zone zone = {{"example.com", "TXT v=spf1 include:%{l}._spf.%{d} -all"},
                                    {name, "TXT v=spf1 exists:%{l}.%{d} -all"},
                                    {name.substr(0, name.find("._spf")) + "." + name, "A 127.0.0.2"}};
    const SpfOutcome outcome = Check(zone, "192.0.2.1", "example.com", local_part);
    EXPECT_EQ(outcome.result, Result::kPass) << outcome.detail;
  };
  asks("bounce+v1abc", "bounce+v1abc._spf.example.com");
  asks("Bounce=[1]", "bounce=[1]._spf.example.com");
  asks("\"a b\\c\"", "\"a\\032b\\092c\"._spf.example.com");
  asks("j\xC3\xBCrgen", "j\\195\\188rgen._spf.example.com");
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
