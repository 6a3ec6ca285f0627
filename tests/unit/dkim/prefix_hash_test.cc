#include "engine/dkim/prefix_hash.h"

#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "gtest/gtest.h"

namespace dkim {
namespace {

// What the hash of a body is without anything kept.
Digest Plain(Canonicalization mode, std::string_view body) {
  Sha256 hash;
  BodyCanonicalizer canonicalizer(mode);
  const auto sink = [&hash](std::string_view bytes) { hash.Add(bytes); };
  canonicalizer.Add(body, sink);
  canonicalizer.Finish(sink);
  return hash.Finish();
}

std::vector<std::string_view> Cut(std::string_view body, base::Prng& prng, std::size_t longest) {
  std::vector<std::string_view> pieces;
  while (!body.empty()) {
    pieces.push_back(body.substr(0, prng.Below(longest + 1)));
    body.remove_prefix(pieces.back().size());
  }
  return pieces;
}

// White space and line ends everywhere: what is kept may end within any of these.
std::string RandomText(std::size_t size, base::Prng& prng) {
  constexpr std::string_view kBytes = "ab \t \r\n\r\n.";
  std::string text;
  while (text.size() < size) {
    text.push_back(kBytes[prng.Below(kBytes.size())]);
    if (prng.Below(20) == 0) text += "\r\n";
  }
  return text;
}

TEST(PrefixHashTest, ABeginningThatIsSharedChangesNoHash) {
  base::Prng prng(1);
  for (const auto mode : {Canonicalization::kSimple, Canonicalization::kRelaxed}) {
    std::size_t hits = 0;
    for (int round = 0; round < 60; ++round) {
      PrefixHash bodies(mode);
      const std::string beginning = RandomText(600 + prng.Below(3000), prng);
      const std::string other = RandomText(600 + prng.Below(3000), prng);
      for (int i = 0; i < 60; ++i) {
        // Now and then one that begins in another way, or ends within the beginning.
        const std::uint64_t kind = prng.Below(12);
        std::string body = (kind == 0 ? other : beginning) + RandomText(prng.Below(300), prng);
        if (kind == 1) body.resize(prng.Below(beginning.size()));
        if (kind == 2) body = beginning;
        ASSERT_EQ(bodies.Of(Cut(body, prng, 1 + prng.Below(500))), Plain(mode, body)) << body;
      }
      hits += bodies.hits();
    }
    EXPECT_GT(hits, 300u);
  }
}

TEST(PrefixHashTest, LearnsAnotherBeginningWhenThatIsWhatComes) {
  PrefixHash bodies(Canonicalization::kRelaxed);
  for (const char which : {'a', 'b', 'c'}) {
    const std::size_t before = bodies.hits();
    for (int i = 0; i < 100; ++i) {
      const std::string body = std::string(1000, which) + std::to_string(i);
      ASSERT_EQ(bodies.Of({{body}}), Plain(Canonicalization::kRelaxed, body));
    }
    EXPECT_GE(bodies.hits(), before + 90) << which;
  }
}

TEST(PrefixHashTest, TextsAsTheyStandNeedNoCanonicalForm) {
  PrefixHash texts(std::nullopt);
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::string(300, ' ') + " \r\n\r\n" + std::to_string(i);
    Sha256 hash;
    hash.Add(text);
    ASSERT_EQ(texts.Of({{text}}), hash.Finish());
  }
  EXPECT_GE(texts.hits(), 90u);
}

TEST(PrefixHashTest, BodiesWithNothingInCommonAreHashedWhole) {
  PrefixHash bodies(Canonicalization::kSimple);
  for (int i = 0; i < 3000; ++i) {
    const std::string body = std::to_string(i) + std::string(600, 'x');
    ASSERT_EQ(bodies.Of({{body}}), Plain(Canonicalization::kSimple, body));
  }
  EXPECT_EQ(bodies.hits(), 0u);
}

}  // namespace
}  // namespace dkim
