#include "engine/message/header_encoding.h"

#include <string>
#include <string_view>

#include "engine/base/prng.h"
#include "engine/base/text.h"
#include "gtest/gtest.h"
#include "tests/unit/message/mime_reader.h"

namespace message {
namespace {

std::string Clean(std::string_view text) {
  std::string out;
  AppendCleanText(text, out);
  return out;
}

std::string Subject(std::string_view text, bool keep_long_words = false) {
  std::string out = "Subject:";
  AppendUnstructured(text, out.size(), keep_long_words, out);
  return out;
}

std::string To(std::string_view name, std::string_view address = "a@example.com") {
  std::string out = "To:";
  AppendMailbox(name, address, out.size(), out);
  return out;
}

// Every line within `limit`, and none blank.
void ExpectLines(std::string_view header, std::size_t limit) {
  while (true) {
    const std::size_t end = std::min(header.find("\r\n"), header.size());
    EXPECT_LE(end, limit) << header;
    EXPECT_NE(header.substr(0, end).find_first_not_of(' '), std::string_view::npos) << header;
    if (end == header.size()) return;
    header.remove_prefix(end + 2);
    EXPECT_EQ(header.front(), ' ');
  }
}

// The value as a reader sees it.
std::string Read(std::string_view header) {
  return testing::DecodeWords(testing::Unfold(header.substr(header.find(':') + 1)));
}

TEST(HeaderEncoding, S13_MakesOneSpaceOfEachRunOfControls) {
  EXPECT_EQ(Clean("a\r\nBcc: x"), "a Bcc: x");
  EXPECT_EQ(Clean("a\n\r\t\x01"
                  "b"),
            "a b");
  EXPECT_EQ(Clean(std::string_view("a\0b\x7F", 4)), "a b");
  EXPECT_EQ(Clean("a\xC2\x85"
                  "b\xE2\x80\xA8"
                  "c\xE2\x80\xA9"
                  "d"),
            "a b c d");
  EXPECT_EQ(Clean("  \n a  b \r\n"), "a  b");
  EXPECT_EQ(Clean("a\xFF\xC3"), "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(Clean(" \t "), "");
}

TEST(HeaderEncoding, WritesPlainTextAsItIs) {
  EXPECT_EQ(Subject("Hello, world (1)"), "Subject: Hello, world (1)");
  EXPECT_EQ(Subject(""), "Subject:");
}

TEST(HeaderEncoding, F02_FoldsAtSpacesAndKeepsThemAll) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += (i % 7 == 0 ? "word   " : "word ");
  text.pop_back();
  const std::string header = Subject(text);
  ExpectLines(header, 78);
  EXPECT_EQ(Read(header), text);
}

TEST(HeaderEncoding, F02_EncodesWordsTooLongToFold) {
  const std::string text(300, 'x');
  ExpectLines(Subject(text), 78);
  EXPECT_EQ(Read(Subject(text)), text);
  const std::string gap = "a" + std::string(1500, ' ') + "b";
  ExpectLines(Subject(gap), 78);
  EXPECT_EQ(Read(Subject(gap)), gap);
  EXPECT_EQ(Subject(text, true), "Subject: " + text);
  ExpectLines(Subject(std::string(2000, 'x'), true), 78);
}

TEST(HeaderEncoding, F06_EncodesWhatIsNotAsciiOrLooksEncoded) {
  EXPECT_EQ(Subject("Zo\xC3\xAB"), "Subject: =?utf-8?Q?Zo=C3=AB?=");
  EXPECT_EQ(Subject("Ein sch\xC3\xB6ner Tag"), "Subject: =?utf-8?Q?Ein_sch=C3=B6ner_Tag?=");
  const std::string sneaky = "=?utf-8?Q?hidden?=";
  EXPECT_EQ(Read(Subject(sneaky)), sneaky);
  EXPECT_EQ(Subject(sneaky).find("hidden"), std::string::npos);
}

TEST(HeaderEncoding, F06_WritesNamesAsAtomsQuotedOrEncoded) {
  EXPECT_EQ(To(""), "To: a@example.com");
  EXPECT_EQ(To("Example News"), "To: Example News <a@example.com>");
  EXPECT_EQ(To("Doe, J. \"Joe\" \\"), "To: \"Doe, J. \\\"Joe\\\" \\\\\" <a@example.com>");
  EXPECT_EQ(To("a  b"), "To: \"a  b\" <a@example.com>");
  EXPECT_EQ(To("\xE5\xB1\xB1\xE7\x94\xB0"), "To: =?utf-8?B?5bGx55Sw?= <a@example.com>");
  EXPECT_EQ(To("=?x?="), "To: =?utf-8?B?PT94Pz0=?= <a@example.com>");
  const std::string header = To("x <b@example.net>, \"y\"");
  EXPECT_EQ(header, "To: \"x <b@example.net>, \\\"y\\\"\" <a@example.com>");
}

TEST(HeaderEncoding, F06_ReadsBackTextsOfEveryPlane) {
  base::Prng prng(11);
  for (int round = 0; round < 2000; ++round) {
    constexpr std::string_view kPieces[] = {"a",
                                            " ",
                                            "=?",
                                            "?=",
                                            "_",
                                            "\xC3\xA9",
                                            "\xE0\xA4\x95",
                                            "\xE4\xB8\xAD",
                                            "\xF0\x9F\x98\x80",
                                            "\xF0\xA0\x80\x8B",
                                            "\xF3\xA0\x81\xBF",
                                            "\xF4\x8F\xBF\xBD",
                                            "word "};
    std::string text;
    for (std::uint64_t n = prng.Below(80); n > 0; --n) text += kPieces[prng.Below(std::size(kPieces))];
    text = Clean(text);
    const std::string subject = Subject(text);
    ExpectLines(subject, 78);
    ASSERT_EQ(Read(subject), text) << subject;
    if (IsAscii(text)) continue;
    // Every encoded-word holds whole characters.
    std::string_view rest = subject;
    for (std::size_t at = rest.find("=?utf-8?"); at != std::string_view::npos; at = rest.find("=?utf-8?")) {
      rest.remove_prefix(at);
      std::size_t size = 0;
      const auto word = testing::DecodeWordAt(rest, size);
      ASSERT_TRUE(word.has_value()) << subject;
      ASSERT_TRUE(base::IsUtf8(*word)) << subject;
      rest.remove_prefix(size);
    }
    const std::string to = To(text);
    ExpectLines(to, 78);
    ASSERT_EQ(Read(to), text + " <a@example.com>") << to;
  }
}

TEST(HeaderEncoding, FoldsRatherThanSplitANameThatFitsOneEncodedWord) {
  std::string name;
  for (int i = 0; i < 14; ++i) name += "\xE4\xB8\xAD";
  std::string out = "Reply-To:";
  AppendMailbox(name, "a@example.com", out.size(), out);
  EXPECT_EQ(out.find("\r\n =?utf-8?B?"), 9U) << out;
  EXPECT_EQ(out.find("=?", 15), std::string::npos) << out;
  EXPECT_EQ(Read(out), name + " <a@example.com>");
}

TEST(HeaderEncoding, FoldsBeforeALongAddress) {
  const std::string address = std::string(60, 'a') + "@example.com";
  EXPECT_EQ(To("Some Name", address), "To: Some Name\r\n <" + address + ">");
}

TEST(HeaderEncoding, PercentEncodesForUris) {
  std::string out;
  AppendUri("/p?q=a b&c=%20<>\"\r\n\xC3\xA9{}", out);
  EXPECT_EQ(out, "/p?q=a%20b&c=%20%3C%3E%22%0D%0A%C3%A9%7B%7D");
  out.clear();
  AppendPercentEncoded("a+b@x.com~_-\xC3\xA9/", out);
  EXPECT_EQ(out, "a%2Bb%40x.com~_-%C3%A9%2F");
}

TEST(HeaderEncoding, S07_KnowsOrdinaryAddresses) {
  EXPECT_TRUE(IsPlainAddress("bounce+a=b.c@x-y.example", false));
  EXPECT_TRUE(IsPlainAddress(std::string(64, 'a') + "@x.example", false));
  EXPECT_FALSE(IsPlainAddress(std::string(65, 'a') + "@x.example", false));
  for (const char* bad : {"", "a", "@x", "a@", "a@.x", "a@x.", "a..b@x", ".a@x", "a.@x", "a b@x", "a@x y", "<a@x>",
                          "a@x>", "a,b@x", "a\n@x", "a@b@x", "\xC3\xA9@x", "a@\xC3\xA9", "\"a\"@x"}) {
    EXPECT_FALSE(IsPlainAddress(bad, false)) << bad;
  }
  EXPECT_TRUE(IsPlainAddress("\xC3\xA9@x", true));
  EXPECT_TRUE(IsHarmlessAddress("\"a b\"@x", false));
  for (const char* bad : {"a\r\n@x", "@x", "x@", "x", "\xC3\xA9@x", "a\x7F@x"})
    EXPECT_FALSE(IsHarmlessAddress(bad, false)) << bad;
}

// RFC 2047 section 2: a line that holds an encoded-word has at most 76 octets.
TEST(HeaderEncoding, TheAddressBehindAnEncodedNameKeepsToTheShorterLine) {
  for (std::size_t size = 1; size < 60; ++size) {
    std::string header = "To:";
    AppendMailbox("Zo\xC3\xAB", std::string(size, 'a') + "@example.com", header.size(), header);
    for (std::size_t begin = 0; begin < header.size();) {
      const std::size_t end = std::min(header.find("\r\n", begin), header.size());
      const std::string line = header.substr(begin, end - begin);
      EXPECT_LE(line.size(), line.find("=?") != std::string::npos ? 76U : 78U) << line;
      begin = end + 2;
    }
  }
}

}  // namespace
}  // namespace message
