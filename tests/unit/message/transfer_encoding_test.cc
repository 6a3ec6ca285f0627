#include "engine/message/transfer_encoding.h"

#include <string>
#include <string_view>

#include "engine/base/prng.h"
#include "gtest/gtest.h"
#include "tests/unit/message/mime_reader.h"

namespace message {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendQuotedPrintable(text, 0, out);
  return out;
}

TEST(TransferEncoding, S11_MakesEveryLineEndCrlf) {
  std::string out;
  AppendWithCrlf("a\rb\nc\r\nd\n\re\r\r\nf\n", out);
  EXPECT_EQ(out, "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nf\r\n");
}

TEST(TransferEncoding, F07_EncodesWhatQuotedPrintableAsksFor) {
  EXPECT_EQ(Quoted("a=b"), "a=3Db");
  EXPECT_EQ(Quoted("gr\xC3\xBC\xC3\x9F"), "gr=C3=BC=C3=9F");
  EXPECT_EQ(Quoted("end \r\ntab\t\r\n"), "end=20\r\ntab=09\r\n");
  EXPECT_EQ(Quoted("end  "), "end =20");
  EXPECT_EQ(Quoted(".\r\n.x\r\nFrom me\r\nFrom\r\n"), "=2E\r\n=2Ex\r\n=46rom me\r\nFrom\r\n");
  EXPECT_EQ(Quoted(std::string_view("\0\x7F", 2)), "=00=7F");
  EXPECT_EQ(Quoted(std::string(80, 'x')), std::string(75, 'x') + "=\r\n" + std::string(5, 'x'));
}

TEST(TransferEncoding, F07_ReadsBackWhateverTheBytesAre) {
  base::Prng prng(7);
  for (int round = 0; round < 3000; ++round) {
    constexpr std::string_view kPieces[] = {"\r\n", " ", "\t", ".", "=", "From ", "\xC3\xA9", "word", "F", "_", "\x01"};
    std::string text;
    for (std::uint64_t n = prng.Next() % 60; n > 0; --n) text += kPieces[prng.Next() % std::size(kPieces)];
    const std::string quoted = Quoted(text);
    ASSERT_EQ(testing::DecodeQuotedPrintable(quoted), text) << quoted;
    ASSERT_GE(quoted.size(), QuotedPrintableSize(text));
    std::string base64;
    AppendBase64Lines(text, base64);
    ASSERT_EQ(testing::DecodeBase64(base64), text);
  }
}

TEST(TransferEncoding, WritesBase64InLinesOf76) {
  std::string out;
  AppendBase64Lines(std::string(58, 'a'), out);
  EXPECT_EQ(out.find("\r\n"), 76U);
  out.clear();
  AppendBase64Lines(std::string(57, 'a'), out);
  EXPECT_EQ(out.size(), 76U);
  out.clear();
  AppendBase64("foob", out);
  EXPECT_EQ(out, "Zm9vYg==");
}

TEST(TransferEncoding, S08_JoinsLineLengthsOverPieces) {
  const auto fits = [](std::initializer_list<std::string> pieces) {
    LineLengths lines;
    for (const std::string& piece : pieces) lines.Add(ShapeOf(piece));
    return lines.fits();
  };
  const std::string half(499, 'x');
  EXPECT_TRUE(fits({half, half}));
  EXPECT_FALSE(fits({half, half, "x"}));
  EXPECT_TRUE(fits({half, half + "\r\nx"}));
  EXPECT_FALSE(fits({half + "x", half + "\r\n"}));
  EXPECT_FALSE(fits({"a\r\n" + half + half + "x\r\nb"}));
  EXPECT_TRUE(fits({"a\r\n" + half + half + "\r\nb"}));
  EXPECT_FALSE(fits({"a\r\n" + half, half + "x"}));
  EXPECT_TRUE(fits({}));
}

TEST(TransferEncoding, P12_KnowsWhatIsNot7Bit) {
  EXPECT_TRUE(ShapeOf("a\tb\r\n").plain);
  for (const std::string text : {"\xC3\xA9", "\x7F", "\x1B", "a\rb", "a\nb", "\r"}) EXPECT_FALSE(ShapeOf(text).plain);
  EXPECT_FALSE(ShapeOf(std::string_view("\0", 1)).plain);
}

}  // namespace
}  // namespace message
