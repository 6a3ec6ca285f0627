// Providers that are known by the addresses of their mail exchangers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/config/shaping.h"

namespace config {
namespace {

using testing::HasSubstr;

Shaping Read(const std::string& text) {
  std::vector<std::string> warnings;
  auto shaping = Shaping::Parse({{"shaping.toml", text}}, warnings);
  EXPECT_TRUE(shaping.ok()) << shaping.status();
  EXPECT_TRUE(warnings.empty());
  return shaping.ok() ? *shaping : Shaping();
}

MailHost Host(const std::string& name, const std::vector<std::string>& addresses) {
  MailHost host(name, {});
  for (const std::string& address : addresses) host.addresses.push_back(*base::IpAddress::Parse(address));
  return host;
}

constexpr char kFile[] = R"(
[provider."four"]
match = [{MXAddress = "192.0.2.0/24"}, {MXAddress = "198.51.100.7"}, {MXSuffix = ".four.example"}]
connection_limit = 3
[provider."six"]
match = [{MXAddress = "2001:db8::/32"}]
)";

TEST(ShapingAddresses, AProviderIsKnownByTheAddressesOfAllHosts) {
  const Shaping shaping = Read(kFile);
  const auto of = [&shaping](std::vector<MailHost> hosts) { return shaping.ProviderFor("x.org", hosts); };
  EXPECT_EQ(of({Host("a", {"192.0.2.1"}), Host("b", {"192.0.2.255", "198.51.100.7"})}), "four");
  EXPECT_EQ(of({Host("a", {"192.0.2.1"}), Host("b", {"198.51.100.8"})}), "") << "a host of somebody else's";
  EXPECT_EQ(of({Host("a", {"192.0.2.1", "192.0.3.1"})}), "") << "an address of somebody else's";
  EXPECT_EQ(of({Host("a", {"192.0.2.1"}), Host("mx.four.example", {"203.0.113.1"})}), "four");
  EXPECT_EQ(of({Host("a", {"192.0.2.1"}), Host("b", {})}), "four") << "nothing can be sent to one without an address";
  EXPECT_EQ(of({Host("a", {})}), "");
  EXPECT_EQ(of({"a"}), "");
  EXPECT_EQ(of({"mx.four.example", "b"}), "") << "whose addresses nobody has asked for";
  EXPECT_EQ(shaping.For("x.org", std::vector<MailHost>{Host("a", {"192.0.2.1"})}, "s").connection_limit, 3u);
}

TEST(ShapingAddresses, OnlyTheFamiliesThatAProviderHasRangesOfCount) {
  const Shaping shaping = Read(kFile);
  const auto of = [&shaping](std::vector<MailHost> hosts) { return shaping.ProviderFor("x.org", hosts); };
  EXPECT_EQ(of({Host("a", {"192.0.2.1", "2001:db9::1"})}), "four");
  EXPECT_EQ(of({Host("a", {"192.0.3.1", "2001:db8::1"})}), "six");
  EXPECT_EQ(of({Host("a", {"192.0.3.1", "2001:db9::1"})}), "");
  EXPECT_TRUE(shaping.MatchesAddresses(/*v6=*/false) && shaping.MatchesAddresses(/*v6=*/true));
  EXPECT_FALSE(Shaping().MatchesAddresses(/*v6=*/false) || Shaping().MatchesAddresses(/*v6=*/true));
  EXPECT_FALSE(Read("[provider.p]\nmatch = [{MXAddress = \"192.0.2.1\"}]").MatchesAddresses(/*v6=*/true));
}

TEST(ShapingAddresses, WhatIsNoRangeIsRefused) {
  for (const char* wrong : {"mx.example.com", "192.0.2.0/33", "192.0.2", ""}) {
    std::vector<std::string> warnings;
    const auto shaping =
        Shaping::Parse({{"s.toml", "[provider.p]\nmatch = [{MXAddress = \"" + std::string(wrong) + "\"}]"}}, warnings);
    ASSERT_FALSE(shaping.ok()) << wrong;
    EXPECT_THAT(std::string(shaping.status().message()), HasSubstr("s.toml:2: provider.p.match is not understood"));
  }
}

}  // namespace
}  // namespace config
