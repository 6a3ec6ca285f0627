#include "tests/sim/random_personality.h"

#include <iterator>

#include "absl/strings/str_format.h"
#include "tests/sim/provider_sites.h"

namespace sim {

namespace {

std::string RandomTls(base::Prng& prng) {
  static constexpr const char* kStartTls[] = {"on", "on", "on", "off", "refused", "reset", "garbage"};
  static constexpr const char* kCertificates[] = {"valid", "valid", "valid", "expired", "wrong_name", "self_signed"};
  const std::string starttls = kStartTls[prng.Below(std::size(kStartTls))];
  std::string toml = absl::StrFormat("starttls = \"%s\"\n", starttls);
  if (starttls != "on" && starttls != "off" && prng.Chance(0.7))
    absl::StrAppendFormat(&toml, "share = \"%d%%\"\n", 1 + prng.Below(60));
  absl::StrAppendFormat(&toml, "certificate = \"%s\"\n", kCertificates[prng.Below(std::size(kCertificates))]);
  return toml;
}

}  // namespace

std::string RandomPersonality(base::Prng& prng) {
  const auto percent = [&prng](int most) {
    return absl::StrFormat("\"%d%%\"", prng.Below(static_cast<std::uint64_t>(most) + 1));
  };
  std::string toml = absl::StrFormat("format = 1\nname = \"world\"\nseed = %d\n", 1 + prng.Below(1'000'000));
  if (prng.Chance(0.3)) toml += "[dns]\nrecover_after = \"2m\"\n";
  toml += "[dns.share]\n";
  if (prng.Chance(0.3)) toml += "null_mx = \"10%\"\n";
  if (prng.Chance(0.3)) toml += "no_mx = \"10%\"\n";
  if (prng.Chance(0.3)) toml += "nxdomain = \"15%\"\n";
  const std::uint64_t providers = 1 + prng.Below(3);
  for (std::uint64_t i = 0; i < providers; ++i) {
    const std::size_t hosts = HostsOf(prng.Chance(0.6) ? 1 : 2 + prng.Below(kSitesMax - 1));
    absl::StrAppendFormat(&toml, "[provider.p%d]\nweight = %d\naddresses = %d\nmx = [", i, 1 + prng.Below(5), hosts);
    for (std::size_t host = 1; host <= hosts; ++host) absl::StrAppendFormat(&toml, "\"%s\", ", HostName(i, host));
    toml += "]\n";
    static constexpr const char* kExtensions[] = {"\"PIPELINING\", \"CHUNKING\", \"SIZE\", \"ENHANCEDSTATUSCODES\"",
                                                  "\"PIPELINING\", \"SIZE\"", "\"CHUNKING\"", "\"SIZE\"", ""};
    absl::StrAppendFormat(&toml, "extensions = [%s]\n", kExtensions[prng.Below(5)]);
    if (prng.Chance(0.3)) toml += "unreachable = 1\n";
    if (prng.Chance(0.5)) absl::StrAppendFormat(&toml, "reply_delay = \"%dms\"\n", 1 + prng.Below(200));
    if (prng.Chance(0.4)) absl::StrAppendFormat(&toml, "messages_per_connection = %d\n", 1 + prng.Below(6));
    if (prng.Chance(0.3)) absl::StrAppendFormat(&toml, "connections_per_source = %d\n", 1 + prng.Below(4));
    if (prng.Chance(0.5)) absl::StrAppendFormat(&toml, "unknown_users = %s\n", percent(30));
    if (prng.Chance(0.2)) toml += "greylist = \"20s\"\n";
    if (prng.Chance(0.6)) {
      absl::StrAppendFormat(
          &toml, "[[provider.p%d.reply]]\nat = \"rcpt\"\nreply = \"450 4.2.1 try later\"\nshare = %s\nattempts = 3\n",
          i, percent(60));
    }
    if (prng.Chance(0.4)) {
      absl::StrAppendFormat(
          &toml,
          "[[provider.p%d.reply]]\nat = \"content\"\nreply = \"451 4.3.0 try later\"\nshare = %s\nattempts = 2\n", i,
          percent(60));
    }
    if (prng.Chance(0.2)) {
      absl::StrAppendFormat(
          &toml, "[[provider.p%d.reply]]\nat = \"content\"\nreply = \"554 5.7.1 not from you\"\nshare = %s\n", i,
          percent(30));
    }
    absl::StrAppendFormat(&toml, "[provider.p%d.tls]\n%s[provider.p%d.hang_up]\n", i, RandomTls(prng), i);
    for (const char* where : {"greeting", "ehlo", "starttls", "mail", "rcpt", "data", "content", "content_lost"}) {
      if (prng.Chance(0.3)) absl::StrAppendFormat(&toml, "%s = %s\n", where, percent(12));
    }
  }
  return toml;
}

std::string RandomInFlight(base::Prng& prng) {
  return prng.Chance(0.3) ? absl::StrFormat("[\"default\"]\nmax_in_flight = %d\n", 2 + prng.Below(5)) : "";
}

std::vector<delivery::Source> RandomSources(base::Prng& prng) {
  std::vector<delivery::Source> sources;
  if (prng.Chance(0.7)) {
    sources.push_back({.name = "default", .address = std::nullopt, .ehlo_domain = "mta.example.com", .weight = 1});
    return sources;
  }
  for (std::uint32_t number = 1; number <= 2; ++number) {
    sources.push_back({.name = absl::StrFormat("ip%d", number),
                       .address = base::IpAddress::V4(0x0B010000 + number),
                       .ehlo_domain = "mta.example.com",
                       .weight = static_cast<std::uint32_t>(1 + prng.Below(3))});
  }
  return sources;
}

std::vector<dkim::SigningKey> RandomKeys(base::Prng& prng) {
  constexpr dkim::Canonicalization kModes[] = {dkim::Canonicalization::kSimple, dkim::Canonicalization::kRelaxed};
  std::vector<dkim::SigningKey> keys;
  for (std::uint64_t n = prng.Below(3); n > 0; --n) {
    dkim::SigningKey key;
    key.spec.domain = absl::StrFormat("s%d.example", n);
    key.spec.selector = "s";
    key.spec.header = kModes[prng.Below(2)];
    key.spec.body = kModes[prng.Below(2)];
    keys.push_back(key);
  }
  return keys;
}

Network::Options RandomNetwork(base::Prng& prng) {
  Network::Options options;
  if (prng.Chance(0.3)) options.fragment_max = 1 + prng.Below(7);
  if (prng.Chance(0.3)) options.send_chunk_max = 1 + prng.Below(300);
  if (prng.Chance(0.4)) options.reset_share = 0.01;
  if (prng.Chance(0.3)) options.latency_most = base::Duration::Milliseconds(120);
  return options;
}

}  // namespace sim
