#include "engine/config/shaping.h"

#include <filesystem>
#include <string>
#include <vector>

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

class ShapingTest : public ReadShaping {
 protected:
  std::string Problem(const std::string& text) {
    const auto shaping = Shaping::Parse({{"shaping.toml", text}}, warnings_);
    EXPECT_FALSE(shaping.ok()) << text;
    return std::string(shaping.status().message());
  }
};

TEST_F(ShapingTest, S02_TheBuiltInTimeoutsAreNotBelowTheRfcs) {
  const Limits limits = Shaping().For("example.com", Hosts{"mx.example.com"}, "ip-1");
  Limits wanted;  // KumoMTA's own of those that its file does not name.
  wanted.connection_limit = 10;
  wanted.max_deliveries_per_connection = 100;
  EXPECT_EQ(limits, wanted);
  EXPECT_GE(limits.banner_timeout, Duration::Minutes(5));
  EXPECT_GE(limits.mail_from_timeout, Duration::Minutes(5));
  EXPECT_GE(limits.rcpt_to_timeout, Duration::Minutes(5));
  EXPECT_GE(limits.data_timeout, Duration::Minutes(3));
  EXPECT_GE(limits.data_block_timeout, Duration::Minutes(3));
  EXPECT_GE(limits.data_dot_timeout, Duration::Minutes(10));
}

TEST_F(ShapingTest, S01_EveryLimitIsSettable) {
  const Shaping shaping = Read({R"(
["default"]
connection_limit = "local:1_000"
max_connection_rate = "100/min"
max_message_rate = "1,000/h,max_burst=7"
max_deliveries_per_connection = 20
consecutive_connection_failures_before_delay = 5
connect_timeout = "1s"
banner_timeout = "2s"
ehlo_timeout = "3s"
mail_from_timeout = "4s"
rcpt_to_timeout = "5s"
data_timeout = "6s"
data_dot_timeout = "7s"
rset_timeout = "8s"
idle_timeout = "9 seconds"
auth_timeout = "10s"
data_block_timeout = "11s"
enable_pipelining = false
skip_hosts = ["::/0", "192.0.2.1"]
prohibited_hosts = ["198.51.100.0/24"]
ip_lookup_strategy = "Ipv4Only"
)"});
  EXPECT_THAT(warnings_, IsEmpty());
  const Limits limits = shaping.For("example.com", Hosts{"mx.example.com"}, "ip-1");
  EXPECT_EQ(limits.connection_limit, 1000U);
  EXPECT_EQ(limits.max_connection_rate, (base::Rate{100, Duration::Minutes(1), std::nullopt}));
  EXPECT_EQ(limits.max_message_rate, (base::Rate{1000, Duration::Hours(1), 7}));
  EXPECT_EQ(limits.max_deliveries_per_connection, 20U);
  EXPECT_EQ(limits.consecutive_connection_failures_before_delay, 5U);
  const Duration timeouts[] = {limits.connect_timeout,   limits.banner_timeout,    limits.ehlo_timeout,
                               limits.mail_from_timeout, limits.rcpt_to_timeout,   limits.data_timeout,
                               limits.data_dot_timeout,  limits.rset_timeout,      limits.idle_timeout,
                               limits.auth_timeout,      limits.data_block_timeout};
  for (int i = 0; i < 11; ++i) EXPECT_EQ(timeouts[i], Duration::Seconds(i + 1)) << i;
  EXPECT_FALSE(limits.enable_pipelining);
  EXPECT_TRUE(limits.skip_hosts.Contains(*base::IpAddress::Parse("2001:db8::1")));
  EXPECT_TRUE(limits.skip_hosts.Contains(*base::IpAddress::Parse("192.0.2.1")));
  EXPECT_FALSE(limits.skip_hosts.Contains(*base::IpAddress::Parse("192.0.2.2")));
  EXPECT_TRUE(limits.prohibited_hosts.Contains(*base::IpAddress::Parse("198.51.100.77")));
  EXPECT_EQ(limits.ip_lookup_strategy, IpLookupStrategy::kIpv4Only);
}

// Each step sets one more key and overrides one of the step before.
TEST_F(ShapingTest, BlocksAreMergedFromTheGeneralToTheParticular) {
  const Shaping shaping = Read({R"(
["own.example".sources."ip-1"]
rset_timeout = "17s"
["own.example"]
mx_rollup = false
rset_timeout = "16s"
idle_timeout = "16s"
["site.example".sources."ip-1"]
idle_timeout = "26s"
data_timeout = "15s"
["site.example"]
data_timeout = "14s"
ehlo_timeout = "14s"
[provider."p".sources."ip-1"]
ehlo_timeout = "13s"
banner_timeout = "13s"
[provider."p"]
match = [{MXSuffix = ".Hosts.example."}]
banner_timeout = "12s"
connect_timeout = "12s"
["default"]
connect_timeout = "11s"
)"});
  const Hosts hosts = {"b.hosts.example", "a.hosts.example"};
  Shaping with_site = shaping;
  with_site.SetRollupHosts("Site.example", Hosts{"A.hosts.example.", "b.hosts.example"});
  const Limits limits = with_site.For("own.example", hosts, "ip-1");
  EXPECT_EQ(limits.connect_timeout, Duration::Seconds(12));
  EXPECT_EQ(limits.banner_timeout, Duration::Seconds(13));
  EXPECT_EQ(limits.ehlo_timeout, Duration::Seconds(14));
  EXPECT_EQ(limits.data_timeout, Duration::Seconds(15));
  EXPECT_EQ(limits.idle_timeout, Duration::Seconds(26));  // A site's source comes after the domain.
  EXPECT_EQ(limits.rset_timeout, Duration::Seconds(17));
  EXPECT_EQ(with_site.For("own.example", hosts, "ip-2").idle_timeout, Duration::Seconds(16));
  EXPECT_EQ(with_site.For("other.example", hosts, "ip-2").ehlo_timeout, Duration::Seconds(14));
  EXPECT_EQ(with_site.For("other.example", Hosts{"a.hosts.example"}, "ip-2").ehlo_timeout, Duration::Minutes(5));
}

TEST_F(ShapingTest, ADomainsBlockHoldsForItsNameEvenBeforeItsHostsAreKnown) {
  const Shaping shaping = Read({"[\"Example.COM\"]\nconnection_limit = 3\n[\"b.example\"]\nmx_rollup = false\n"});
  EXPECT_THAT(shaping.RollupDomains(), ElementsAre("example.com"));
  EXPECT_EQ(shaping.For("example.com", Hosts{"mx.example"}, "s").connection_limit, 3U);
  EXPECT_EQ(shaping.For("example.org", Hosts{"mx.example"}, "s").connection_limit, 10U);
  EXPECT_TRUE(shaping.HasOwnLimits("B.example") && shaping.SpeaksOf("B.example") && shaping.SpeaksOf("example.com."));
  EXPECT_FALSE(shaping.HasOwnLimits("example.com"));
}

TEST_F(ShapingTest, AProviderHasAllHostsOfADomainOrNone) {
  const Shaping shaping = Read({R"(
[provider."one"]
match = [{MXSuffix = ".one.example"}, {HostName = "mx.two.example"}]
[provider."suffix"]
match = [{DomainSuffix = ".corp.example"}]
)"});
  EXPECT_EQ(shaping.ProviderFor("x.org", Hosts{"a.one.example", "MX.two.example"}), "one");
  EXPECT_EQ(shaping.ProviderFor("x.org", Hosts{"a.one.example", "mx.three.example"}), "");
  EXPECT_EQ(shaping.ProviderFor("x.org", Hosts{"b.mx.two.example"}), "");
  EXPECT_EQ(shaping.ProviderFor("a.corp.example", Hosts{"mx.three.example"}), "suffix");
  EXPECT_EQ(shaping.ProviderFor("x.org", Hosts{}), "");
  EXPECT_TRUE(shaping.SpeaksOf("A.corp.example"));
  EXPECT_FALSE(shaping.SpeaksOf("corp.example") || shaping.SpeaksOf("a.one.example"));
}

TEST_F(ShapingTest, TheLargeProvidersAreKnownByTheirHosts) {
  const Shaping nothing = Read({""});
  EXPECT_EQ(nothing.ProviderFor("gmail.com", Hosts{"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}),
            "google");
  EXPECT_EQ(nothing.ProviderFor("x.org", Hosts{"ASPMX.L.GOOGLE.COM.", "aspmx2.googlemail.com"}), "google");
  EXPECT_EQ(nothing.ProviderFor("x.org", Hosts{"x-org.mail.protection.outlook.com"}), "office365");
  EXPECT_EQ(nothing.ProviderFor("outlook.com", Hosts{"outlook-com.olc.protection.outlook.com"}), "outlook");
  EXPECT_EQ(nothing.ProviderFor("yahoo.com", Hosts{"mta5.am0.yahoodns.net"}), "yahoo");
  // Not all of its hosts, or only a name that ends alike.
  EXPECT_EQ(nothing.ProviderFor("x.org", Hosts{"aspmx.l.google.com", "mx.x.org"}), "");
  EXPECT_EQ(nothing.ProviderFor("x.org", Hosts{"mx.notgoogle.com"}), "");
  // A file's word counts more.
  const Shaping file = Read({"[provider.\"mine\"]\nmatch = [{MXSuffix = \".google.com\"}]"});
  EXPECT_EQ(file.ProviderFor("gmail.com", Hosts{"alt1.gmail-smtp-in.l.google.com"}), "mine");
}

struct BuiltIn {
  const char* provider;
  std::vector<std::string> hosts;  // Each is of it.
  std::uint32_t connections;       // Of a source, at all sites of the provider; 0: each site's default.
  std::uint32_t messages;          // Per connection.
  TlsMode tls = TlsMode::kOpportunisticInsecure;
};

// Standards page, section 7: the starting values of each site, by the suffix of its mail exchangers.
TEST_F(ShapingTest, WhatIsBuiltInIsWhatTheLargeProvidersTake) {
  const TlsMode required = TlsMode::kRequired;
  const BuiltIn rows[] = {
      {"google", {"alt1.gmail-smtp-in.l.google.com", "aspmx2.googlemail.com"}, 5, 50, required},
      {"yahoo", {"mta5.am0.yahoodns.net"}, 0, 20},
      {"outlook", {"outlook-com.olc.protection.outlook.com"}, 5, 50},
      {"office365", {"x-org.mail.protection.outlook.com"}, 5, 50},
      {"office365-dane", {"x-org.a-v1.mx.microsoft"}, 5, 50},
      {"apple", {"mx01.mail.icloud.com"}, 10, 5},
      {"comcast", {"mx1.mxge.comcast.net"}, 25, 1000, required},
      {"orange", {"smtp-in.orange.fr"}, 2, 100, required},
      {"gmx", {"mx00.gmx.net", "mx-ha02.web.de"}, 4, 20, required},
      {"qq", {"mx3.qq.com"}, 4, 8, required},
      {"netease", {"163mx01.mxmail.netease.com"}, 4, 7, TlsMode::kRequiredInsecure},  // Its certificates do not hold.
      {"barracuda", {"d1.ess.barracudanetworks.com"}, 10, 15, required},
  };
  const Shaping nothing;
  for (const BuiltIn& row : rows) {
    for (const std::string& host : row.hosts) {
      const Limits limits = nothing.For("x.org", Hosts{MailHost(host, {})}, "s");
      EXPECT_EQ(nothing.ProviderFor("x.org", Hosts{MailHost(host, {})}), row.provider) << host;
      EXPECT_EQ(limits.provider_connection_limit.value_or(0), row.connections) << host;
      EXPECT_GE(limits.connection_limit, row.connections) << host;
      EXPECT_EQ(limits.max_deliveries_per_connection, row.messages) << host;
      EXPECT_EQ(limits.enable_tls, row.tls) << host;
    }
  }
  const Limits mimecast = nothing.For("x.org", Hosts{"eu-smtp-inbound-1.mimecast.com"}, "s");
  EXPECT_EQ(mimecast.connection_limit, 10U);
  EXPECT_FALSE(mimecast.provider_connection_limit.has_value()) << "each site is a region";
  EXPECT_EQ(mimecast.max_deliveries_per_connection, 100U);
  EXPECT_EQ(nothing.For("x.org", Hosts{"a.google.com"}, "s").consecutive_connection_failures_before_delay, 5U);
  EXPECT_EQ(nothing.For("x.org", Hosts{"a.comcast.net"}, "s").idle_timeout, Duration::Seconds(30));
}

TEST_F(ShapingTest, AFileChangesWhatIsBuiltIn) {
  const Hosts google = {"alt1.gmail-smtp-in.l.google.com"};
  const Shaping file =
      Read({"[\"default\"]\nprovider_connection_limit = 100\n[provider.google]\nmax_deliveries_per_connection = 7"});
  EXPECT_EQ(file.For("gmail.com", google, "s").provider_connection_limit, 5U)
      << "a provider's block counts more than default";
  EXPECT_EQ(file.For("gmail.com", google, "s").max_deliveries_per_connection, 7U);
  EXPECT_EQ(Read({"[provider.google]\nreplace_base = true"}).For("gmail.com", google, "s"),
            Shaping().For("example.com", Hosts{"mx.example.com"}, "s"));
}

TEST_F(ShapingTest, LaterFilesWin) {
  const std::string first =
      "[provider.\"p\"]\nmatch=[{MXSuffix=\".p.example\"}]\nconnection_limit = 5\nidle_timeout = \"9s\"";
  const Hosts hosts = {"mx.p.example"};
  EXPECT_EQ(Read({first, "[provider.\"p\"]\nconnection_limit = 6"}).For("x", hosts, "s").connection_limit, 6U);
}

TEST_F(ShapingTest, LimitsOfGroupsStandBesideTheSitesOwn) {
  const Shaping shaping = Read({R"(
["default"]
connection_limit = 10
total_message_rate = "7/s"
[provider."p"]
match=[{MXSuffix=".p.example"}]
provider_connection_limit = 5
provider_max_message_rate = "10/min"
total_connection_limit = 40
total_message_rate = "30/min"
["own.example"]
total_connection_limit = 3
[provider."p".sources."s"]
adaptive = false
)"});
  const Limits limits = shaping.For("x", Hosts{"mx.p.example"}, "s");
  EXPECT_EQ(limits.connection_limit, 10U);
  EXPECT_EQ(limits.provider_connection_limit, 5U);
  EXPECT_EQ(limits.provider_max_message_rate, (base::Rate{10, Duration::Minutes(1), std::nullopt}));
  EXPECT_EQ(limits.provider_total_connection_limit, 40U);
  EXPECT_EQ(limits.provider_total_message_rate, (base::Rate{30, Duration::Minutes(1), std::nullopt}));
  EXPECT_EQ(limits.total_connection_limit, std::nullopt);
  EXPECT_EQ(limits.total_message_rate, (base::Rate{7, Duration::Seconds(1), std::nullopt}));
  EXPECT_FALSE(limits.adaptive);
  EXPECT_EQ(shaping.For("own.example", Hosts{"mx.other"}, "s").total_connection_limit, 3U);
  EXPECT_THAT(warnings_, IsEmpty());
  std::vector<std::string> warnings;
  const auto wrong = Shaping::Parse({{"a", "[\"default\".sources.\"s\"]\ntotal_message_rate = \"1/s\"\n"}}, warnings);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("holds over all sources"));
}

TEST_F(ShapingTest, KeysOfKumoThatHaveNoEffectAreWarnedOfOnce) {
  Read({"[\"default\"]\nopenssl_options = \"x\"\n", "[\"example.com\"]\nopenssl_options = \"x\"\nmax_ready = 10\n"});
  EXPECT_THAT(warnings_, ElementsAre("a:2: openssl_options is known to KumoMTA, and without effect in this version",
                                     HasSubstr("b:3: max_ready is known")));
}

TEST_F(ShapingTest, ReadsWhatTlsAReceiverWants) {
  EXPECT_EQ(Limits().enable_tls, TlsMode::kOpportunisticInsecure);
  EXPECT_EQ(Limits().remember_broken_tls, Duration::Hours(72));
  const std::pair<const char*, TlsMode> modes[] = {{"Disabled", TlsMode::kDisabled},
                                                   {"OpportunisticInsecure", TlsMode::kOpportunisticInsecure},
                                                   {"Opportunistic", TlsMode::kOpportunistic},
                                                   {"RequiredInsecure", TlsMode::kRequiredInsecure},
                                                   {"Required", TlsMode::kRequired}};
  for (const auto& [text, mode] : modes) {
    const Shaping shaping =
        Read({"[\"example.com\"]\nenable_tls = \"" + std::string(text) + "\"\nstarttls_timeout = \"7s\"\n" +
              "tls_handshake_timeout = \"8s\"\nremember_broken_tls = \"10 days\"\n"});
    const Limits limits = shaping.For("example.com", Hosts{"mx.example"}, "s");
    EXPECT_EQ(limits.enable_tls, mode);
    EXPECT_EQ(limits.starttls_timeout, Duration::Seconds(7));
    EXPECT_EQ(limits.tls_handshake_timeout, Duration::Seconds(8));
    EXPECT_EQ(limits.remember_broken_tls, Duration::Hours(240));
    EXPECT_THAT(warnings_, IsEmpty());
  }
  EXPECT_THAT(Problem("[\"default\"]\nenable_tls = \"required\"\n"), HasSubstr("it must be \"Opportunistic\""));
  for (const char* wrong : {"60 days", "59s"}) {
    EXPECT_THAT(Problem(std::string("[\"default\"]\nremember_broken_tls = \"") + wrong + "\"\n"),
                HasSubstr("from 1 minute to 30 days"));
  }
}

TEST_F(ShapingTest, AProviderWithoutMatchIsWarnedOf) {
  Read({"[provider.\"p\"]\nconnection_limit = 1", "[provider.\"q\"]\nconnection_limit = 1",
        "[provider.\"q\"]\nmatch = [{HostName = \"q.example\"}]"});
  EXPECT_THAT(warnings_, ElementsAre("a:1: provider \"p\" has no match, so that nothing belongs to it"));
}

TEST_F(ShapingTest, WrongValuesAreNamedWithTheirLineAllTogether) {
  EXPECT_EQ(
      Problem("[\"default\"]\nconnection_limt = 1\nmax_message_rate = 5\n[\"a.example\"]\nidle_timeout = \"1\"\n"),
      "shaping.toml:2: [default] unknown key connection_limt; did you mean connection_limit?\n"
      "shaping.toml:3: [default] max_message_rate is not a text; write a rate in quotes, as \"100/min\"\n"
      "shaping.toml:5: [a.example] idle_timeout is wrong: \"1\" is not a span of time; write a number with a unit of "
      "at "
      "most 10 years, as \"500ms\", \"5m\" or \"3 days\"");
  const std::pair<const char*, const char*> cases[] = {
      {"connection_limit = 0", "from 1 to"},
      {"connection_limit = -5", "from 1 to"},
      {"connection_limit = \"many\"", "from 1 to"},
      {"connection_limit = 1.5", "from 1 to"},
      {"max_message_rate = \"5/fortnight\"", "is not a rate"},
      {"enable_pipelining = \"no\"", "true or false"},
      {"skip_hosts = \"::/0\"", "is not a list"},
      {"skip_hosts = [\"mx.example\"]", "no address"},
      {"ip_lookup_strategy = \"ipv4\"", "Ipv4Only"},
      {"data_timeout = \"0s\"", "out of range"},
      {"mx_rollup = 1", "true or false"},
      {"sources = 1", "is not a table"},
      {"match = []", "unknown key match"},
  };
  for (const auto& [line, problem] : cases) {
    EXPECT_THAT(Problem(std::string("[\"x.example\"]\n") + line), HasSubstr(problem)) << line;
  }
  EXPECT_THAT(Problem("connection_limit = 1"), HasSubstr("is not a block"));
  EXPECT_THAT(Problem("[provider]\nx = 1"), HasSubstr("provider.x is not a block"));
  EXPECT_THAT(Problem("[provider.x]\nmatch = [{Suffix=\"a\"}]"), HasSubstr("provider.x.match is not understood"));
  EXPECT_THAT(Problem("[\"x\""), HasSubstr("shaping.toml:1: not TOML"));
}

TEST_F(ShapingTest, AFileThatCannotBeReadSaysWhy) {
  const auto shaping = Shaping::Load(std::vector<std::string>{"/nonexistent/s.toml"}, warnings_);
  ASSERT_FALSE(shaping.ok());
  EXPECT_THAT(std::string(shaping.status().message()), HasSubstr("/nonexistent/s.toml: cannot be read"));
}

// Only where the files of others lie beside the source tree; a clone has them not.
TEST_F(ShapingTest, ReadsKumoMtasOwnFilesAsTheyAre) {
  const std::filesystem::path data = std::filesystem::path(__FILE__).parent_path() / "../../../../shared/data";
  if (!std::filesystem::exists(data / "kumomta-shaping.toml")) GTEST_SKIP() << "not beside the source tree";
  const auto shaping = Shaping::Load(std::vector<std::string>{(data / "kumomta-shaping.toml").string(),
                                                              (data / "kumomta-community-shaping.toml").string()},
                                     warnings_);
  ASSERT_TRUE(shaping.ok()) << shaping.status();
  const Hosts google = {"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"};
  EXPECT_EQ(shaping->ProviderFor("gmail.com", google), "google");
  const Limits limits = shaping->For("gmail.com", google, "ip-1");
  EXPECT_EQ(limits.max_deliveries_per_connection, 50U);
  EXPECT_EQ(limits.provider_connection_limit, 5U);
  EXPECT_EQ(limits.consecutive_connection_failures_before_delay, 5U);
  EXPECT_EQ(limits.data_dot_timeout, Duration::Seconds(60));
  EXPECT_EQ(shaping->For("x.org", Hosts{"d1.ess.barracudanetworks.com"}, "s").max_deliveries_per_connection, 15U);
  EXPECT_EQ(shaping->For("comcast.net", Hosts{"mx1.mxge.comcast.net"}, "s").connection_limit, 25U);
  EXPECT_EQ(shaping->For("example.com", Hosts{"mx"}, "my source name").connection_limit, 5U);
  EXPECT_TRUE(shaping->HasOwnLimits("example.com"));
}

}  // namespace
}  // namespace config
