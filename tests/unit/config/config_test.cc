#include "engine/config/config.h"

#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace config {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Config Good(std::string_view text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "/etc/sluice/sluice.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

std::string Problem(std::string_view text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "sluice.toml");
  EXPECT_FALSE(config.ok()) << text;
  return std::string(config.status().message());
}

std::vector<std::int64_t> RetryMinutes(std::string_view text) {
  std::vector<std::int64_t> minutes;
  for (const Duration interval : Good(text).retry_intervals) minutes.push_back(interval.seconds() / 60);
  return minutes;
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  const Config config = Good("");
  EXPECT_EQ(config.engine.shards, 0U);
  EXPECT_EQ(config.engine.io, IoChoice::kAuto);
  EXPECT_EQ(config.engine.signer, SignerChoice::kAuto);
  EXPECT_FALSE(config.engine.state_dir.has_value());
  EXPECT_TRUE(config.dns.servers.empty());
  EXPECT_EQ(config.dns.max_queries_per_second, 500U);
  EXPECT_EQ(config.dns.recheck_dkim, base::Duration::Hours(1));
  EXPECT_EQ(config.smtp.port, 25);
  EXPECT_FALSE(config.allow_private_destinations);
  EXPECT_THAT(RetryMinutes(""), ElementsAre(20, 40, 60, 120, 240));
}

TEST(Config, EveryKeyIsRead) {
  const Config config = Good(R"(
[engine]
shards = 3
io = "epoll"
signer = "openssl"
state_dir = "/var/lib/sluice"
[dns]
servers = ["127.0.0.53", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::2"]
max_queries_per_second = 70
recheck_dkim = "10m"
[smtp]
port = 2525
ehlo_domain = "mail.example.com"
[sources.ip-2]
source_address = "2001:db8::10"
[sources.ip-1]
source_address = "192.0.2.10"
ehlo_domain = "mta1.example.com"
public_address = "198.51.100.7"
[pools.main]
ip-2 = 3
ip-1 = 1
[retry]
intervals = ["5m", "1 hour"]
[shaping]
files = ["shaping.toml", "/srv/more.toml"]
[suppression]
learn = ["InvalidRecipient"]
files = ["never.txt"]
[tokens]
key_file = "token.key"
[security]
allow_private_destinations = true
)");
  EXPECT_EQ(config.engine.shards, 3U);
  EXPECT_EQ(config.engine.io, IoChoice::kEpoll);
  EXPECT_EQ(config.engine.signer, SignerChoice::kOpenssl);
  EXPECT_EQ(config.engine.state_dir, "/var/lib/sluice");
  EXPECT_THAT(config.dns.servers, ElementsAre("127.0.0.53", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::2"));
  EXPECT_EQ(config.dns.max_queries_per_second, 70U);
  EXPECT_EQ(config.dns.recheck_dkim, base::Duration::Minutes(10));
  EXPECT_EQ(config.smtp.port, 2525);
  EXPECT_EQ(config.smtp.ehlo_domain, "mail.example.com");
  ASSERT_EQ(config.sources.size(), 2U);
  EXPECT_EQ(config.sources[0].name, "ip-1");
  EXPECT_EQ(config.sources[0].source_address->ToString(), "192.0.2.10");
  EXPECT_EQ(config.sources[0].ehlo_domain, "mta1.example.com");
  EXPECT_EQ(config.sources[0].public_address->ToString(), "198.51.100.7");
  EXPECT_TRUE(config.sources[1].source_address->IsV6());
  EXPECT_THAT(RetryMinutes("[retry]\nintervals = [\"5m\", \"1 hour\"]"), ElementsAre(5, 60));
  const Config classes = Good(
      "[retry.class.QuotaIssues]\nintervals = [\"6h\", \"12h\"]\n"
      "[retry.class.RateLimited]\nretry_interval = \"1m\"\nmax_retry_interval = \"3m\"");
  EXPECT_EQ(classes.retry_intervals.size(), 5u);
  EXPECT_THAT(classes.retry_by_class.at("QuotaIssues"), ElementsAre(Duration::Hours(6), Duration::Hours(12)));
  EXPECT_THAT(classes.retry_by_class.at("RateLimited"),
              ElementsAre(Duration::Minutes(1), Duration::Minutes(2), Duration::Minutes(3)));
  EXPECT_THAT(config.shaping_files, ElementsAre("/etc/sluice/shaping.toml", "/srv/more.toml"));
  EXPECT_THAT(config.suppression_files, ElementsAre("/etc/sluice/never.txt"));
  EXPECT_THAT(config.learned_classes, ElementsAre("InvalidRecipient"));
  EXPECT_EQ(config.token_key_file, "/etc/sluice/token.key");
  EXPECT_TRUE(config.allow_private_destinations);

  const auto members = PoolMembers(config, "main");
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ((*members)[0].source.name, "ip-1");
  EXPECT_EQ((*members)[1].weight, 3U);
}

TEST(Config, ASourceMayHaveLimits) {
  const Config config = Good(
      "[sources.a]\nsource_address = \"192.0.2.1\"\nconnection_limit = 500\nmax_message_rate = "
      "\"20_000/h,max_burst=10\"\n"
      "[sources.b]\nsource_address = \"192.0.2.2\"\n");
  const SourceLimits& limits = config.sources[0].limits;
  EXPECT_EQ(limits.connection_limit, 500U);
  EXPECT_EQ(limits.max_message_rate, (base::Rate{20'000, Duration::Hours(1), 10}));
  EXPECT_EQ(limits.place, "/etc/sluice/sluice.toml:1");
  EXPECT_FALSE(config.sources[1].limits.Any());
}

TEST(Config, SeveralProblemsAreToldTogetherInTheOrderOfTheFile) {
  EXPECT_EQ(Problem("[smtp]\nport = 0\nehlo_domain = \"a b\"\n[dns]\nserver = [\"1\"]\n"),
            "sluice.toml:2: smtp.port is 0; it must be a whole number from 1 to 65535\n"
            "sluice.toml:3: smtp.ehlo_domain is \"a b\"; it must be a domain name, as \"mail.example.com\"\n"
            "sluice.toml:5: unknown key dns.server; did you mean servers?");
}

TEST(Config, WrongValuesAreNamedWithTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"[engine]\nio = \"kqueue\"", "sluice.toml:2: engine.io is \"kqueue\""},
      {"[engine]\nsigner = \"gpu\"", "sluice.toml:2: engine.signer is \"gpu\""},
      {"[engine]\nshards = -1", "from 0 to 1024"},
      {"[engine]\nshards = \"2\"", "engine.shards is a text"},
      {"engine = 1", "sluice.toml:1: engine is a whole number; it must be a table [engine]"},
      {"[dns]\nservers = \"127.0.0.1\"", "it must be a list of texts"},
      {"[dns]\nservers = [\"dns.example\"]", "dns.servers has \"dns.example\""},
      {"[dns]\nservers = [\"127.0.0.1:0\"]", "dns.servers has"},
      {"[dns]\nmax_queries_per_second = 0", "from 1 to"},
      {"[dns]\nrecheck_dkim = \"1 fortnight\"", "dns.recheck_dkim is wrong"},
      {"[dns]\nrecheck_dkim = \"0s\"", "it must be from 1 second to 30 days"},
      {"[smtp]\nehlo_domain = \"192.0.2.1\"", "must be a domain name"},
      {"[sources.a]", "sources.a has no source_address"},
      {"[sources.a]\nsource_address = \"host\"", "must be an IP address"},
      {"[sources.a]\nsource_address = \"192.0.2.1\"\nmax_message_rate = \"0/s\"", "would ever be sent"},
      {"[sources.a]\nsource_address = \"192.0.2.1\"\nmax_message_rate = \"20k/h\"", "max_message_rate is wrong"},
      {"[sources.a]\nsource_address = \"192.0.2.1\"\nconnection_limit = 0", "from 1 to 1000000"},
      {"[sources.\"a b\"]\nsource_address = \"192.0.2.1\"", "is not a source"},
      {"[sources.a]\nsource_address = \"192.0.2.1\"\n[sources.b]\nsource_address = \"192.0.2.1\"", "is that of a"},
      {"[pools.main]\nip-1 = 1", "pools.main.ip-1 names no source"},
      {"[sources.a]\nsource_address = \"192.0.2.1\"\n[pools.main]\na = 0", "from 1 to 1000000"},
      {"[pools.main]", "is not a pool"},
      {"[retry]\nintervals = []", "is empty"},
      {"[retry]\nintervals = [\"20\"]", "\"20\" is not a span of time"},
      {"[retry]\nintervals = [\"0s\"]", "from 1 second to 30 days"},
      {"[retry]\nretry_interval = \"5m\"\nintervals = [\"1m\"]", "use one of the two forms"},
      {"[retry]\nretry_interval = \"5m\"\nmax_retry_interval = \"1m\"", "is shorter than retry_interval"},
      {"[retry.class.QuotaIssues]\nintervals = [\"20\"]", "\"20\" is not a span of time"},
      {"[retry.class.QuotaIssues]\ninterval = \"20m\"", "retry.class.QuotaIssues"},
      {"[retry.class]\nQuotaIssues = \"20m\"", "write [retry.class.QuotaIssues]"},
      {"[security]\nallow_private_destinations = \"yes\"", "must be true or false"},
      {"[shaping]\nfiles = [\"\"]", "must be a list of texts"},
      {"[engine\nshards = 1", "sluice.toml:1: not TOML: "},
  };
  for (const auto& [text, problem] : cases) EXPECT_THAT(Problem(text), HasSubstr(problem)) << text;
}

TEST(Config, ReadsWhereTheTrustedAuthoritiesAre) {
  EXPECT_FALSE(Config().tls.ca_file.has_value());
  const auto config = ParseConfig("[tls]\nca_file = \"ca.pem\"", "/etc/sluice/sluice.toml");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->tls.ca_file, "/etc/sluice/ca.pem");
}

TEST(Config, ReadsWhereMetricsAreServed) {
  EXPECT_FALSE(Config().metrics_listen.has_value());
  EXPECT_EQ(ParseConfig("[metrics]\nlisten = \"[::1]:9650\"", "s")->metrics_listen, "[::1]:9650");
  for (const char* text : {"127.0.0.1", "localhost:9650", "127.0.0.1:0", "::1:9650"}) {
    EXPECT_THAT(Problem("[metrics]\nlisten = \"" + std::string(text) + "\""), HasSubstr("metrics.listen is \""));
  }
}

TEST(Config, ReadsWhoIsToldOfWhatHappens) {
  EXPECT_FALSE(Config().notify_command.has_value());
  EXPECT_EQ(ParseConfig("[notify]\ncommand = \"mail -s x me\"", "s")->notify_command, "mail -s x me");
}

TEST(Config, KumoRetryDoublesUpToItsMaximum) {
  EXPECT_THAT(RetryMinutes("[retry]\nretry_interval = \"10m\"\nmax_retry_interval = \"1h\""),
              ElementsAre(10, 20, 40, 60));
  EXPECT_THAT(RetryMinutes("[retry]\nmax_retry_interval = \"5m\""), ElementsAre(5));
  const auto endless = RetryMinutes("[retry]\nretry_interval = \"12h\"");
  EXPECT_THAT(endless, ElementsAre(720, 1440, 2880, 5760, 10'080));
}

TEST(Config, WithoutSourcesThePoolIsTheUnnamedOne) {
  const auto members = PoolMembers(Config(), "");
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), 1U);
  EXPECT_EQ(members->front().source.name, "default");
  EXPECT_FALSE(members->front().source.source_address.has_value());
  EXPECT_THAT(std::string(PoolMembers(Config(), "main").status().message()), HasSubstr("define [pools.main]"));
}

TEST(Config, WithoutAPoolAllSourcesHaveEqualWeight) {
  const Config config = Good(
      "[sources.b]\nsource_address=\"192.0.2.2\"\n[sources.a]\nsource_address=\"192.0.2.1\"\n"
      "[pools.main]\na = 5");
  const auto members = PoolMembers(config, "");
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ((*members)[0].weight, 1U);
  EXPECT_EQ((*members)[1].weight, 1U);
  EXPECT_THAT(std::string(PoolMembers(config, "mein").status().message()), HasSubstr("did you mean \"main\"?"));
}

TEST(Config, S25_TheEhloDomainIsTheSourcesTheFilesTheHostsOrAnAddressLiteral) {
  Config config;
  SourceConfig source;
  EXPECT_FALSE(EhloDomain(config, source, "localhost").ok());
  source.source_address = base::IpAddress::Parse("2001:db8::1");
  EXPECT_EQ(*EhloDomain(config, source, "localhost"), "[IPv6:2001:db8::1]");
  source.public_address = base::IpAddress::Parse("198.51.100.7");
  EXPECT_EQ(*EhloDomain(config, source, "localhost"), "[198.51.100.7]");
  EXPECT_EQ(*EhloDomain(config, source, "host.example.com"), "host.example.com");
  config.smtp.ehlo_domain = "mail.example.com";
  EXPECT_EQ(*EhloDomain(config, source, "host.example.com"), "mail.example.com");
  source.ehlo_domain = "mta1.example.com";
  EXPECT_EQ(*EhloDomain(config, source, "host.example.com"), "mta1.example.com");
}

TEST(Config, AFileThatCannotBeReadSaysWhy) {
  EXPECT_THAT(std::string(LoadConfig("/nonexistent/sluice.toml").status().message()),
              StartsWith("/nonexistent/sluice.toml: cannot be read: No such file"));
  EXPECT_THAT(std::string(LoadConfig("/").status().message()), HasSubstr("cannot be read"));
}

TEST(Config, AFileIsReadFromItsFolder) {
  const std::string path = testing::TempDir() + "/sluice_config_test.toml";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("[shaping]\nfiles = [\"s.toml\"]\n", file);
  std::fclose(file);
  const auto config = LoadConfig(path);
  std::remove(path.c_str());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->shaping_files, ElementsAre(HasSubstr("s.toml")));
}

}  // namespace
}  // namespace config
