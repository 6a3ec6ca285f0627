#include "engine/base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace base {
namespace {

TEST(Text, ChangesTheCaseOfAsciiOnly) {
  EXPECT_EQ(LowerAscii("AbZ@[`{1\xC3\x84"), "abz@[`{1\xC3\x84");
  EXPECT_TRUE(EqualsIgnoreCase("Mail", "mAIL"));
  EXPECT_FALSE(EqualsIgnoreCase("mail", "mails"));
  EXPECT_FALSE(EqualsIgnoreCase("\xC3\x84", "\xC3\xA4"));
  EXPECT_TRUE(StartsWithIgnoreCase("EHLO x", "ehlo"));
  EXPECT_FALSE(StartsWithIgnoreCase("EH", "ehlo"));
}

TEST(Text, TrimsBlanksAtBothEnds) {
  EXPECT_EQ(TrimAscii(" \t a b\r\n"), "a b");
  EXPECT_EQ(TrimAscii(" \r\n\t "), "");
  EXPECT_EQ(TrimAscii(""), "");
}

TEST(Text, KnowsWellFormedUtf8) {
  for (const char* good : {"", "ascii", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
                           "a\xE2\x82\xAC"
                           "b"})
    EXPECT_TRUE(IsUtf8(good)) << good;
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC2", "\xE2\x82", "\xF0\x90\x80", "\xC2\x41", "\xE2\x41\x80",
        "\xE2\x82\x41", "\xF0\x90\x41\x80", "\xF0\x90\x80\x41"})
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  EXPECT_TRUE(IsUtf8(std::string("a\0b", 3)));
}

TEST(Text, ReadsOnlyWholeNumbersInRange) {
  EXPECT_EQ(ParseInteger<int>("-12"), -12);
  EXPECT_EQ(ParseInteger<std::uint8_t>("255"), 255);
  EXPECT_EQ(ParseInteger<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "+1", "1.0", "0x1", "one", "-"})
    EXPECT_FALSE(ParseInteger<int>(text)) << text;
  EXPECT_FALSE(ParseInteger<std::uint8_t>("256"));
  EXPECT_FALSE(ParseInteger<std::uint8_t>("-1"));
  EXPECT_FALSE(ParseInteger<std::uint64_t>("18446744073709551616"));
}

TEST(Text, CountsEdits) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", "abc"), 0u);
  EXPECT_EQ(EditDistance("abc", "acb"), EditDistance("acb", "abc"));
}

TEST(Text, FindsTheNearestWordAndNoneWhereNoneIsNear) {
  const std::vector<std::string> keys = {"subject", "html", "text"};
  EXPECT_EQ(Nearest("subjct", keys), "subject");
  EXPECT_EQ(Nearest("txt", keys), "text");
  EXPECT_EQ(Nearest("completely_different_word", std::vector<std::string>{"x"}), "");
  EXPECT_EQ(Nearest("anything", std::vector<std::string>{}), "");
}

}  // namespace
}  // namespace base
