// The fake internet without sockets: personalities, names and the oracle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tools/sandbox/oracle.h"
#include "tools/sandbox/personality.h"
#include "tools/sandbox/zone.h"

namespace sandbox {
namespace {

using testing::HasSubstr;

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kMx = 15;
constexpr std::uint16_t kAaaa = 28;
constexpr base::Instant kStart = base::Instant::FromNanoseconds(1'000'000'000);

constexpr std::string_view kWorld = R"(
format = 1
name = "test"
[dns]
recover_after = "10s"
[dns.domains]
nxdomain = ["gone.example"]
null_mx = ["null.example"]
no_mx = ["plain.example"]
servfail = ["broken.example"]
no_answer = ["silent.example"]
[dns.txt]
"s1._domainkey.example.com" = "v=DKIM1; p=abc"
[dns.ptr]
"127.0.0.9" = "mail.example.com"
[provider.big]
domains = ["big.example", "Large.example"]
mx = ["mx1.big.net", "mx2.big.net"]
unreachable = 1
addresses = 3
extensions = ["pipelining"]
greylist = "3s"
hang_up = { content = "1%" }
[[provider.big.reply]]
at = "rcpt"
reply = "450 4.2.1 later"
share = "2%"
attempts = 1
[provider.small]
weight = 1
mx = ["mail.{domain}"]
)";

Personality World() {
  absl::StatusOr<Personality> world = ParsePersonality(kWorld, "world.toml");
  EXPECT_TRUE(world.ok()) << world.status();
  return *std::move(world);
}

TEST(Personality, ReadsWhatAFileSays) {
  const Personality world = World();
  ASSERT_EQ(world.providers.size(), 2u);
  const Provider& big = world.providers[0];
  EXPECT_EQ(big.name, "big");
  EXPECT_EQ(big.domains[1], "large.example");
  EXPECT_TRUE(big.server.extensions.Has(Extension::kPipelining));
  EXPECT_FALSE(big.server.extensions.Has(Extension::kChunking));
  EXPECT_EQ(big.greylist, base::Duration::Seconds(3));
  ASSERT_EQ(big.replies.size(), 1u);
  EXPECT_EQ(big.replies[0].phase, Phase::kRcpt);
  EXPECT_EQ(big.replies[0].attempts, 1u);
  ASSERT_EQ(big.hang_ups.size(), 1u);
  EXPECT_EQ(big.hang_ups[0].point, HangUpPoint::kContentKept);
}

TEST(Personality, BuiltInOnesAreThereByName) {
  EXPECT_GT(BuiltInPersonality("realistic")->providers.size(), 4u);
  for (const char* name : {"none", "faultfree"}) {
    const Personality none = *BuiltInPersonality(name);
    ASSERT_EQ(none.providers.size(), 1u);
    EXPECT_TRUE(none.providers[0].replies.empty() && none.providers[0].hang_ups.empty());
    EXPECT_TRUE(none.dns.shares.empty() && none.providers[0].unknown_users.empty());
  }
  EXPECT_FALSE(BuiltInPersonality("other").has_value());
}

struct Wrong {
  std::string text;
  std::string message;
};

TEST(Personality, MistakesNameTheirLineAndTheWayOut) {
  const std::string good = "format = 1\n[provider.a]\nweight = 1\n";
  const std::vector<Wrong> all = {
      {"format = 2\n[provider.a]\nweight = 1\n", "f.toml:1: format must be"},
      {"[provider.a]\nweight = 1\n", "format is missing"},
      {"format = 1\n", "no provider has a weight"},
      {good + "grelist = \"1s\"\n", "f.toml:4: unknown key \"grelist\"; did you mean \"greylist\"?"},
      {good + "greylist = \"soon\"\n", "f.toml:4: greylist: \"soon\" is not a duration"},
      {good + "greylist = 5\n", "f.toml:4: greylist must be a text"},
      {good + "unknown_users = \"2\"\n", "is not a share"},
      {good + "addresses = 65\n", "f.toml:4: addresses must be a whole number from 1 to 64"},
      {good + "mx = []\n", "at least one host"},
      {good + "mx = [\"bad host\"]\n", "is not a host name"},
      {good + "unreachable = 2\n", "from 0 to 1"},
      {good + "extensions = [\"TURN\"]\n", "unknown extension \"TURN\""},
      {good + "domains = [\"x.example\"]\n[provider.b]\ndomains = [\"x.example\"]\n", "given twice"},
      {good + "[[provider.a.reply]]\nat = \"lunch\"\nreply = \"450 x\"\n", "at must be"},
      {good + "[[provider.a.reply]]\nat = \"rcpt\"\n", "reply is missing"},
      {good + "[[provider.a.reply]]\nat = \"mail\"\nreply = \"450 x\"\nattempts = 1\n",
       "attempts has a meaning only at"},
      {good + "[[provider.a.reply]]\nat = \"mail\"\nreply = \"450 x\"\nlasts = \"1s\"\n", "every and lasts belong"},
      {good + "[[provider.a.tarpit]]\nat = \"mail\"\n", "delay is missing"},
      {good + "rate_per_source = \"many\"\n", "f.toml:4: rate_per_source: \"many\" is not a rate"},
      {good + "tls = { starttls = \"perhaps\" }\n", "f.toml:4: starttls must be on, off, refused"},
      {good + "tls = { share = \"1%\" }\n", "share belongs to"},
      {good + "tls = { versions = [\"SSLv3\"] }\n", "versions must be a list of"},
      {good + "tls = { certificate = \"new\" }\n", "certificate must be valid"},
      {good + "tarpit = 1\n", "tarpit must be a list of tables: [[provider.NAME.tarpit]]"},
      {good + "[dns.share]\nnxdomian = \"1%\"\n", "did you mean \"nxdomain\"?"},
      {good + "[dns.ptr]\nhere = \"a.example\"\n", "must be an IPv4 address"},
      {"format = \n", "f.toml:1: not valid TOML"},
  };
  for (const Wrong& wrong : all) {
    const absl::StatusOr<Personality> parsed = ParsePersonality(wrong.text, "f.toml");
    ASSERT_FALSE(parsed.ok()) << wrong.text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(wrong.message)) << wrong.text;
  }
}

TEST(Zone, AnswersForEveryDomainByItsProvider) {
  const Personality world = World();
  Zone zone(world);
  const ZoneAnswer big = zone.Resolve("large.example", kMx, kStart);
  ASSERT_EQ(big.records.size(), 2u);
  EXPECT_EQ(big.records[0].name, "mx1.big.net");
  EXPECT_LT(big.records[0].preference, big.records[1].preference);
  const base::IpAddress dead = zone.Resolve("mx1.big.net", kA, kStart).records.at(0).address;
  const base::IpAddress live = zone.Resolve("mx2.big.net", kA, kStart).records.at(0).address;
  EXPECT_FALSE(zone.ProviderOfAddress(dead).has_value());
  EXPECT_EQ(zone.ProviderOfAddress(live), 0u);

  const ZoneAnswer small = zone.Resolve("shop.example", kMx, kStart);
  ASSERT_EQ(small.records.size(), 1u);
  EXPECT_EQ(small.records[0].name, "mail.shop.example");
  EXPECT_EQ(zone.ProviderOfAddress(zone.Resolve("mail.shop.example", kA, kStart).records.at(0).address), 1u);
  EXPECT_EQ(zone.Resolve("mail.shop.example", kAaaa, kStart).kind, ZoneAnswer::Kind::kNoData);
}

TEST(Zone, DomainsHaveTheFaultsTheyAreGiven) {
  const Personality world = World();
  Zone zone(world);
  EXPECT_EQ(zone.Resolve("gone.example", kMx, kStart).kind, ZoneAnswer::Kind::kNoDomain);
  EXPECT_EQ(zone.Resolve("null.example", kMx, kStart).records.at(0).name, "");
  EXPECT_EQ(zone.Resolve("plain.example", kMx, kStart).kind, ZoneAnswer::Kind::kNoData);
  EXPECT_EQ(zone.Resolve("plain.example", kA, kStart).kind, ZoneAnswer::Kind::kFound);
  EXPECT_EQ(zone.Resolve("broken.example", kMx, kStart).kind, ZoneAnswer::Kind::kServerFail);
  EXPECT_EQ(zone.Resolve("silent.example", kMx, kStart).kind, ZoneAnswer::Kind::kSilence);
  const base::Instant later = kStart + base::Duration::Seconds(10);
  EXPECT_EQ(zone.Resolve("broken.example", kMx, later).kind, ZoneAnswer::Kind::kFound);
}

TEST(Zone, FaultSharesSpareMailExchangersAndNamedDomains) {
  Personality world = World();
  world.dns.shares = {{DomainFault::kNoDomain, *Share::Parse("50%")}};
  Zone zone(world);
  int gone = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    gone += zone.Resolve(domain, kMx, kStart).kind == ZoneAnswer::Kind::kNoDomain ? 1 : 0;
    EXPECT_EQ(zone.Resolve("mail." + domain, kA, kStart).kind, ZoneAnswer::Kind::kFound);
  }
  EXPECT_GT(gone, 400);
  EXPECT_LT(gone, 600);
  EXPECT_EQ(zone.Resolve("big.example", kMx, kStart).kind, ZoneAnswer::Kind::kFound);
}

TEST(Zone, ServesTheSendersOwnRecords) {
  const Personality world = World();
  Zone zone(world);
  EXPECT_EQ(zone.Resolve("s1._domainkey.example.com", 16, kStart).records.at(0).text, "v=DKIM1; p=abc");
  EXPECT_THAT(zone.Resolve("example.com", 16, kStart).records.at(0).text, HasSubstr("v=spf1"));
  EXPECT_THAT(zone.Resolve("_dmarc.example.com", 16, kStart).records.at(0).text, HasSubstr("v=DMARC1"));
  EXPECT_EQ(zone.Resolve("_dmarc.com", 16, kStart).kind, ZoneAnswer::Kind::kNoData);  // Nobody's organization.
  EXPECT_EQ(zone.Resolve("_mta-sts.example.com", 16, kStart).kind, ZoneAnswer::Kind::kNoData);
  EXPECT_EQ(zone.Resolve("9.0.0.127.in-addr.arpa", 12, kStart).records.at(0).name, "mail.example.com");
  EXPECT_EQ(zone.Resolve("mail.example.com", kA, kStart).records.at(0).address.ToString(), "127.0.0.9");
  const std::string generic = zone.Resolve("1.0.0.127.in-addr.arpa", 12, kStart).records.at(0).name;
  EXPECT_EQ(zone.Resolve(generic, kA, kStart).records.at(0).address.ToString(), "127.0.0.1");
}

TEST(Zone, KnowsTheAddressesThatMailComesFrom) {
  constexpr std::uint16_t kTxt = 16, kPtr = 12;
  Personality world = World();
  world.dns.ptr = {{"192.0.2.1", {"mta.example.com", "mta2.example.com"}},
                   {"192.0.2.2", {"mta.example.com"}},
                   {"2001:db8::1", {"mta.example.com"}}};
  world.dns.shares = {{DomainFault::kNoDomain, *Share::Parse("100%")}};
  world.dns.faults["example.com"] = DomainFault::kNone;
  Zone zone(world);
  EXPECT_EQ(zone.Resolve("example.com", kTxt, kStart).records.at(0).text,
            "v=spf1 ip4:127.0.0.0/8 ip4:192.0.2.1 ip4:192.0.2.2 ip6:2001:db8::1 -all");
  EXPECT_EQ(zone.Resolve("example.com", kMx, kStart).kind, ZoneAnswer::Kind::kFound);
  EXPECT_EQ(zone.Resolve("mta.example.com", kA, kStart).records.size(), 2u);
  EXPECT_EQ(zone.Resolve("mta.example.com", kAaaa, kStart).records.at(0).address.ToString(), "2001:db8::1");
  EXPECT_EQ(zone.Resolve("1.2.0.192.in-addr.arpa", kPtr, kStart).records.at(0).name, "mta.example.com");
  EXPECT_EQ(zone.Resolve("1.2.0.192.in-addr.arpa", kPtr, kStart).records.at(1).name, "mta2.example.com");
  EXPECT_EQ(zone.Resolve("mta2.example.com", kA, kStart).records.at(0).address.ToString(), "192.0.2.1");
  EXPECT_EQ(zone.Resolve("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", kPtr, kStart)
                .records.at(0)
                .name,
            "mta.example.com");
}

TEST(Oracle, CountsEachRecipientAndWritesThemSorted) {
  Oracle oracle;
  const Oracle::Id b = oracle.Find("B@example.com");
  EXPECT_EQ(oracle.Find("b@EXAMPLE.com"), b);
  EXPECT_EQ(oracle.CountAttempt(b), 1u);
  EXPECT_EQ(oracle.CountAttempt(b), 2u);
  oracle.CountRefusal(b, 451);
  oracle.CountAccepted(b, 250, "<1@x>");
  oracle.CountAccepted(b, 250, "<1@x>");
  oracle.CountAcceptedSilent(b, "<2@x>");
  oracle.CountAccepted(b, 250, "<2@x>");
  oracle.CountFaulty(b);
  oracle.CountRefusal(oracle.Find("\"a,\"@example.com"), 550);
  EXPECT_EQ(oracle.totals().recipients, 2u);
  EXPECT_EQ(oracle.totals().accepted, 3u);
  EXPECT_EQ(oracle.totals().accepted_silent, 1u);
  EXPECT_EQ(oracle.totals().duplicates, 2u);

  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  const std::string csv = testing::TempDir() + "oracle_test.csv";
  const std::string ndjson = testing::TempDir() + "oracle_test.ndjson";
  ASSERT_TRUE(oracle.Write(*disk, csv).ok());
  ASSERT_TRUE(oracle.Write(*disk, ndjson).ok());
  EXPECT_EQ(*io::ReadFile(*disk, csv, 1000),
            "address,accepted,accepted_silent,last_code,temp_failures,message_ids,faulty\n"
            "\"\"\"a,\"\"@example.com\",0,0,550,0,0,0\n"
            "b@example.com,3,1,250,1,2,1\n");
  EXPECT_THAT(*io::ReadFile(*disk, ndjson, 1000), HasSubstr("{\"address\":\"\\\"a,\\\"@example.com\",\"accepted\":0,"));
  std::remove(csv.c_str());
  std::remove(ndjson.c_str());
}

TEST(Oracle, SeesAMessageIdThatTwoRecipientsHave) {
  Oracle oracle;
  for (const char* address : {"a@example.com", "b@example.com"}) {
    const Oracle::Id id = oracle.Find(address);
    oracle.CountAccepted(id, 250, "<1@x>");
    oracle.CountAccepted(id, 250, "");
  }
  EXPECT_EQ(oracle.totals().shared_message_ids, 1u);
}

TEST(Oracle, KeepsManyRecipientsApart) {
  Oracle oracle;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      ASSERT_EQ(oracle.Find("user" + std::to_string(i) + "@example.com"), i);
    }
  }
  EXPECT_EQ(oracle.totals().recipients, 100'000u);
}

}  // namespace
}  // namespace sandbox
