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
constexpr std::array<std::string_view, kHangUpPoints> kHangUpKeys = {"greeting", "ehlo",    "mail",        "rcpt",
                                                                     "data",     "content", "content_lost"};

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
      ReadNames(*ptr, dns.ptr);
      for (const auto& [address, node] : *ptr) {
        const auto parsed = base::IpAddress::Parse(address.str());
        if (!parsed || parsed->IsV6()) {
          reader_.Fail(address.source(), "the key must be an IPv4 address, such as \"127.0.0.1\"");
        }
        std::string& name = dns.ptr[base::LowerAscii(address.str())];
        name = base::LowerAscii(name);
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
    reader_.CheckKeys(table, {"domains", "weight", "mx", "unreachable", "addresses", "extensions", "size_max",
                              "reply_delay", "messages_per_connection", "connections_per_source", "unknown_users",
                              "unknown_user_reply", "greylist", "greylist_reply", "reply", "hang_up"});
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
    ReadReplies(table, provider);
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
  }

  void ReadReplies(const toml::table& table, Provider& provider) {
    const toml::node* node = table.get("reply");
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return reader_.Fail(*node, "reply must be a list of tables: [[provider.NAME.reply]]");
    for (const toml::node& element : *array) {
      const toml::table* entry = element.as_table();
      if (entry == nullptr) {
        reader_.Fail(element, "reply must be a list of tables: [[provider.NAME.reply]]");
        continue;
      }
      reader_.CheckKeys(*entry, {"at", "reply", "share", "attempts"});
      ReplyBehaviour reply;
      std::string at;
      reader_.Read(*entry, "at", at);
      if (!ParsePhase(at, reply.phase))
        reader_.Fail(element, "at must be greeting, ehlo, helo, mail, rcpt, data, chunk or content");
      reader_.ReadReply(*entry, "reply", reply.reply);
      if (!entry->contains("reply"))
        reader_.Fail(element, "reply is missing; write reply = \"450 4.2.1 try again later\"");
      reader_.Read(*entry, "share", reply.share);
      reader_.ReadInteger(*entry, "attempts", 0, 1'000'000, reply.attempts);
      if (reply.attempts != 0 && reply.phase != Phase::kRcpt && reply.phase != Phase::kContent) {
        reader_.Fail(element, "attempts has a meaning only at rcpt and content, where the recipient is known");
      }
      provider.replies.push_back(std::move(reply));
    }
  }

  void ReadHangUps(const toml::table& table, Provider& provider) {
    reader_.CheckKeys(table, {"greeting", "ehlo", "mail", "rcpt", "data", "content", "content_lost"});
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
