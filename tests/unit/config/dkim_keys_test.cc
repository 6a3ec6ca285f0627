#include "engine/config/dkim_keys.h"

#include <string>
#include <vector>

#include "engine/config/config.h"
#include "gmock/gmock.h"

namespace config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Config Read(std::string_view text) {
  const auto config = ParseConfig(text, "/etc/sluice.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

std::string Refusal(std::string_view line) {
  const std::string text =
      "[[dkim.\"example.com\"]]\nselector = \"s1\"\nkey_file = \"k.pem\"\n" + std::string(line) + "\n";
  return std::string(ParseConfig(text, "s.toml").status().message());
}

std::vector<std::string> Selectors(const DkimChoice& choice) {
  std::vector<std::string> names;
  for (const DkimKey* key : choice.keys) names.push_back(key->selector + "." + key->domain);
  return names;
}

TEST(DkimKeysTest, EveryKeyIsRead) {
  const Config config = Read(
      "[[dkim.\"Example.com\"]]\nselector = \"S1\"\nkey_file = \"keys/a.pem\"\nsign_for = [\"*\", \"B.example\"]\n"
      "canonicalization = \"simple/relaxed\"\nexpire = \"7 days\"\nidentity = \"News@mail.example.com\"\nallow_weak = "
      "true\n");
  ASSERT_EQ(config.dkim.size(), 1u);
  const DkimKey& key = config.dkim[0];
  EXPECT_EQ(key.domain, "example.com");
  EXPECT_EQ(key.selector, "s1");
  EXPECT_EQ(key.key_file, "/etc/keys/a.pem");
  EXPECT_THAT(key.sign_for, ElementsAre("*", "b.example"));
  EXPECT_TRUE(key.simple_header);
  EXPECT_FALSE(key.simple_body);
  EXPECT_EQ(key.expire, base::Duration::Hours(7 * 24));
  EXPECT_EQ(key.identity, "News@mail.example.com");
  EXPECT_TRUE(key.allow_weak);
  EXPECT_EQ(key.place, "/etc/sluice.toml:1");
}

TEST(DkimKeysTest, DefaultsAreRelaxedWithoutExpiry) {
  const Config config = Read("[[dkim.\"example.com\"]]\nselector = \"20261124\"\nkey_file = \"/k.pem\"\n");
  ASSERT_EQ(config.dkim.size(), 1u);
  EXPECT_EQ(config.dkim[0].key_file, "/k.pem");
  EXPECT_FALSE(config.dkim[0].simple_header || config.dkim[0].simple_body || config.dkim[0].allow_weak);
  EXPECT_EQ(config.dkim[0].expire, std::nullopt);
  EXPECT_EQ(config.dkim[0].identity, "");
}

TEST(DkimKeysTest, MistakesAreNamed) {
  EXPECT_THAT(Refusal("canonicalization = \"nofws\""), HasSubstr("s.toml:4: dkim.\"example.com\".canonicalization"));
  EXPECT_THAT(Refusal("expire = \"1h\""), HasSubstr("from 1 day to 365 days"));
  EXPECT_THAT(Refusal("identity = \"@example.org\""), HasSubstr("example.com or a subdomain"));
  EXPECT_THAT(Refusal("identity = \"x@badexample.com\""), HasSubstr("example.com or a subdomain"));
  EXPECT_THAT(Refusal("identity = \"example.com\""), HasSubstr("example.com or a subdomain"));
  EXPECT_THAT(Refusal("sign_for = [\"no domain\"]"), HasSubstr("sign_for"));
  EXPECT_THAT(Refusal("length = 5"), HasSubstr("length"));
  EXPECT_THAT(Refusal("[[dkim.\"example.com\"]]\nselector = \"s1\"\nkey_file = \"k\""), HasSubstr("another key"));
  EXPECT_THAT(Refusal("[[dkim.\"example.com\"]]\nselector = \"-\"\nkey_file = \"k\""), HasSubstr("s.toml:5"));
  EXPECT_THAT(Refusal("[[dkim.\"example.org\"]]"), HasSubstr("no selector"));
  EXPECT_THAT(Refusal("[[dkim.\"example.org\"]]"), HasSubstr("sluice keygen"));
  EXPECT_THAT(Refusal("[[dkim.com]]\nselector = \"a\"\nkey_file = \"k\""), HasSubstr("not a domain"));
}

TEST(DkimKeysTest, TheMostSpecificDomainWins) {
  std::vector<DkimKey> keys(4);
  keys[0].domain = "example.com";
  keys[0].selector = "a";
  keys[1].domain = "mail.example.com";
  keys[1].selector = "b";
  keys[2].domain = "mail.example.com";
  keys[2].selector = "c";
  keys[3].domain = "other.example";
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "example.com")), ElementsAre("a.example.com"));
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "news.Example.com")), ElementsAre("a.example.com"));
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "x.mail.example.com")),
              ElementsAre("b.mail.example.com", "c.mail.example.com"));
  EXPECT_EQ(DkimKeysFor(keys, "x.mail.example.com").author, 2u);
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "notexample.com")), IsEmpty());
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "com")), IsEmpty());
}

TEST(DkimKeysTest, TheProviderSignsBesidesTheAuthor) {
  std::vector<DkimKey> keys(3);
  keys[0].domain = "provider.example";
  keys[0].selector = "p";
  keys[0].sign_for = {"*"};
  keys[1].domain = "example.com";
  keys[1].selector = "a";
  keys[2].domain = "partner.example";
  keys[2].selector = "x";
  keys[2].sign_for = {"example.com"};
  const DkimChoice choice = DkimKeysFor(keys, "mail.example.com");
  EXPECT_THAT(Selectors(choice), ElementsAre("a.example.com", "p.provider.example", "x.partner.example"));
  EXPECT_EQ(choice.author, 1u);
  EXPECT_EQ(DkimKeysFor(keys, "nobody.example").author, 0u);  // The provider's signature is not the author's.
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "nobody.example")), ElementsAre("p.provider.example"));
  EXPECT_THAT(Selectors(DkimKeysFor(keys, "provider.example")), ElementsAre("p.provider.example"));  // Once.
}

}  // namespace
}  // namespace config
