#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/ip_address.h"
#include "engine/base/text.h"
#include "tools/sandbox/personality.h"
#include "tools/sandbox/toml_reader.h"

namespace sandbox {
namespace {

constexpr std::array<DomainFault, kDomainFaults - 1> kFaults = {
    DomainFault::kNoDomain, DomainFault::kNullMx, DomainFault::kNoMx, DomainFault::kServerFail, DomainFault::kNoAnswer};
constexpr std::array<std::string_view, kHangUpPoints> kHangUpKeys = {"greeting", "ehlo",     "mail",    "rcpt",
                                                                     "data",     "starttls", "content", "content_lost"};

// In the order of the enumeration.
constexpr std::array<std::string_view, 4> kCertificates = {"valid", "expired", "wrong_name", "self_signed"};

bool IsHostPattern(std::string_view text) {
  constexpr std::string_view kPattern = "{domain}";
  if (const std::size_t at = text.find(kPattern); at != std::string_view::npos) {
    if (at + kPattern.size() != text.size() || at < 2 || text[at - 1] != '.') return false;
    text = text.substr(0, at - 1);
  }
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) return false;
  }
  return !text.empty() && text.front() != '.' && text.back() != '.';
}

class PersonalityFile {
 public:
  explicit PersonalityFile(std::string_view origin) : reader_(origin) {}

  absl::StatusOr<Personality> Read(const toml::table& root) {
    reader_.CheckKeys(root, {"format", "name", "seed", "dns", "provider"});
    int format = 0;
    reader_.ReadInteger(root, "format", 1, 1, format);
    if (!root.contains("format")) reader_.Fail(root, "format is missing; write format = 1");
    reader_.Read(root, "name", personality_.name);
    reader_.ReadInteger(root, "seed", 0, INT64_MAX, personality_.seed);
    if (const toml::table* dns = reader_.Table(root, "dns")) ReadDns(*dns);
    if (const toml::table* providers = reader_.Table(root, "provider")) {
      for (const auto& [name, node] : *providers) {
        const toml::table* provider = reader_.Table(*providers, name.str());
        if (provider != nullptr) ReadProvider(name.str(), *provider);
      }
    }
    CheckWhole(root);
    if (absl::Status status = reader_.status(); !status.ok()) return status;
    return std::move(personality_);
  }

 private:
  void ReadDns(const toml::table& table) {
    reader_.CheckKeys(table, {"ttl", "recover_after", "share", "domains", "txt", "ptr"});
    DnsBehaviour& dns = personality_.dns;
    reader_.Read(table, "ttl", dns.ttl);
    reader_.Read(table, "recover_after", dns.recover_after);
    if (const toml::table* shares = reader_.Table(table, "share")) {
      CheckFaultKeys(*shares);
      for (const DomainFault fault : kFaults) {
        DnsBehaviour::FaultShare share{fault, {}};
        reader_.Read(*shares, DomainFaultKey(fault), share.share);
        if (!share.share.empty()) dns.shares.push_back(share);
      }
    }
    if (const toml::table* domains = reader_.Table(table, "domains")) {
      CheckFaultKeys(*domains);
      for (const DomainFault fault : kFaults) {
        std::vector<std::string> names;
        reader_.Read(*domains, DomainFaultKey(fault), names);
        for (const std::string& name : names) dns.faults[base::LowerAscii(name)] = fault;
      }
    }
    if (const toml::table* txt = reader_.Table(table, "txt")) ReadNames(*txt, dns.txt);
    if (const toml::table* ptr = reader_.Table(table, "ptr")) {
      base::StringMap<std::string> names;
      ReadNames(*ptr, names);
      for (const auto& [address, node] : *ptr) {
        const auto parsed = base::IpAddress::Parse(address.str());
        if (!parsed || parsed->IsV6()) {
          reader_.Fail(address.source(), "the key must be an IPv4 address, such as \"127.0.0.1\"");
        }
        const std::string key = base::LowerAscii(address.str()), name = base::LowerAscii(names[key]);
        dns.ptr[key] = {name};
        if (!IsHostPattern(name) || name.size() > 253) {
          reader_.Fail(node, absl::StrCat("\"", name, "\" is not a host name; write one such as \"mail.example.com\""));
        }
      }
    }
  }

  void CheckFaultKeys(const toml::table& table) {
    reader_.CheckKeys(table, {"nxdomain", "null_mx", "no_mx", "servfail", "no_answer"});
  }

  void ReadNames(const toml::table& table, base::StringMap<std::string>& out) {
    for (const auto& [name, node] : table) reader_.Read(table, name.str(), out[base::LowerAscii(name.str())]);
  }

  void ReadProvider(std::string_view name, const toml::table& table) {
    reader_.CheckKeys(table, {"domains",
                              "weight",
                              "mx",
                              "unreachable",
                              "addresses",
                              "extensions",
                              "size_max",
                              "reply_delay",
                              "messages_per_connection",
                              "connections_per_source",
                              "unknown_users",
                              "unknown_user_reply",
                              "greylist",
                              "greylist_reply",
                              "rate_per_source",
                              "rate_reply",
                              "recipients_per_message",
                              "tls",
                              "reply",
                              "tarpit",
                              "hang_up"});
    Provider& provider = personality_.providers.emplace_back();
    provider.name = name;
    reader_.Read(table, "domains", provider.domains);
    for (std::string& domain : provider.domains) domain = base::LowerAscii(domain);
    reader_.ReadInteger(table, "weight", 0, 1'000'000, provider.weight);
    ReadHosts(table, provider);
    reader_.ReadInteger(table, "addresses", 1, kAddressesMax, provider.addresses);
    ReadExtensions(table, provider);
    reader_.ReadInteger(table, "size_max", 1, INT64_MAX, provider.server.size_max);
    reader_.Read(table, "reply_delay", provider.reply_delay);
    reader_.ReadInteger(table, "messages_per_connection", 0, 1'000'000'000, provider.messages_per_connection);
    reader_.ReadInteger(table, "connections_per_source", 0, 1'000'000, provider.connections_per_source);
    reader_.Read(table, "unknown_users", provider.unknown_users);
    reader_.ReadReply(table, "unknown_user_reply", provider.unknown_user_reply);
    reader_.Read(table, "greylist", provider.greylist);
    reader_.ReadReply(table, "greylist_reply", provider.greylist_reply);
    reader_.Read(table, "rate_per_source", provider.rate_per_source);
    reader_.ReadReply(table, "rate_reply", provider.rate_reply);
    reader_.ReadInteger(table, "recipients_per_message", 1, 1'000'000, provider.server.recipients_max);
    for (const toml::table* entry : Entries(table, "reply")) ReadReply(*entry, provider);
    for (const toml::table* entry : Entries(table, "tarpit")) ReadTarpit(*entry, provider);
    provider.tls.host_name = provider.server.host_name;
    if (const toml::table* tls = reader_.Table(table, "tls")) ReadTls(*tls, provider);
    if (const toml::table* hang_ups = reader_.Table(table, "hang_up")) ReadHangUps(*hang_ups, provider);
  }

  void ReadHosts(const toml::table& table, Provider& provider) {
    reader_.Read(table, "mx", provider.mx);
    for (std::string& host : provider.mx) {
      host = base::LowerAscii(host);
      if (!IsHostPattern(host)) {
        reader_.Fail(*table.get("mx"),
                     absl::StrCat("\"", host, "\" is not a host name; write \"mx.example.net\" or \"mx1.{domain}\""));
      }
    }
    if (provider.mx.empty()) reader_.Fail(*table.get("mx"), "mx must name at least one host");
    reader_.ReadInteger(table, "unreachable", 0, static_cast<std::int64_t>(provider.mx.size()), provider.unreachable);
    const std::string first = provider.mx.empty() ? "" : provider.mx.front();
    provider.server.host_name =
        first.find('{') == std::string::npos ? first : absl::StrCat("mx.", provider.name, ".sandbox.test");
  }

  void ReadExtensions(const toml::table& table, Provider& provider) {
    const toml::node* node = table.get("extensions");
    if (node == nullptr) return;
    std::vector<std::string> keywords;
    reader_.Read(table, "extensions", keywords);
    provider.server.extensions = ExtensionSet::None();
    for (const std::string& keyword : keywords) {
      if (provider.server.extensions.Add(keyword)) continue;
      reader_.Fail(*node, absl::StrCat("unknown extension \"", keyword, "\"; known are ",
                                       "PIPELINING, CHUNKING, 8BITMIME, SIZE, SMTPUTF8, ENHANCEDSTATUSCODES"));
    }
    provider.server.extensions.Add(Extension::kStartTls);  // That is said by tls.starttls.
  }

  // The tables of [[provider.NAME.KEY]].
  std::vector<const toml::table*> Entries(const toml::table& table, std::string_view key) {
    std::vector<const toml::table*> entries;
    const toml::node* node = table.get(key);
    if (node == nullptr) return entries;
    const toml::array* array = node->as_array();
    bool all_tables = array != nullptr;
    for (std::size_t i = 0; all_tables && i < array->size(); ++i) {
      entries.push_back(array->get(i)->as_table());
      all_tables = entries.back() != nullptr;
    }
    if (all_tables) return entries;
    reader_.Fail(*node, absl::StrCat(base::AbslView(key), " must be a list of tables: [[provider.NAME.",
                                     base::AbslView(key), "]]"));
    return {};
  }

  Phase ReadPhase(const toml::table& entry) {
    Phase phase = Phase::kRcpt;
    std::string at;
    reader_.Read(entry, "at", at);
    if (!ParsePhase(at, phase))
      reader_.Fail(entry, "at must be greeting, ehlo, helo, starttls, mail, rcpt, data, chunk or content");
    return phase;
  }

  void ReadReply(const toml::table& entry, Provider& provider) {
    reader_.CheckKeys(entry, {"at", "reply", "share", "attempts", "every", "lasts"});
    ReplyBehaviour reply;
    reply.phase = ReadPhase(entry);
    reader_.ReadReply(entry, "reply", reply.reply);
    if (!entry.contains("reply")) reader_.Fail(entry, "reply is missing; write reply = \"450 4.2.1 try again later\"");
    reader_.Read(entry, "share", reply.share);
    reader_.ReadInteger(entry, "attempts", 0, 1'000'000, reply.attempts);
    if (reply.attempts != 0 && reply.phase != Phase::kRcpt && reply.phase != Phase::kContent) {
      reader_.Fail(entry, "attempts has a meaning only at rcpt and content, where the recipient is known");
    }
    reader_.Read(entry, "every", reply.every);
    reader_.Read(entry, "lasts", reply.lasts);
    if ((reply.every != base::Duration() || reply.lasts != base::Duration()) && reply.lasts >= reply.every) {
      reader_.Fail(entry, "every and lasts belong together, and lasts is the shorter one");
    }
    provider.replies.push_back(std::move(reply));
  }

  void ReadTarpit(const toml::table& entry, Provider& provider) {
    reader_.CheckKeys(entry, {"at", "delay", "share"});
    TarpitBehaviour tarpit;
    tarpit.phase = ReadPhase(entry);
    reader_.Read(entry, "delay", tarpit.delay);
    if (tarpit.delay <= base::Duration()) reader_.Fail(entry, "delay is missing; write delay = \"20s\"");
    reader_.Read(entry, "share", tarpit.share);
    provider.tarpits.push_back(tarpit);
  }

  void ReadTls(const toml::table& table, Provider& provider) {
    reader_.CheckKeys(table, {"starttls", "share", "versions", "certificate"});
    std::string starttls = "on";
    Share share = Share::All();
    reader_.Read(table, "starttls", starttls);
    reader_.Read(table, "share", share);
    if (starttls == "off") {
      provider.server.extensions.Remove(Extension::kStartTls);
    } else if (starttls == "refused") {
      provider.replies.push_back({Phase::kStartTls, "454 4.7.0 TLS not available due to temporary reason", share});
    } else if (starttls == "reset" || starttls == "garbage") {
      provider.tls_fault = starttls == "reset" ? TlsFault::kReset : TlsFault::kGarbage;
      provider.tls_fault_share = share;
    } else if (starttls != "on") {
      reader_.Fail(*table.get("starttls"), "starttls must be on, off, refused, reset or garbage");
    }
    if (table.contains("share") && (starttls == "on" || starttls == "off")) {
      reader_.Fail(*table.get("share"), "share belongs to a starttls that is refused, reset or garbage");
    }
    ReadVersions(table, provider.tls);
    std::string certificate = std::string(kCertificates.front());
    reader_.Read(table, "certificate", certificate);
    const auto* const kind = std::find(kCertificates.begin(), kCertificates.end(), certificate);
    if (kind == kCertificates.end())
      return reader_.Fail(*table.get("certificate"), "certificate must be valid, expired, wrong_name or self_signed");
    provider.tls.certificate = static_cast<CertificateKind>(kind - kCertificates.begin());
  }

  void ReadVersions(const toml::table& table, TlsProfile& profile) {
    if (!table.contains("versions")) return;
    std::vector<std::string> versions;
    reader_.Read(table, "versions", versions);
    profile.tls12 = profile.tls13 = false;
    bool known = !versions.empty();
    for (const std::string& version : versions) {
      profile.tls12 |= version == "TLSv1.2";
      profile.tls13 |= version == "TLSv1.3";
      known &= version == "TLSv1.2" || version == "TLSv1.3";
    }
    if (!known) reader_.Fail(*table.get("versions"), "versions must be a list of \"TLSv1.2\", \"TLSv1.3\" or both");
  }

  void ReadHangUps(const toml::table& table, Provider& provider) {
    reader_.CheckKeys(table, {"greeting", "ehlo", "mail", "rcpt", "data", "starttls", "content", "content_lost"});
    for (std::size_t i = 0; i < kHangUpKeys.size(); ++i) {
      HangUpBehaviour hang_up{static_cast<HangUpPoint>(i), {}};
      reader_.Read(table, kHangUpKeys[i], hang_up.share);
      if (!hang_up.share.empty()) provider.hang_ups.push_back(hang_up);
    }
  }

  void CheckWhole(const toml::table& root) {
    std::uint64_t weight = 0;
    std::uint64_t addresses = 0;
    base::StringMap<std::string> owners;
    for (const Provider& provider : personality_.providers) {
      weight += provider.weight;
      addresses += provider.addresses;
      for (const std::string& domain : provider.domains) Claim(root, "domain", domain, provider, owners);
    }
    owners.clear();
    for (const Provider& provider : personality_.providers) {
      for (const std::string& host : provider.mx) {
        if (host.find('{') == std::string::npos) Claim(root, "MX host", host, provider, owners);
      }
    }
    if (weight == 0)
      reader_.Fail(root, "no provider has a weight; give weight = 1 to the one that serves all other domains");
    if (addresses > kAddressesMax) {
      reader_.Fail(
          root, absl::StrCat("the providers have ", addresses, " addresses; at most ", kAddressesMax, " are possible"));
    }
  }

  void Claim(const toml::table& root, std::string_view what, const std::string& name, const Provider& provider,
             base::StringMap<std::string>& owners) {
    const auto [owner, fresh] = owners.try_emplace(name, provider.name);
    if (fresh) return;
    reader_.Fail(root, absl::StrCat(base::AbslView(what), " ", name, " is given twice, to ", owner->second, " and to ",
                                    provider.name, "; it belongs to one provider"));
  }

  TomlReader reader_;
  Personality personality_;
};

}  // namespace

absl::StatusOr<Personality> ParsePersonality(std::string_view toml, std::string_view origin) {
  try {
    const toml::table root = toml::parse(toml, origin);
    return PersonalityFile(origin).Read(root);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(base::AbslView(origin), ":", error.source().begin.line,
                                                   ": not valid TOML: ", base::AbslView(error.description())));
  }
}

}  // namespace sandbox
