#include "engine/campaign/suppression.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/campaign/address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace campaign {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SuppressionTest : public ::testing::Test {
 protected:
  void Load(std::string_view text) {
    const absl::Status status = list.Add(text, "stop.txt");
    EXPECT_TRUE(status.ok()) << status;
    list.Seal();
  }
  bool Has(std::string_view text) const {
    Address address;
    std::string_view reason;
    EXPECT_TRUE(ParseAddress(text, address, reason)) << reason;
    return list.Contains(address.folded, address.domain);
  }
  static std::string Problem(std::string_view text) {
    Suppression list;
    const absl::Status status = list.Add(text, "stop.txt");
    EXPECT_FALSE(status.ok()) << text;
    return std::string(status.message());
  }

  Suppression list;
};

TEST_F(SuppressionTest, AnEmptyListHasNobody) {
  EXPECT_TRUE(list.empty());
  Load("\n  \n# nobody\n#a@example.com\n");
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(Has("a@example.com"));
}

TEST_F(SuppressionTest, AddressesAreComparedFolded) {
  Load("Zoe@Example.com\n  max@example.net  \r\ninfo@bücher.example");
  EXPECT_FALSE(list.empty());
  EXPECT_TRUE(Has("zoe@example.com"));
  EXPECT_TRUE(Has("ZOE@EXAMPLE.COM"));
  EXPECT_TRUE(Has("max@example.net"));
  EXPECT_TRUE(Has("info@xn--bcher-kva.example"));
  EXPECT_FALSE(Has("zoe@example.net"));
  EXPECT_FALSE(Has("zoes@example.com"));
}

TEST_F(SuppressionTest, ADomainHasAllItsAddressesAndNoSubdomain) {
  Load("@Example.com\n@Bücher.example\n");
  EXPECT_TRUE(Has("anyone@example.com"));
  EXPECT_TRUE(Has("anyone@EXAMPLE.com"));
  EXPECT_TRUE(Has("anyone@xn--bcher-kva.example"));
  EXPECT_FALSE(Has("anyone@mail.example.com"));
  EXPECT_FALSE(Has("anyone@example.net"));
}

TEST_F(SuppressionTest, TheDotOfTheRootDoesNotCount) {
  Load("@example.com.\nzoe@example.net.\n");
  EXPECT_TRUE(Has("anyone@example.com"));
  EXPECT_TRUE(Has("zoe@example.net"));
}

TEST_F(SuppressionTest, HashesAreOfFoldedAddresses) {
  // printf %s zoe@example.com | sha256sum
  Load("sha256:3e693cf7e5b67880bff33b2d2626dadb7bf1d4bc737192e47cf8baa89acf2250\n");
  EXPECT_FALSE(list.empty());
  EXPECT_TRUE(Has("Zoe@Example.com"));
  EXPECT_FALSE(Has("zoe@example.net"));
}

TEST_F(SuppressionTest, HashesMayBeOfUpperCaseDigits) {
  Load("sha256:3E693CF7E5B67880BFF33B2D2626DADB7BF1D4BC737192E47CF8BAA89ACF2250");
  EXPECT_TRUE(Has("zoe@example.com"));
}

TEST_F(SuppressionTest, SeveralFilesAreOneList) {
  ASSERT_TRUE(list.Add("z@example.com\n", "a.txt").ok());
  ASSERT_TRUE(list.Add("@example.net\na@example.com\n", "b.txt").ok());
  list.Seal();
  EXPECT_TRUE(Has("z@example.com"));
  EXPECT_TRUE(Has("a@example.com"));
  EXPECT_TRUE(Has("a@example.net"));
  EXPECT_FALSE(Has("b@example.com"));
}

TEST_F(SuppressionTest, ALongListIsSearchedThrough) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "user" + std::to_string(i * 2) + "@example.com\n";
  Load(text);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(Has("user" + std::to_string(i) + "@example.com"), i % 2 == 0) << i;
}

// Editors on Windows write it; the first address must not be lost to it.
TEST_F(SuppressionTest, AByteOrderMarkIsSkipped) {
  Load("\xEF\xBB\xBFzoe@example.com\r\nmax@example.com\r\n");
  EXPECT_TRUE(Has("zoe@example.com"));
  EXPECT_TRUE(Has("max@example.com"));
}

TEST_F(SuppressionTest, LinesThatAreNoneOfTheseAreNamed) {
  EXPECT_EQ(Problem("a@example.com\n\nnobody\n"),
            "stop.txt:3: \"nobody\": no @; an address, @domain or sha256:HEX belongs here");
  EXPECT_THAT(Problem("sha256:00ff"), HasSubstr("stop.txt:1: \"sha256:00ff\": sha256: wants 64 hexadecimal digits"));
  EXPECT_THAT(Problem("sha256:" + std::string(64, 'g')), HasSubstr("wants 64 hexadecimal digits"));
  EXPECT_THAT(Problem("a@example.com b@example.com"), HasSubstr("a character that needs quotes"));
  EXPECT_THAT(Problem("x\xFF@example.com"), HasSubstr("not UTF-8"));
}

// A domain that no address can have would suppress nobody without a word.
TEST_F(SuppressionTest, DomainsThatNoAddressHasAreRefused) {
  for (const char* bad :
       {"@", "@*.example.com", "@example com", "@example.com # they asked", "@@example.com", "@-example.com"}) {
    EXPECT_THAT(Problem(bad), HasSubstr("stop.txt:1: ")) << bad;
  }
}

TEST_F(SuppressionTest, AtMostTenLinesAreNamed) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "nobody\n";
  const std::string problem = Problem(text);
  EXPECT_THAT(problem, HasSubstr("stop.txt:10: "));
  EXPECT_THAT(problem, Not(HasSubstr("stop.txt:11: ")));
}

TEST_F(SuppressionTest, EntriesThatMeanTheSameAreTheSameLine) {
  const std::string hex(64, 'A');
  EXPECT_EQ(*SuppressionLine(" Zoe@B\xC3\xBC"
                             "cher.Example "),
            "zoe@xn--bcher-kva.example");
  EXPECT_EQ(*SuppressionLine("@Example.COM."), "@example.com");
  EXPECT_EQ(*SuppressionLine("sha256:" + hex), "sha256:" + std::string(64, 'a'));
  EXPECT_THAT(SuppressionLine("nobody").status().message(),
              HasSubstr("an address, @domain or sha256:HEX belongs here"));
  EXPECT_FALSE(SuppressionLine(" ").ok());
  Load("zoe@example.com\n@gone.example\nsha256:" + hex);
  for (const char* line : {"zoe@example.com", "@gone.example"}) EXPECT_TRUE(list.Has(line)) << line;
  EXPECT_TRUE(list.Has("sha256:" + std::string(64, 'a')));
  EXPECT_FALSE(list.Has("x@gone.example"));
  EXPECT_FALSE(list.Has("sha256:" + std::string(64, 'b')));
}

TEST_F(SuppressionTest, ListsOfSeveralFilesAreOne) {
  SuppressionLists lists;
  EXPECT_FALSE(lists.Contains("zoe@example.com", "example.com"));
  for (const char* text : {"zoe@example.com\n", "@gone.example\n"}) {
    auto one = std::make_shared<Suppression>();
    ASSERT_TRUE(one->Add(text, "f").ok());
    one->Seal();
    lists.Add(std::move(one));
  }
  EXPECT_TRUE(lists.Contains("zoe@example.com", "example.com"));
  EXPECT_TRUE(lists.Contains("a@gone.example", "gone.example"));
  EXPECT_FALSE(lists.Contains("a@example.com", "example.com"));
}

}  // namespace
}  // namespace campaign
