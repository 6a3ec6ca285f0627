#include "engine/config/config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/rate.h"
#include "engine/base/text.h"
#include "engine/config/dkim_key_reader.h"
#include "engine/config/fold_name.h"
#include "engine/config/retry_reader.h"
#include "engine/config/smarthost_reader.h"
#include "engine/config/toml_section.h"

namespace config {
namespace {

constexpr std::int64_t kShardsMax = 1024;
constexpr std::int64_t kQueriesMax = 1'000'000;
constexpr std::int64_t kWeightMax = 1'000'000;
constexpr std::int64_t kConnectionsMax = 1'000'000;
constexpr std::size_t kNameMax = 64;

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.';
  });
}

// "ADDRESS", "ADDRESS:PORT" or "[IPV6]:PORT".
bool IsEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = base::ParseInteger<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = base::IpAddress::Parse(host);
  return port.has_value() && *port != 0 && address.has_value() && address->IsV6() == bracketed;
}

bool IsServer(std::string_view text) { return base::IpAddress::Parse(text).has_value() || IsEndpoint(text); }

class ConfigReader {
 public:
  ConfigReader(std::string_view path, Problems& problems)
      : folder_(std::filesystem::path(path).parent_path().string()), problems_(problems) {}

  Config Read(const toml::table& root) {
    Section top(root, "", problems_);
    if (const auto* table = top.Table("engine")) ReadEngine(*table);
    if (const auto* table = top.Table("dns")) ReadDns(*table);
    if (const auto* table = top.Table("smtp")) ReadSmtp(*table);
    if (const auto* table = top.Table("tls")) {
      Section section(*table, "tls", problems_);
      if (auto file = section.Text("ca_file")) config_.tls.ca_file = Resolve(*file);
      section.Finish();
    }
    if (const auto* table = top.Table("sources")) ReadSources(*table);
    if (const auto* table = top.Table("pools")) ReadPools(*table);
    if (const auto* table = top.Table("smarthost")) config_.smarthost = ReadSmarthost(*table, folder_, problems_);
    if (const auto* table = top.Table("retry")) SetRetry(ReadRetry(*table, problems_));
    if (const auto* table = top.Table("dkim")) config_.dkim = ReadDkimKeys(*table, folder_, problems_);
    if (const auto* table = top.Table("shaping")) config_.shaping_files = ReadFiles(*table, "shaping");
    if (const auto* table = top.Table("bounce_classifier"))
      config_.bounce_rule_files = ReadFiles(*table, "bounce_classifier");
    if (const auto* table = top.Table("suppression")) config_.suppression_files = ReadFiles(*table, "suppression");
    if (const auto* table = top.Table("tokens")) {
      Section section(*table, "tokens", problems_);
      if (auto file = section.Text("key_file")) config_.token_key_file = Resolve(*file);
      section.Finish();
    }
    if (const auto* table = top.Table("security")) {
      Section section(*table, "security", problems_);
      config_.allow_private_destinations = section.Bool("allow_private_destinations").value_or(false);
      section.Finish();
    }
    if (const auto* table = top.Table("metrics")) ReadMetrics(*table);
    if (const auto* table = top.Table("notify")) {
      Section section(*table, "notify", problems_);
      config_.notify_command = section.Text("command");
      section.Finish();
    }
    top.Finish();
    return std::move(config_);
  }

 private:
  std::string Resolve(const std::string& file) const { return (std::filesystem::path(folder_) / file).string(); }

  void ReadMetrics(const toml::table& table) {
    Section section(table, "metrics", problems_);
    config_.metrics_listen = section.Text("listen");
    if (config_.metrics_listen.has_value() && !IsEndpoint(*config_.metrics_listen))
      section.Wrong(*table.get("listen"), "listen",
                    absl::StrCat("is \"", *config_.metrics_listen, "\"; write ADDRESS:PORT or [IPV6]:PORT"));
    section.Finish();
  }

  void ReadEngine(const toml::table& table) {
    Section section(table, "engine", problems_);
    config_.engine.shards = static_cast<std::uint32_t>(section.Integer("shards", 0, kShardsMax).value_or(0));
    if (const auto io = section.Text("io")) {
      if (*io == "auto") {
        config_.engine.io = IoChoice::kAuto;
      } else if (*io == "io_uring") {
        config_.engine.io = IoChoice::kIoUring;
      } else if (*io == "epoll") {
        config_.engine.io = IoChoice::kEpoll;
      } else {
        section.Wrong(*table.get("io"), "io",
                      absl::StrCat("is \"", *io, "\"; it must be \"auto\", \"io_uring\" or \"epoll\""));
      }
    }
    if (const auto signer = section.Text("signer")) {
      config_.engine.signer = *signer == "openssl" ? SignerChoice::kOpenssl : SignerChoice::kAuto;
      if (*signer != "auto" && *signer != "openssl")
        section.Wrong(*table.get("signer"), "signer",
                      absl::StrCat("is \"", *signer, "\"; it must be \"auto\" or \"openssl\""));
    }
    if (const auto dir = section.Text("state_dir")) config_.engine.state_dir = Resolve(*dir);
    section.Finish();
  }

  void ReadDns(const toml::table& table) {
    Section section(table, "dns", problems_);
    config_.dns.servers = section.Texts("servers").value_or(std::vector<std::string>());
    for (const std::string& server : config_.dns.servers) {
      if (IsServer(server)) continue;
      section.Wrong(*table.get("servers"), "servers",
                    absl::StrCat("has \"", server, "\"; write ADDRESS, ADDRESS:PORT or [IPV6]:PORT"));
    }
    config_.dns.max_queries_per_second =
        static_cast<std::uint32_t>(section.Integer("max_queries_per_second", 1, kQueriesMax).value_or(500));
    config_.dns.trust_ad = section.Bool("trust_ad").value_or(false);
    if (const auto text = section.Text("recheck_dkim")) {
      const absl::StatusOr<base::Duration> time = base::ParseRetryWait(*text);
      if (!time.ok()) section.Wrong(*table.get("recheck_dkim"), "recheck_dkim", std::string(time.status().message()));
      config_.dns.recheck_dkim = time.value_or(config_.dns.recheck_dkim);
    }
    section.Finish();
  }

  void ReadSmtp(const toml::table& table) {
    Section section(table, "smtp", problems_);
    config_.smtp.port = static_cast<std::uint16_t>(section.Integer("port", 1, 65'535).value_or(25));
    config_.smtp.ehlo_domain = ReadDomain(section, table);
    section.Finish();
  }

  std::optional<std::string> ReadDomain(Section& section, const toml::table& table) {
    std::optional<std::string> domain = section.Text("ehlo_domain");
    if (domain.has_value() && !IsDomainName(*domain)) {
      section.Wrong(*table.get("ehlo_domain"), "ehlo_domain",
                    absl::StrCat("is \"", *domain, "\"; it must be a domain name, as \"mail.example.com\""));
    }
    return domain;
  }

  std::optional<base::IpAddress> ReadAddress(Section& section, const toml::table& table, std::string_view key) {
    const std::optional<std::string> text = section.Text(key);
    if (!text.has_value()) return std::nullopt;
    const std::optional<base::IpAddress> address = base::IpAddress::Parse(*text);
    if (!address.has_value()) {
      section.Wrong(*table.get(key), key, absl::StrCat("is \"", *text, "\"; it must be an IP address"));
    }
    return address;
  }

  SourceLimits ReadSourceLimits(Section& section, const toml::table& table) {
    SourceLimits limits;
    limits.place = problems_.Place(table);
    const auto connections = section.Integer("connection_limit", 1, kConnectionsMax);
    if (connections.has_value()) limits.connection_limit = static_cast<std::uint32_t>(*connections);
    const std::optional<std::string> text = section.Text("max_message_rate");
    if (!text.has_value()) return limits;
    const absl::StatusOr<base::Rate> rate = base::ParseRate(*text);
    if (!rate.ok()) {
      section.Wrong(*table.get("max_message_rate"), "max_message_rate",
                    absl::StrCat("is wrong: ", std::string(rate.status().message())));
    } else if (rate->count == 0) {
      section.Wrong(*table.get("max_message_rate"), "max_message_rate",
                    "is zero, and nothing would ever be sent; leave it out, or leave the source out of the pools");
    } else {
      limits.max_message_rate = *rate;
    }
    return limits;
  }

  void ReadSources(const toml::table& table) {
    for (auto&& [key, node] : table) {
      const std::string name(key.str());
      const std::string label = absl::StrCat("sources.", name);
      const toml::table* entry = node.as_table();
      if (entry == nullptr || !IsName(name)) {
        problems_.Add(node, absl::StrCat(label, " is not a source; write [sources.NAME] with a name of at most ",
                                         kNameMax, " letters, digits, \"-\", \"_\" and \".\""));
        continue;
      }
      Section section(*entry, label, problems_);
      SourceConfig source;
      source.name = name;
      source.source_address = ReadAddress(section, *entry, "source_address");
      if (entry->get("source_address") == nullptr) {
        problems_.Add(node, absl::StrCat(label, " has no source_address; give it the address that mail leaves from"));
      }
      source.ehlo_domain = ReadDomain(section, *entry);
      source.public_address = ReadAddress(section, *entry, "public_address");
      source.limits = ReadSourceLimits(section, *entry);
      section.Finish();
      for (const SourceConfig& other : config_.sources) {
        if (!source.source_address.has_value() || other.source_address != source.source_address) continue;
        section.Wrong(*entry->get("source_address"), "source_address",
                      absl::StrCat("is that of ", other.name, "; limits hold for each address, so name it once"));
      }
      config_.sources.push_back(std::move(source));
    }
    std::sort(config_.sources.begin(), config_.sources.end(),
              [](const SourceConfig& a, const SourceConfig& b) { return a.name < b.name; });
  }

  void ReadPools(const toml::table& table) {
    for (auto&& [key, node] : table) {
      const std::string name(key.str());
      const std::string label = absl::StrCat("pools.", name);
      const toml::table* entry = node.as_table();
      if (entry == nullptr || entry->empty() || !IsName(name)) {
        problems_.Add(node, absl::StrCat(label, " is not a pool; write [pools.NAME] with lines SOURCE = WEIGHT"));
        continue;
      }
      std::vector<WeightedSource>& pool = config_.pools[name];
      Section section(*entry, label, problems_);
      for (auto&& [member, weight] : *entry) {
        const std::string source(member.str());
        const auto known = std::find_if(config_.sources.begin(), config_.sources.end(),
                                        [&source](const SourceConfig& s) { return s.name == source; });
        if (known == config_.sources.end()) {
          section.Wrong(weight, source, absl::StrCat("names no source; define [sources.", source, "]"));
        }
        const auto value = section.Integer(member.str(), 1, kWeightMax);
        if (value.has_value()) pool.push_back({source, static_cast<std::uint32_t>(*value)});
      }
      std::sort(pool.begin(), pool.end(),
                [](const WeightedSource& a, const WeightedSource& b) { return a.source < b.source; });
    }
  }

  void SetRetry(base::RetryIntervals retry) {
    if (!retry.all.empty()) config_.retry_intervals = std::move(retry.all);
    config_.retry_by_class = std::move(retry.by_class);
  }

  std::vector<std::string> ReadFiles(const toml::table& table, std::string_view name) {
    Section section(table, name, problems_);
    std::vector<std::string> files = section.Texts("files").value_or(std::vector<std::string>());
    for (std::string& file : files) file = Resolve(file);
    if (name == "suppression") config_.learned_classes = section.Texts("learn").value_or(std::vector<std::string>());
    section.Finish();
    return files;
  }

  const std::string folder_;
  Problems& problems_;
  Config config_;
};

}  // namespace

Config::Config() {
  for (const int minutes : {20, 40, 60, 120, 240}) retry_intervals.push_back(base::Duration::Minutes(minutes));
}

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view path) {
  Problems problems(path);
  Config config;
  if (const std::optional<toml::table> root = ParseToml(text, path, problems)) {
    config = ConfigReader(path, problems).Read(*root);
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems.ToString());
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::string text;
  const absl::Status read = ReadFile(path, text);
  if (!read.ok()) return read;
  return ParseConfig(text, path);
}

absl::StatusOr<std::vector<PoolMember>> PoolMembers(const Config& config, std::string_view pool) {
  std::vector<PoolMember> members;
  if (pool.empty()) {
    for (const SourceConfig& source : config.sources) members.push_back({source, 1});
    if (members.empty()) {
      PoolMember& unnamed = members.emplace_back();
      unnamed.source.name = "default";
    }
    return members;
  }
  const auto found = config.pools.find(std::string(pool));
  if (found == config.pools.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, sources] : config.pools) names.push_back(name);
    const std::string_view nearest = base::Nearest(pool, names);
    return absl::InvalidArgumentError(
        absl::StrCat("there is no pool \"", base::AbslView(pool), "\"; ",
                     nearest.empty() ? absl::StrCat("define [pools.", base::AbslView(pool), "]")
                                     : absl::StrCat("did you mean \"", base::AbslView(nearest), "\"?")));
  }
  for (const WeightedSource& member : found->second) {
    for (const SourceConfig& source : config.sources) {
      if (source.name == member.source) members.push_back({source, member.weight});
    }
  }
  return members;
}

absl::StatusOr<std::string> EhloDomain(const Config& config, const SourceConfig& source, std::string_view host_name) {
  if (source.ehlo_domain.has_value()) return *source.ehlo_domain;
  if (config.smtp.ehlo_domain.has_value()) return *config.smtp.ehlo_domain;
  if (IsDomainName(host_name) && host_name.find('.') != std::string_view::npos) return std::string(host_name);
  const std::optional<base::IpAddress>& address =
      source.public_address.has_value() ? source.public_address : source.source_address;
  if (address.has_value()) return absl::StrCat(address->IsV6() ? "[IPv6:" : "[", address->ToString(), "]");
  return absl::FailedPreconditionError(
      "this host has no fully qualified name to introduce itself with; set ehlo_domain in [smtp]");
}

}  // namespace config
