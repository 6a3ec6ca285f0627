#include "tls/mta_sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tls {
namespace {

using base::Duration;
using testing::ElementsAre;
using Mode = StsPolicy::Mode;
using Records = std::vector<std::string>;

TEST(MtaSts, M01_ExactlyOneRecordWithAnIdCounts) {
  EXPECT_EQ(StsIdOf(Records{"v=STSv1; id=20160831085700Z;"}), "20160831085700Z");
  EXPECT_EQ(StsIdOf(Records{"v=STSv1;id=a"}), "a");
  EXPECT_EQ(StsIdOf(Records{"v=STSv1 ; ext=1 ; id=a ; "}), "a");
  EXPECT_EQ(StsIdOf(Records{"v=spf1 -all", "v=STSv1; id=a;", "v=STSv10; id=b"}), "a");
  EXPECT_EQ(StsIdOf(Records{"v=STSv1; id=a; id=b;"}), "a");
  EXPECT_EQ(StsIdOf(Records{"v=STSv1; id=" + std::string(32, 'x')}), std::string(32, 'x'));
}

TEST(MtaSts, M01_AnythingElseIsNoPolicy) {
  for (const Records& records :
       {Records{}, Records{"v=STSv1; id=a;", "v=STSv1; id=b;"}, Records{"v=STSv1;"}, Records{"v=STSv1"},
        Records{"v=stsv1; id=a;"}, Records{" v=STSv1; id=a;"}, Records{"id=a; v=STSv1"}, Records{"v=STSv1; id=;"},
        Records{"v=STSv1; id=a-b;"}, Records{"v=STSv1; id=a b;"}, Records{"v=STSv1; id=" + std::string(33, 'x')},
        Records{"v=STSv1; id"}, Records{"v=STSv1; id=a;; ext"}, Records{"v=STSv1; =a; id=a"},
        Records{std::string("v=STSv1; id=a\0", 14)}}) {
    EXPECT_EQ(StsIdOf(records), std::nullopt) << (records.empty() ? "" : records.front());
  }
}

TEST(MtaSts, M03_APolicyIsRead) {
  const auto policy = ParseStsPolicy(
      "version: STSv1\r\nmode: enforce\r\nmx: Mail.Example.com\r\nmx:*.example.net. \r\nmax_age: 604800\r\n", "id1");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->id, "id1");
  EXPECT_EQ(policy->mode, Mode::kEnforce);
  EXPECT_EQ(policy->max_age, Duration::Seconds(604'800));
  EXPECT_THAT(policy->mx, ElementsAre("mail.example.com", "*.example.net"));
}

TEST(MtaSts, M03_LineEndsUnknownAndRepeatedFieldsDoNotMatter) {
  const auto policy = ParseStsPolicy(
      "mode: testing\nmax_age: 5\nx-new: caf\xC3\xA9: au lait\nmode: enforce\nmx: a.example\nversion: STSv1\n"
      "max_age: 99999999\n\n",
      "x");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->mode, Mode::kTesting);
  EXPECT_EQ(policy->max_age, Duration::Seconds(5));
  EXPECT_TRUE(ParseStsPolicy("version: STSv1\nmode: none\nmax_age: 0", "x").ok());
  EXPECT_EQ(ParseStsPolicy("version: STSv1\nmode: none\nmax_age: 9999999999", "x")->max_age, StsPolicy::kAgeMax);
}

TEST(MtaSts, M03_AMalformedPolicyIsNone) {
  const std::string good = "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.example\n";
  ASSERT_TRUE(ParseStsPolicy(good, "x").ok());
  for (const std::string file :
       {"", "version: STSv1\nmode: enforce\nmax_age: 1\n", "version: STSv2\nmode: none\nmax_age: 1\n",
        "mode: enforce\nmax_age: 1\nmx: a.example\n", "version: STSv1\nmax_age: 1\nmx: a.example\n",
        "version: STSv1\nmode: enforce\nmx: a.example\n", "version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a.example\n",
        "version: STSv1\nmode: enforce\nmax_age: -1\nmx: a.example\n",
        "version: STSv1\nmode: enforce\nmax_age: 12345678901\nmx: a.example\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.*.example\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a..example\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\nmx: *\n", "<html>\nversion: STSv1\nmode: none\nmax_age: 1\n"}) {
    EXPECT_FALSE(ParseStsPolicy(file, "x").ok()) << file;
  }
  std::string many = good;
  for (std::size_t i = 0; i < StsPolicy::kMxMax; ++i) many += "mx: b.example\n";
  EXPECT_FALSE(ParseStsPolicy(many, "x").ok());
}

TEST(MtaSts, M04_AWildcardStandsForOneLabel) {
  const StsPolicy policy{.id = "x", .mode = Mode::kEnforce, .max_age = {}, .mx = {"mx.example.com", "*.example.net"}};
  EXPECT_TRUE(policy.Names("mx.example.com"));
  EXPECT_TRUE(policy.Names("mx.example.net"));
  for (const char* host :
       {"example.com", "a.mx.example.com", "example.net", "a.b.example.net", "mxexample.net", "", "."})
    EXPECT_FALSE(policy.Names(host)) << host;
}

TEST(MtaSts, APolicySurvivesTheCacheFile) {
  for (const StsPolicy& policy :
       {StsPolicy{
            .id = "a1", .mode = Mode::kEnforce, .max_age = Duration::Hours(5), .mx = {"a.example", "*.b.example"}},
        StsPolicy{.id = "b", .mode = Mode::kNone, .max_age = {}, .mx = {}}}) {
    EXPECT_EQ(ReadStsPolicy(FormatStsPolicy(policy)), policy);
  }
  for (const char* line :
       {"", "a", "a enforce", "a enforce 5", "a enforce 5 -", "a enforce x b", "a b 5 c", "a;b none 5 -"})
    EXPECT_EQ(ReadStsPolicy(line), std::nullopt) << line;
}

}  // namespace
}  // namespace tls
