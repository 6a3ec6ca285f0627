// DMARC records and the walk up the tree, by RFC 9989 sections 4.4, 4.7 and 4.10.
#include "dns/dmarc.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/table_lookup.h"

namespace dns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Zone = TableLookup::Zone;

TEST(DmarcRecordTest, ReadsEveryTag) {
  const auto record = ParseDmarc(
      "v=DMARC1; p=quarantine; sp=reject;np=none ; adkim=s; aspf=S; psd=n; t=y; rua=mailto:d@example.com; fo=1;");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->policy, DmarcPolicy::kQuarantine);
  EXPECT_EQ(record->subdomains, DmarcPolicy::kReject);
  EXPECT_EQ(record->nonexistent, DmarcPolicy::kNone);
  EXPECT_TRUE(record->strict_dkim && record->strict_spf && record->testing && record->has_reports);
  EXPECT_EQ(record->psd, DmarcRecord::Psd::kNo);
  EXPECT_THAT(record->oddities, IsEmpty());
}

TEST(DmarcRecordTest, TheDefaultsAreRelaxed) {
  const auto record = ParseDmarc(" v = DMARC1 ;p = none");
  EXPECT_FALSE(record.has_value());  // Nothing may be before the version.
  const auto spaced = ParseDmarc("v = DMARC1 ; p = none");
  ASSERT_TRUE(spaced.has_value());
  EXPECT_EQ(spaced->policy, DmarcPolicy::kNone);
  EXPECT_FALSE(spaced->strict_dkim || spaced->strict_spf || spaced->testing || spaced->has_reports);
  EXPECT_EQ(spaced->psd, DmarcRecord::Psd::kUnknown);
}

TEST(DmarcRecordTest, OtherVersionsAreNoRecord) {
  for (const char* text : {"", "v=DMARC2; p=none", "v=dmarc1; p=none", "p=none; v=DMARC1", "v=spf1 -all", "v",
                           "V=DMARC1", "v=DMARC1 p=none", "=DMARC1"}) {
    EXPECT_FALSE(ParseDmarc(text).has_value()) << text;
  }
  EXPECT_TRUE(ParseDmarc("v=DMARC1").has_value());
}

TEST(DmarcRecordTest, A03_RemovedTagsAndValuesWithoutMeaningAreTold) {
  const auto record =
      ParseDmarc("v=DMARC1; p=nothing; pct=50; ri=86400; rf=afrf; aspf=x; psd=maybe; rua=example.com; hello; t=");
  ASSERT_TRUE(record.has_value());
  EXPECT_FALSE(record->policy.has_value());
  EXPECT_THAT(record->oddities,
              ElementsAre("p=nothing means nothing", HasSubstr("pct= has no effect"), HasSubstr("ri="),
                          HasSubstr("rf="), "aspf=x means nothing", "psd=maybe means nothing",
                          "rua=example.com means nothing", "\"hello\" is no tag", "t= means nothing"));
}

TEST(DmarcRecordTest, A03_WhatMakesItCountForNobodyIsTold) {
  EXPECT_TRUE(ParseDmarc("v=DMARC1; p=none; sp=quarantin")->wrong_policy);
  EXPECT_TRUE(ParseDmarc("v=DMARC1; p=none; np=")->wrong_policy);
  EXPECT_FALSE(ParseDmarc("v=DMARC1; p=wrong; sp=none; np=reject")->wrong_policy);  // `policy` says so.
  EXPECT_EQ(ParseDmarc("v=DMARC1; p=reject; P=none")->repeated, "p");
  EXPECT_EQ(ParseDmarc("v=DMARC1; p=none; fo=1; x=; fo=1")->repeated, "fo");
  EXPECT_EQ(ParseDmarc("v=DMARC1; p=none; sp=none;; np=none;")->repeated, "");
}

TEST(DmarcRecordTest, OneUriToReportToIsEnough) {
  EXPECT_TRUE(ParseDmarc("v=DMARC1; rua=https://x.example/,mailto:d@example.com!10m")->has_reports);
  EXPECT_TRUE(ParseDmarc("v=DMARC1; rua=mailto:d@example.com , mailto:e@example.com")->has_reports);
  EXPECT_FALSE(ParseDmarc("v=DMARC1; rua=,https://x.example/@,")->has_reports);
}

TEST(DmarcTest, A03_TheDomainsOwnRecordHolds) {
  TableLookup lookup(
      Zone{{"_dmarc.news.example.com", "TXT v=DMARC1; p=none"}, {"_dmarc.example.com", "TXT v=DMARC1; p=reject"}});
  const DmarcWalk walk = WalkDmarc(lookup, "news.example.com");
  EXPECT_THAT(lookup.asked(), ElementsAre("_dmarc.news.example.com", "_dmarc.example.com", "_dmarc.com"));
  EXPECT_EQ(walk.organization, "example.com");  // The record with the fewest labels.
  ASSERT_NE(PolicyFor(walk, "news.example.com"), nullptr);
  EXPECT_EQ(PolicyFor(walk, "news.example.com")->domain, "news.example.com");
}

TEST(DmarcTest, A03_ElseThatOfTheOrganizationHolds) {
  TableLookup lookup(
      Zone{{"_dmarc.b.example.com", "TXT v=DMARC1; p=none"}, {"_dmarc.example.com", "TXT v=DMARC1; p=reject"}});
  const DmarcWalk walk = WalkDmarc(lookup, "a.b.example.com");
  ASSERT_NE(PolicyFor(walk, "a.b.example.com"), nullptr);
  EXPECT_EQ(PolicyFor(walk, "a.b.example.com")->domain, "example.com");
}

TEST(DmarcTest, A03_WithoutAnyRecordTheDomainIsItsOwnOrganization) {
  TableLookup lookup(Zone{{"_dmarc.example.com", "TXT hello"}});
  const DmarcWalk walk = WalkDmarc(lookup, "news.example.com");
  EXPECT_EQ(walk.organization, "news.example.com");
  EXPECT_EQ(PolicyFor(walk, "news.example.com"), nullptr);
  EXPECT_FALSE(walk.temporary);
}

TEST(DmarcTest, A03_PsdNoEndsTheWalkAndNamesTheOrganization) {
  TableLookup lookup(Zone{{"_dmarc.dept.example.com", "TXT v=DMARC1; p=none; psd=n"},
                          {"_dmarc.example.com", "TXT v=DMARC1; p=reject"}});
  const DmarcWalk walk = WalkDmarc(lookup, "news.dept.example.com");
  EXPECT_THAT(lookup.asked(), ElementsAre("_dmarc.news.dept.example.com", "_dmarc.dept.example.com"));
  EXPECT_EQ(walk.organization, "dept.example.com");
}

TEST(DmarcTest, A03_PsdYesPutsTheOrganizationOneBelow) {
  TableLookup lookup(Zone{{"_dmarc.bank", "TXT v=DMARC1; p=reject; psd=y"}});
  const DmarcWalk walk = WalkDmarc(lookup, "news.mail.example.bank");
  EXPECT_EQ(walk.organization, "example.bank");
  ASSERT_NE(PolicyFor(walk, "news.mail.example.bank"), nullptr);  // That of the public suffix.
  EXPECT_EQ(PolicyFor(walk, "news.mail.example.bank")->domain, "bank");
  EXPECT_EQ(WalkDmarc(lookup, "bank").organization, "bank");
}

TEST(DmarcTest, A03_EightQuestionsAtMost) {
  TableLookup lookup(Zone{});
  WalkDmarc(lookup, "a.b.c.d.e.f.g.h.i.j.mail.example.com");
  EXPECT_THAT(lookup.asked(),
              ElementsAre("_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com",
                          "_dmarc.h.i.j.mail.example.com", "_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com",
                          "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"));
}

TEST(DmarcTest, A03_SeveralRecordsOfOneNameDoNotCount) {
  TableLookup lookup(
      Zone{{"_dmarc.example.com", "TXT v=DMARC1; p=none"}, {"_dmarc.example.com", "TXT v=DMARC1; p=reject"}});
  const DmarcWalk walk = WalkDmarc(lookup, "example.com");
  EXPECT_EQ(PolicyFor(walk, "example.com"), nullptr);
  ASSERT_EQ(walk.several.size(), 1U);
  EXPECT_EQ(walk.several.front().domain, "example.com");
  EXPECT_THAT(walk.several.front().texts, ElementsAre("v=DMARC1; p=none", "v=DMARC1; p=reject"));
}

TEST(DmarcTest, AQuestionWithoutAnAnswerLeavesItOpen) {
  TableLookup lookup(Zone{{"_dmarc.news.example.com", "TXT v=DMARC1; p=none"}, {"_dmarc.example.com", "FAIL"}});
  const DmarcWalk walk = WalkDmarc(lookup, "news.example.com");
  EXPECT_TRUE(walk.temporary);
  EXPECT_THAT(walk.detail, HasSubstr("_dmarc.example.com"));
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "example.com", false), std::nullopt);
}

TEST(DmarcTest, K14_AlignmentIsTheSameNameOrTheSameOrganization) {
  TableLookup lookup(
      Zone{{"_dmarc.example.com", "TXT v=DMARC1; p=none"}, {"_dmarc.example.net", "TXT v=DMARC1; p=none"}});
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "news.example.com", true), true);
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "example.com", true), false);
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "example.com", false), true);
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "bounces.mail.example.com", false), true);
  EXPECT_EQ(IsAligned(lookup, "news.example.com", "example.net", false), false);
  EXPECT_EQ(IsAligned(lookup, "news.example.org", "example.org", false), false);  // No record makes them one.
}

}  // namespace
}  // namespace dns
