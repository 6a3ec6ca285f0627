// What to publish in place of several SPF records.
#include "dns/spf_merge.h"

#include "gtest/gtest.h"

namespace dns {
namespace {

TEST(SpfMergeTest, Section4_5_OneRecordHasTheTermsOfAllAndTheMildestEnd) {
  EXPECT_EQ(MergeSpf({"v=spf1 include:a.example -all", "v=spf1 include:b.example ~all"}),
            "v=spf1 include:a.example include:b.example ~all");
  EXPECT_EQ(MergeSpf({"v=spf1 +mx ip4:192.0.2.1 -all exp=why.example.com", "V=SPF1 MX a -all"}),
            "v=spf1 mx ip4:192.0.2.1 a -all exp=why.example.com");
  EXPECT_EQ(MergeSpf({"v=spf1 a ?all", "v=spf1 mx -all", "v=spf1"}), "v=spf1 a mx ?all");
  EXPECT_EQ(MergeSpf({"v=spf1 a", "v=spf1 mx"}), "v=spf1 a mx ~all");
}

TEST(SpfMergeTest, Section6_1_ARedirectBecomesAnInclude) {
  EXPECT_EQ(MergeSpf({"v=spf1 redirect=_spf.example.net", "v=spf1 a -all"}), "v=spf1 include:_spf.example.net a -all");
  EXPECT_EQ(MergeSpf({"v=spf1 mx -all redirect=_spf.example.net", "v=spf1 a -all"}), "v=spf1 mx a -all");
}

TEST(SpfMergeTest, WhatCannotBeToldIsNotSuggested) {
  for (const char* other :
       {"v=spf1 moo", "v=spf1 +all", "v=spf1 -ip4:192.0.2.1 ~all", "v=spf1 ?include:x.example -all", "hello"})
    EXPECT_EQ(MergeSpf({"v=spf1 a -all", other}), std::nullopt) << other;
  EXPECT_EQ(MergeSpf({"v=spf1 a -all -ip4:192.0.2.1", "v=spf1 mx -all"}), "v=spf1 a mx -all");  // Behind "all".
}

}  // namespace
}  // namespace dns
