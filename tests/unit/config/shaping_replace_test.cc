// replace_base, providers that overlap, and what only KumoMTA knows.
#include <string>
#include <vector>

#include "engine/config/shaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/config/read_shaping.h"

namespace config {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Hosts = std::vector<MailHost>;

constexpr char kDefault[] = "[\"default\"]\nmax_message_rate = \"1/s\"\n";
constexpr char kFirst[] =
    "[provider.\"p\"]\nmatch = [{MXSuffix = \".p.example\"}]\nconnection_limit = 5\nidle_timeout = \"9s\"\n"
    "[provider.\"p\".sources.\"s\"]\ndata_timeout = \"9s\"\n";

class ReplaceBase : public ReadShaping {};

TEST_F(ReplaceBase, OfAProviderReplacesWhatEarlierFilesSayOfItAndNothingElse) {
  const Shaping shaping =
      Read({kDefault, kFirst,
            "[provider.\"p\"]\nreplace_base = true\nmatch = [{HostName = \"mx.p.example\"}]\nconnection_limit = 7"});
  const Limits replaced = shaping.For("x", Hosts{"mx.p.example"}, "s");
  EXPECT_EQ(replaced.connection_limit, 7U);
  EXPECT_EQ(replaced.idle_timeout, Limits().idle_timeout);
  EXPECT_EQ(replaced.data_timeout, Limits().data_timeout);
  EXPECT_EQ(replaced.max_message_rate, (base::Rate{1, Duration::Seconds(1), std::nullopt})) << "that of default";
  EXPECT_EQ(shaping.ProviderFor("x", Hosts{"mx2.p.example"}), "") << "its match is replaced, too";
  EXPECT_THAT(warnings_, IsEmpty());
  Read({"[provider.google]\nreplace_base = true\n"});
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("\"google\" has no match")));
}

TEST_F(ReplaceBase, OfADomainLeavesDefaultOutWhereItIsItsFirstBlock) {
  const std::string block = "[\"x.org\"]\nmx_rollup = false\n";
  const std::string replaces = block + "replace_base = true\nidle_timeout = \"7s\"\n";
  const auto rate = [](const Shaping& shaping) {
    return shaping.For("x.org", Hosts{"mx"}, "s").max_message_rate.has_value();
  };
  EXPECT_FALSE(rate(Read({kDefault, replaces})));
  EXPECT_FALSE(rate(Read({kDefault, replaces, replaces})));
  const Shaping later = Read({kDefault, block + "connection_limit = 2\n", replaces});
  EXPECT_TRUE(rate(later));
  EXPECT_EQ(later.For("x.org", Hosts{"mx"}, "s").connection_limit, 10U) << "what the earlier file said is gone";
  EXPECT_EQ(later.For("x.org", Hosts{"mx"}, "s").idle_timeout, Duration::Seconds(7));
}

TEST_F(ReplaceBase, OfASourceIsNoKey) {
  std::vector<std::string> warnings;
  const auto wrong = Shaping::Parse({{"a", "[\"default\".sources.\"s\"]\nreplace_base = true\n"}}, warnings);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("a:2: [default.sources.s] unknown key replace_base"));
}

using OverlappingProviders = ReplaceBase;

TEST_F(OverlappingProviders, KeepWhatTheirOwnBlocksSay) {
  const Shaping shaping =
      Read({"[\"default\"]\nprovider_connection_limit = 50\n" + std::string(kFirst) +
            "provider_connection_limit = 4\n[provider.\"q\"]\nmatch = [{HostName = \"mx.p.example\"}]\n"
            "provider_connection_limit = 6\n"});
  EXPECT_EQ(shaping.ProviderFor("x", Hosts{"mx.p.example"}), "q");
  const auto others = shaping.OtherProvidersFor("x", Hosts{"mx.p.example"}, "s");
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].name, "p");
  EXPECT_EQ(others[0].limits.provider_connection_limit, 4U);
  EXPECT_EQ(shaping.OtherProvidersFor("x", Hosts{"mx.p.example"}, "t")[0].limits.provider_connection_limit,
            std::nullopt)
      << "it is the source's";
  EXPECT_TRUE(shaping.OtherProvidersFor("x", Hosts{"mx2.p.example"}, "s").empty());
  EXPECT_TRUE(shaping.OtherProvidersFor("x", Hosts{"mx.other.example"}, "s").empty());
}

using KumoMta = ReplaceBase;

TEST_F(KumoMta, KeysAndValuesThatDoNothingHereAreWarnedOf) {
  Read(
      {"[\"default\"]\nreadyq_pool_name = \"x\"\nprovider_name = \"y\"\nip_lookup_strategy = \"Ipv6ThenIpv4\"\n"
       "max_message_rate = \"10/5m\"\n[\"x.org\"]\nip_lookup_strategy = \"Ipv4ThenIpv6\"\n"});
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("a:2: readyq_pool_name is known to KumoMTA"), HasSubstr("a:3: provider_name"),
                          HasSubstr("a:4: ip_lookup_strategy puts no family before the other")));
  Read({"[\"default\"]\nip_lookup_strategy = \"Ipv4AndIpv6\"\n"});
  EXPECT_THAT(warnings_, IsEmpty());
}

}  // namespace
}  // namespace config
