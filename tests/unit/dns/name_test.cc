#include "dns/name.h"

#include <string>

#include "gtest/gtest.h"

namespace dns {
namespace {

using std::string_literals::operator""s;

std::optional<std::string> Read(const std::string& message, std::size_t offset = 0) {
  return ReadName(message, offset);
}

TEST(Name, IsLowerCaseWithoutTheFinalDot) {
  EXPECT_EQ(NormalizeName("Mail.EXAMPLE.com."), "mail.example.com");
  EXPECT_EQ(NormalizeName("."), "");
  EXPECT_EQ(NormalizeName(""), "");
}

TEST(Name, WithAnEmptyLabelAnOddByteOrTooLongIsRefused) {
  for (const std::string& bad :
       {"a..b"s, ".a"s, "a.."s, "a b"s, "a\0b"s, "a\\b"s, "a\\12"s, "a\\256"s, "a\\+12"s, "b\xC3\xBC"s}) {
    EXPECT_FALSE(NormalizeName(bad).has_value()) << bad;
  }
  EXPECT_TRUE(NormalizeName(std::string(63, 'a')).has_value());
  EXPECT_FALSE(NormalizeName(std::string(64, 'a')).has_value());
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "a.";
  EXPECT_TRUE(NormalizeName(longest + "b").has_value());  // 253 bytes.
  EXPECT_FALSE(NormalizeName(longest + "bb").has_value());
}

TEST(Name, ALabelMayHaveAnyByte) {
  EXPECT_EQ(NormalizeName("Bounce+1=[x]%40.\\032\\065\\046\\092.example"), "bounce+1=[x]%40.\\032a\\046\\092.example");
  for (int byte = 0; byte < 256; ++byte) {
    std::string message = "\3a" + std::string(1, static_cast<char>(byte)) + "c\7example" + '\0';
    const std::optional<std::string> name = Read(message);
    ASSERT_TRUE(name.has_value());
    EXPECT_EQ(NormalizeName(*name), name);
    std::string again;
    ASSERT_TRUE(AppendName(*name, again));
    EXPECT_EQ(Read(again), name);
    const std::string bytes = "a" + std::string(1, static_cast<char>(byte)) + "c.example";
    if (byte != '.') {
      EXPECT_EQ(NameFromBytes(bytes), *name);
    }
  }
  EXPECT_EQ(NameFromBytes("a b.c\\d.E"), "a\\032b.c\\092d.e");
  EXPECT_FALSE(NormalizeName(NameFromBytes("a..b")).has_value());
  EXPECT_TRUE(NormalizeName(NameFromBytes(std::string(63, ' '))).has_value());
  EXPECT_FALSE(NormalizeName(NameFromBytes(std::string(64, ' '))).has_value());
}

TEST(Name, OfAHostIsNoAddressAndNotLocalhost) {
  EXPECT_TRUE(IsHostName("mx1.example.com"));
  EXPECT_TRUE(IsHostName("mx_1.example.com"));
  for (const char* bad : {"", "192.0.2.1", "localhost", "a.localhost", "localhost.localdomain", "a..b", "a.",
                          "*.example", "mx/1.example", "mx\\0321.example"}) {
    EXPECT_FALSE(IsHostName(bad)) << bad;
  }
}

TEST(Name, IsWrittenAndReadBack) {
  std::string message = "xyz";
  ASSERT_TRUE(AppendName("Mx.Example.com", message));
  std::size_t offset = 3;
  EXPECT_EQ(ReadName(message, offset), "mx.example.com");
  EXPECT_EQ(offset, message.size());
  EXPECT_FALSE(AppendName("a..b", message));
  EXPECT_EQ(offset, message.size());
}

TEST(Name, FollowsCompressionPointersBackwardsOnly) {
  const std::string message = "\3com\0\7example\xC0\0\2mx\xC0\5"s;
  std::size_t offset = 15;
  EXPECT_EQ(ReadName(message, offset), "mx.example.com");
  EXPECT_EQ(offset, message.size());
  EXPECT_FALSE(Read("\xC0\0"s).has_value());           // To itself.
  EXPECT_FALSE(Read("\1a\xC0\0"s).has_value());        // In a circle.
  EXPECT_FALSE(Read("\xC0\2\1a\0"s).has_value());      // Forwards.
  EXPECT_FALSE(Read("\xC0\2\xC0\0"s, 2).has_value());  // Back and forth.
}

TEST(Name, CutAnywhereIsMalformed) {
  const std::string message = "\3com\0\7example\xC0\0"s;
  for (std::size_t size = 5; size < message.size(); ++size) {
    EXPECT_FALSE(Read(message.substr(0, size), 5).has_value()) << size;
  }
  EXPECT_FALSE(Read("\x40x\0"s).has_value());  // A reserved kind of label (RFC 1035 section 4.1.4).
}

TEST(Name, ShowsOddBytesAsNumbers) {
  EXPECT_EQ(Read("\4a.\n\xFF\0"s), "a\\046\\010\\255");
  EXPECT_FALSE(IsHostName(*Read("\4a.\n\xFF\0"s)));
}

TEST(Name, OverTwoHundredFiftyFiveBytesIsMalformed) {
  std::string message;
  for (int i = 0; i < 127; ++i) message += "\1a";
  EXPECT_TRUE(Read(message + '\0').has_value());
  EXPECT_FALSE(Read(message + "\1a" + '\0').has_value());
}

}  // namespace
}  // namespace dns
