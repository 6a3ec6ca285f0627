#include "engine/dkim/canonical.h"

#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "gmock/gmock.h"
#include "tests/unit/dkim/naive_verifier.h"

namespace dkim {
namespace {

constexpr auto kSimple = Canonicalization::kSimple;
constexpr auto kRelaxed = Canonicalization::kRelaxed;

std::string Body(Canonicalization mode, const std::vector<std::string_view>& pieces) {
  std::string out;
  BodyCanonicalizer canonicalizer(mode);
  const auto sink = [&out](std::string_view bytes) { out.append(bytes); };
  for (std::string_view piece : pieces) canonicalizer.Add(piece, sink);
  canonicalizer.Finish(sink);
  return out;
}

std::string FieldIn(Canonicalization mode, std::string_view field) {
  std::string out;
  AppendCanonicalField(mode, field, out);
  return out;
}

std::string HashOf(std::string_view text) {
  Sha256 hash;
  hash.Add(text);
  std::string out;
  absl::Base64Escape(testing::Bytes(hash.Finish()), &out);
  return out;
}

// RFC 6376 section 3.4.5.
constexpr std::string_view kFieldA = "A: X\r\n", kFieldB = "B : Y\t\r\n\tZ  \r\n";
constexpr std::string_view kBody = " C \r\nD \t E\r\n\r\n\r\n";

TEST(CanonicalTest, K04_Example1OfTheRfcIsRelaxed) {
  EXPECT_EQ(FieldIn(kRelaxed, kFieldA), "a:X\r\n");
  EXPECT_EQ(FieldIn(kRelaxed, kFieldB), "b:Y Z\r\n");
  EXPECT_EQ(Body(kRelaxed, {kBody}), " C\r\nD E\r\n");
}

TEST(CanonicalTest, K04_Examples2And3OfTheRfcAreSimple) {
  EXPECT_EQ(FieldIn(kSimple, kFieldA), kFieldA);
  EXPECT_EQ(FieldIn(kSimple, kFieldB), kFieldB);
  EXPECT_EQ(Body(kSimple, {kBody}), " C \r\nD \t E\r\n");
}

TEST(CanonicalTest, K02_AnEmptySimpleBodyIsOneLineEnd) {
  for (std::string_view body : {"", "\r\n", "\r\n\r\n"}) EXPECT_EQ(Body(kSimple, {body}), "\r\n");
  EXPECT_EQ(HashOf(Body(kSimple, {})), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
}

TEST(CanonicalTest, K03_AnEmptyRelaxedBodyIsNothing) {
  for (std::string_view body : {"", "\r\n", " \r\n\t\r\n", "  "}) EXPECT_EQ(Body(kRelaxed, {body}), "");
  EXPECT_EQ(HashOf(Body(kRelaxed, {})), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

TEST(CanonicalTest, ALastLineWithoutItsEndGetsOne) {
  EXPECT_EQ(Body(kSimple, {"a \r\nb "}), "a \r\nb \r\n");
  EXPECT_EQ(Body(kRelaxed, {"a \r\nb "}), "a\r\nb\r\n");
}

TEST(CanonicalTest, BareCarriageReturnsAndLineFeedsAreContent) {
  EXPECT_EQ(Body(kRelaxed, {"a\r", "b\n\nc \r", "\r\n\r"}), "a\rb\n\nc \r\r\n\r\r\n");
  EXPECT_EQ(Body(kSimple, {"\r\r", "\n\r\n"}), "\r\r\n");
}

TEST(CanonicalTest, K01_ARelaxedFieldLosesItsFoldsAndItsOuterSpace) {
  EXPECT_EQ(FieldIn(kRelaxed, "SUBJECT \t:\r\n  a\r\n\tb \t c \r\n"), "subject:a b c\r\n");
  EXPECT_EQ(FieldIn(kRelaxed, "X:\r\n"), "x:\r\n");
  EXPECT_EQ(FieldIn(kRelaxed, "X: \r\n \r\n"), "x:\r\n");
  EXPECT_EQ(FieldIn(kRelaxed, "DKIM-Signature: v=1;\r\n b="), "dkim-signature:v=1; b=");  // No end, none added.
}

TEST(CanonicalTest, TheCanonicaliserServesOneBodyAfterAnother) {
  std::string out;
  BodyCanonicalizer canonicalizer(kRelaxed);
  const auto sink = [&out](std::string_view bytes) { out.append(bytes); };
  canonicalizer.Add("a \r\n\r\n \r", sink);
  canonicalizer.Finish(sink);
  canonicalizer.Finish(sink);  // An empty one.
  canonicalizer.Add("b", sink);
  canonicalizer.Finish(sink);
  EXPECT_EQ(out, "a\r\n\r\n \r\r\nb\r\n");
}

// Texts of what matters to canonicalisation, cut anywhere, against the plain procedure on the whole.
TEST(CanonicalTest, PiecesOfAnySizeGiveWhatTheWholeGives) {
  base::Prng prng(8);
  constexpr std::string_view kUnits[] = {" ", "\t",   "\r\n", "\r\n", "\r",       "\n",
                                         "a", "word", "  ",   ".",    "\r\n\r\n", "-- "};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t n = prng.Below(14); n > 0; --n) text += kUnits[prng.Below(std::size(kUnits))];
    std::vector<std::string_view> pieces;
    for (std::string_view rest = text; !rest.empty();) {
      pieces.push_back(rest.substr(0, 1 + prng.Below(4)));
      rest.remove_prefix(pieces.back().size());
      if (prng.Chance(0.1)) pieces.push_back("");
    }
    for (const Canonicalization mode : {kSimple, kRelaxed}) {
      const std::string expected = testing::NaiveBody(mode == kRelaxed, text);
      ASSERT_EQ(Body(mode, pieces), expected) << ::testing::PrintToString(text);
      ASSERT_EQ(Body(mode, {text}), expected) << ::testing::PrintToString(text);
    }
  }
}

// Long stretches are looked at in blocks: what is odd may stand anywhere in one, or between two.
TEST(CanonicalTest, LongTextsGiveWhatThePlainProcedureGives) {
  base::Prng prng(9);
  constexpr std::string_view kUnits[] = {"a",  "word ", "some more words", "x\r\ny", "\r\n", " ", "\t", "\r",
                                         "\n", "  "};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::uint64_t kinds =
        4 + prng.Below(std::size(kUnits) - 3);  // The later ones are odd: in some texts there are few.
    for (std::uint64_t n = prng.Below(150); n > 0; --n)
      text += kUnits[prng.Chance(0.9) ? prng.Below(4) : prng.Below(kinds)];
    for (const Canonicalization mode : {kSimple, kRelaxed}) {
      const std::string expected = testing::NaiveBody(mode == kRelaxed, text);
      ASSERT_EQ(Body(mode, {text}), expected) << ::testing::PrintToString(text);
      const std::size_t cut = prng.Below(text.size() + 1);
      const std::string_view whole = text;
      ASSERT_EQ(Body(mode, {whole.substr(0, cut), whole.substr(cut)}), expected) << ::testing::PrintToString(text);
    }
  }
}

TEST(CanonicalTest, UnchangedTextIsPassedOnWhereItStands) {
  const std::string text = "Dear reader,\r\n\r\nthis is one long stretch of text.\r\nIt goes on.\r\n";
  std::vector<std::string_view> stretches;
  BodyCanonicalizer canonicalizer(kRelaxed);
  const auto sink = [&stretches](std::string_view bytes) { stretches.push_back(bytes); };
  canonicalizer.Add(text, sink);
  canonicalizer.Finish(sink);
  EXPECT_GE(stretches[0].data(), text.data());
  EXPECT_LE(stretches.size(), 6u);  // The empty line, and the end, are held back.
}

}  // namespace
}  // namespace dkim
