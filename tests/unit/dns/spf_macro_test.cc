// The macro language of SPF, with the examples of RFC 7208 section 7.4.
#include "dns/spf_macro.h"

#include <string>

#include "gtest/gtest.h"

namespace dns {
namespace {

// The values of section 7.4.
std::string Value(char letter) {
  switch (letter) {
    case 's':
      return "strong-bad@email.example.com";
    case 'l':
      return "strong-bad";
    case 'o':
    case 'd':
      return "email.example.com";
    case 'i':
      return "192.0.2.3";
    case 'v':
      return "in-addr";
    case 'h':
      return "mx.example.org";
    default:
      return "unknown";
  }
}

std::string Expand(const std::string& text) {
  EXPECT_TRUE(IsSpfMacroString(text)) << text;
  return ExpandSpfMacros(text, Value);
}

TEST(SpfMacroTest, Section7_4_Examples) {
  const std::pair<const char*, const char*> examples[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
  };
  for (const auto& [text, expanded] : examples) EXPECT_EQ(Expand(text), expanded) << text;
}

TEST(SpfMacroTest, Section7_1_PercentEscapes) { EXPECT_EQ(Expand("a%%b%_c%-d"), "a%b c%20d"); }

TEST(SpfMacroTest, Section7_1_SeveralDelimitersSplit) {
  const auto value = [](char) { return std::string("foo-bar+zip+quux"); };
  EXPECT_EQ(ExpandSpfMacros("%{l2r+-}", value), "bar.foo");
  EXPECT_EQ(ExpandSpfMacros("%{lR+-}", value), "quux.zip.bar.foo");
  EXPECT_EQ(ExpandSpfMacros("%{l99}", value), "foo-bar+zip+quux");
  EXPECT_EQ(ExpandSpfMacros("%{l99999999999999999999999}", value), "foo-bar+zip+quux");
}

TEST(SpfMacroTest, Section7_3_UpperCaseLettersEscapeForUrls) {
  const auto value = [](char) { return std::string("~jack&jill=up-a_b3.c/%"); };
  EXPECT_EQ(ExpandSpfMacros("l=%{L}", value), "l=~jack%26jill%3Dup-a_b3.c%2F%25");
}

TEST(SpfMacroTest, Section7_1_WhatIsNoMacroString) {
  for (const char* text : {"%", "%a", "a%", "%(d)", "%{", "%{}", "%{d", "%{d0}", "%{x}", "%{c}", "%{r}", "%{t}",
                           "%{d1r2}", "%{d rr}", "%{d!}", "a b", "a\tb", "\x80", "%{drr}"}) {
    EXPECT_FALSE(IsSpfMacroString(text)) << text;
    EXPECT_FALSE(IsSpfDomainSpec(text)) << text;
  }
  EXPECT_TRUE(IsSpfMacroString(""));
  EXPECT_FALSE(IsSpfMacroString(std::string("a\0b", 3)));
}

TEST(SpfMacroTest, Section7_1_ADomainSpecEndsWithAMacroOrATopLabel) {
  for (const char* text : {"example.com", "example.com.", "%{d}", "a.%{d2}", "foo:bar/baz.example.com", "a.xn--zckzah",
                           "a.b2b", "_spf.%{ir}.example.org", "x%%y.example.com", "a..com"}) {
    EXPECT_TRUE(IsSpfDomainSpec(text)) << text;
  }
  for (const char* text : {"", "museum", "museum.", "abc.123", "192.0.2.1", "example.-com", "example.com-",
                           "example.com:8080", "%{d}com", "%{d}.", "example.c_m", "example.com/24", "."}) {
    EXPECT_FALSE(IsSpfDomainSpec(text)) << text;
  }
}

TEST(SpfMacroTest, Section7_3_LongNamesLoseLabelsOnTheLeft) {
  std::string name = "example.com";
  while (name.size() <= 300) name = "label." + name;
  const std::string shortened = ShortenToName(name);
  EXPECT_LE(shortened.size(), 253U);
  EXPECT_GT(shortened.size(), 253U - 7U);
  EXPECT_TRUE(name.ends_with("." + shortened));
  EXPECT_EQ(ShortenToName("example.com."), "example.com");
  EXPECT_EQ(ShortenToName(std::string(300, 'a')).size(), 300U);  // One label: nobody can ask for it.
}

}  // namespace
}  // namespace dns
