#include "engine/campaign/address.h"

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace campaign {
namespace {

Address Good(std::string_view text) {
  Address address;
  std::string_view reason;
  EXPECT_TRUE(ParseAddress(text, address, reason)) << text << ": " << reason;
  EXPECT_EQ(reason, "");
  return address;
}

std::string Problem(std::string_view text) {
  Address address;
  std::string_view reason;
  EXPECT_FALSE(ParseAddress(text, address, reason)) << text << " became " << address.wire;
  return std::string(reason);
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Address, KeepsTheLocalPartAndLowersTheDomain) {
  const Address address = Good("Zoe.Smith+News@Mail.Example.COM");
  EXPECT_EQ(address.wire, "Zoe.Smith+News@mail.example.com");
  EXPECT_EQ(address.domain, "mail.example.com");
  EXPECT_EQ(address.folded, "zoe.smith+news@mail.example.com");
  EXPECT_FALSE(address.needs_smtputf8);
}

TEST(Address, SpaceAroundItDoesNotCount) {
  EXPECT_EQ(Good("  zoe@example.com\t").wire, "zoe@example.com");
  EXPECT_EQ(Good("zoe@example.com\r\n").wire, "zoe@example.com");
}

TEST(Address, EveryCharacterOfAnAtomIsTaken) {
  EXPECT_EQ(Good("!#$%&'*+-/=?^_`{|}~09azAZ@example.com").wire, "!#$%&'*+-/=?^_`{|}~09azAZ@example.com");
  EXPECT_EQ(Good("a@xn--bcher-kva.example").domain, "xn--bcher-kva.example");
  EXPECT_EQ(Good("a@_x.1-2.example").domain, "_x.1-2.example");
}

TEST(Address, TheDotOfTheRootIsDropped) { EXPECT_EQ(Good("zoe@example.com.").wire, "zoe@example.com"); }

TEST(Address, QuotedLocalPartsMayHaveAnyCharacter) {
  EXPECT_EQ(Good("\"zoe smith\"@example.com").wire, "\"zoe smith\"@example.com");
  EXPECT_EQ(Good("\"a@b\"@example.com").domain, "example.com");
  EXPECT_EQ(Good(R"("a\"b\\"@example.com)").wire, R"("a\"b\\"@example.com)");
  EXPECT_EQ(Good("\"..\"@example.com").wire, "\"..\"@example.com");
}

TEST(Address, QuotesThatDoNotFitAreRefused) {
  EXPECT_EQ(Problem("\"zoe@example.com"), "a quote that does not end");
  EXPECT_EQ(Problem("\"@example.com"), "a quote that does not end");
  EXPECT_EQ(Problem("\"a\"b\"@example.com"), "a quote within quotes");
  EXPECT_EQ(Problem(R"("a\"@example.com)"), "a backslash that quotes nothing");
  EXPECT_EQ(Problem("a\"b@example.com"), "a character that needs quotes");
}

TEST(Address, WhatIsNoAddressIsRefusedWithTheReason) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "no address"},
      {"   ", "no address"},
      {"zoe", "no @"},
      {"@example.com", "nothing before the @"},
      {"zoe@", "nothing after the @"},
      {"zoe@.", "a domain without a dot"},
      {"zoe@localhost", "a domain without a dot"},
      {"zoe@example..com", "an empty label in the domain"},
      {"zoe@.example.com", "an empty label in the domain"},
      {"zoe@example.com..", "an empty label in the domain"},
      {"zoe@-example.com", "a label that begins or ends with a hyphen"},
      {"zoe@example-.com", "a label that begins or ends with a hyphen"},
      {"zoe@exa mple.com", "a character that no domain has"},
      {"zoe@example.com>", "a character that no domain has"},
      {"zoe@192.0.2.1", "an IP address where a domain belongs"},
      {"zoe@[192.0.2.1]", "an address literal, which is not supported"},
      {".zoe@example.com", "a dot too many before the @"},
      {"zoe.@example.com", "a dot too many before the @"},
      {"zoe..smith@example.com", "a dot too many before the @"},
      {"zoe smith@example.com", "a character that needs quotes"},
      {"zoe@smith@example.com", "a character that needs quotes"},
      {"Zoe <zoe@example.com", "a character that needs quotes"},
      {"a,b@example.com", "a character that needs quotes"},
      {"zoe\r\nRCPT TO:<x@example.com", "a control character"},
      {"zoe@exam\x7Fple.com", "a control character"},
      {"\"a\tb\"@example.com", "a control character"},
      {"zo\xC2\x85"
       "e@example.com",
       "a control character"},
      {"zo\xE2\x80\xA8"
       "e@example.com",
       "a control character"},
      {"zo\xEB@example.com", "not UTF-8"},
      {"zoe@ex\xC3.com", "not UTF-8"},
  };
  for (const auto& [text, reason] : cases) EXPECT_EQ(Problem(text), reason) << text;
  EXPECT_EQ(Problem(std::string_view("zo\0e@example.com", 16)), "a control character");
}

TEST(Address, LengthsAreThoseOfTheStandard) {
  const std::string label63 = std::string(63, 'a');
  EXPECT_EQ(Good(std::string(64, 'x') + "@example.com").wire.size(), 76U);
  EXPECT_EQ(Problem(std::string(65, 'x') + "@example.com"), "more than 64 octets before the @");
  EXPECT_EQ(Problem(Repeated("ë", 33) + "@example.com"), "more than 64 octets before the @");
  EXPECT_EQ(Good("x@" + label63 + ".com").domain, label63 + ".com");
  EXPECT_EQ(Problem("x@" + label63 + "a.com"), "a label of the domain longer than 63 octets");
  EXPECT_EQ(Problem("x@" + Repeated(label63 + ".", 4) + "com"), "a domain longer than 255 octets");
  const std::string domain = Repeated(label63 + ".", 3) + std::string(59, 'b');  // 251 octets.
  EXPECT_EQ(Good("xy@" + domain).wire.size(), 254U);
  EXPECT_EQ(Problem("xyz@" + domain), "longer than 254 octets");
}

TEST(Address, DomainsOfOtherScriptsBecomeALabels) {
  const Address address = Good("Info@BÜCHER.Example");
  EXPECT_EQ(address.wire, "Info@xn--bcher-kva.example");
  EXPECT_EQ(address.domain, "xn--bcher-kva.example");
  EXPECT_FALSE(address.needs_smtputf8);
  EXPECT_EQ(Good("a@faß.de").domain, "xn--fa-hia.de");                 // Not "fass.de", which somebody else may own.
  EXPECT_EQ(Good("a@例え。テスト").domain, "xn--r8jz45g.xn--zckzah");  // The ideographic full stop.
  EXPECT_EQ(Good("a@bu\xCC\x88"
                 "cher.example")
                .domain,
            "xn--bcher-kva.example");  // u and a combining diaeresis.
}

TEST(Address, DomainsThatIdnaDoesNotAllowAreRefused) {
  EXPECT_EQ(Problem("a@☃\xE2\x80\x8E.example"), "a domain that is not valid");  // A left-to-right mark.
  EXPECT_EQ(Problem("a@" + Repeated("ü", 63) + ".example"), "a domain that is not valid");
}

TEST(Address, LocalPartsOfOtherScriptsNeedSmtpUtf8) {
  const Address address = Good("Zoë@Example.com");
  EXPECT_TRUE(address.needs_smtputf8);
  EXPECT_EQ(address.wire, "Zoë@example.com");
  EXPECT_EQ(address.folded, "zoë@example.com");
}

TEST(Address, OneStructServesManyAddresses) {
  Address address;
  std::string_view reason;
  ASSERT_TRUE(ParseAddress("zoë@bücher.example", address, reason));
  ASSERT_FALSE(ParseAddress("no address at all", address, reason));
  ASSERT_TRUE(ParseAddress("a@b.example", address, reason));
  EXPECT_EQ(address.wire, "a@b.example");
  EXPECT_EQ(address.folded, "a@b.example");
  EXPECT_EQ(address.domain, "b.example");
  EXPECT_FALSE(address.needs_smtputf8);
  EXPECT_EQ(reason, "");
}

TEST(ToALabels, IsEmptyForWhatIsNoDomain) {
  EXPECT_EQ(ToALabels("EXAMPLE.com"), "example.com");
  EXPECT_EQ(ToALabels("Bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ToALabels(Repeated("ü", 63)), "");
}

}  // namespace
}  // namespace campaign
