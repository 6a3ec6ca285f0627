// What the terms of SPF say: RFC 7208 sections 5 and 6, over a table.
#include <string>

#include "dns/spf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/spf_records.h"

namespace dns {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Result = SpfResult;

TEST(SpfTermsTest, Section5_1_All) {
  CheckRows({{"v=spf1 all -all", Result::kPass},
             {"v=spf1 -all.", Result::kPermError},
             {"v=spf1 -all:foobar", Result::kPermError},
             {"v=spf1 -all/8", Result::kPermError}});
}

TEST(SpfTermsTest, Section5_2_WhatAnIncludeMakesOfEachResult) {
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
  EXPECT_THAT(OutcomeOf("v=spf1 include:none.example.net -all").detail,
              HasSubstr("none.example.net has no SPF record"));
}

TEST(SpfTermsTest, Section5_3_A) {
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
  EXPECT_EQ(OutcomeOf("v=spf1 a:mx.example.org -all", "2001:db8::1").result, Result::kPass);
}

TEST(SpfTermsTest, Section5_4_Mx) {
  CheckRows({{"v=spf1 mx:example.org -all", Result::kPass},
             {"v=spf1 mx:example.org/24 -all", Result::kPass},
             {"v=spf1 mx -all", Result::kFail},  // No MX: its address does not stand in.
             {"v=spf1 mx:mx.example.org -all", Result::kFail},
             {"v=spf1 mx:dead.example.net -all", Result::kTempError},
             {"v=spf1 mx/33 -all", Result::kPermError},
             {"v=spf1 mx: -all", Result::kPermError},
             {"v=spf1 mx:abc.123 -all", Result::kPermError}});
  EXPECT_EQ(OutcomeOf("v=spf1 mx:example.org//64 -all", "2001:db8::77").result, Result::kPass);
  EXPECT_EQ(Check({{"example.com", "TXT v=spf1 mx -all"}, {"example.com", "MX 0 "}}, "192.0.2.1").result,
            Result::kFail);
}

TEST(SpfTermsTest, Section5_5_PtrCountsOnlyNamesThatLeadBack) {
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

TEST(SpfTermsTest, Section5_6_Networks) {
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

TEST(SpfTermsTest, Section5_6_AMappedAddressIsIpv4) {
  EXPECT_EQ(OutcomeOf("v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1").result, Result::kPass);
  EXPECT_EQ(OutcomeOf("v=spf1 ip6:::ffff:192.0.2.1 -all", "::ffff:192.0.2.1").result, Result::kFail);
}

TEST(SpfTermsTest, Section5_7_ExistsAsksForIpv4Always) {
  CheckRows({{"v=spf1 exists:exists.example.net -all", Result::kPass},
             {"v=spf1 exists:six.example.net -all", Result::kFail},
             {"v=spf1 exists:dead.example.net -all", Result::kTempError},
             {"v=spf1 exists -all", Result::kPermError},
             {"v=spf1 exists: -all", Result::kPermError},
             {"v=spf1 exists:exists.example.net/24 -all", Result::kPermError}});
  EXPECT_EQ(OutcomeOf("v=spf1 exists:exists.example.net -all", "2001:db8::9").result, Result::kPass);
}

TEST(SpfTermsTest, Section6_1_Redirect) {
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

TEST(SpfTermsTest, Section6_2_ExplanationsAreReadAndNotFetched) {
  CheckRows({{"v=spf1 exp=why.example.com ~all", Result::kSoftFail},
             {"v=spf1 exp= ~all", Result::kPermError},
             {"v=spf1 exp=-all ~all", Result::kPermError},
             {"v=spf1 exp=why.example.com ~all exp=why.example.com", Result::kPermError}});
  TableLookup lookup(TableLookup::Zone{{"example.com", "TXT v=spf1 -all exp=why.example.com"}});
  CheckSpf(lookup, {*base::IpAddress::Parse("192.0.2.1"), "example.com", "", ""});
  EXPECT_THAT(lookup.asked(), Not(Contains("why.example.com")));
}

}  // namespace
}  // namespace dns
