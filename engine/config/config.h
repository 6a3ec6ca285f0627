// sluice.toml: the engine's configuration as plain structs, with its defaults. Pure, but for LoadConfig, which reads
// the file.
//
// Every path in the result is as it can be opened: a relative one in the file is relative to the file's folder.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"
#include "engine/base/time.h"
#include "engine/config/dkim_keys.h"
#include "engine/config/source_limits.h"

namespace config {

enum class IoChoice : std::uint8_t { kAuto, kIoUring, kEpoll };

// How RSA signatures are made: in batches where the processor can, or by OpenSSL alone.
enum class SignerChoice : std::uint8_t { kAuto, kOpenssl };

struct EngineConfig {
  std::uint32_t shards = 0;  // 0: one per core. At most 1024.
  IoChoice io = IoChoice::kAuto;
  SignerChoice signer = SignerChoice::kAuto;
  std::optional<std::string> state_dir;  // None: the default for this user, which the caller knows.
};

struct DnsConfig {
  std::vector<std::string> servers;  // "ADDRESS", "ADDRESS:PORT" or "[IPV6]:PORT", checked. Empty: the system's.
  std::uint32_t max_queries_per_second = 500;              // Of the whole program. At least 1.
  bool trust_ad = false;                                   // What they say about DNSSEC counts.
  base::Duration recheck_dkim = base::Duration::Hours(1);  // The records of keys, while a campaign runs. At least 1 s.
};

struct SmtpConfig {
  std::uint16_t port = 25;
  std::optional<std::string> ehlo_domain;  // A domain name. None: see EhloDomain().
};

struct TlsConfig {
  std::optional<std::string> ca_file;  // Trusted authorities, PEM. None: the system's, where it has some.
};

struct SourceConfig {
  std::string name;
  std::optional<base::IpAddress>
      source_address;  // What mail leaves from. None only for the unnamed source: the kernel chooses.
  std::optional<std::string> ehlo_domain;
  std::optional<base::IpAddress> public_address;  // What receivers see, behind NAT.
  SourceLimits limits;
};

// The one server that takes all mail (message submission, RFC 6409).
struct SmarthostConfig {
  enum class Tls : std::uint8_t { kStartTls, kImplicit };
  std::string host;  // A domain name, lower case; its certificate must have it.
  std::uint16_t port = 587;
  Tls tls = Tls::kStartTls;
  bool verify_certificate = true;
  std::string username;     // Empty: it wants no login, and the rest says nothing.
  std::string secret_file;  // Holds the password, or the access token.
  bool secret_is_token = false;
  std::string mechanism;  // "SCRAM-SHA-256", "PLAIN", "LOGIN". Empty: the strongest that is offered.
};

struct WeightedSource {
  std::string source;
  std::uint32_t weight = 1;  // 1 to 1,000,000.
};

struct Config {
  EngineConfig engine;
  DnsConfig dns;
  SmtpConfig smtp;
  TlsConfig tls;
  std::vector<SourceConfig> sources;                         // By name.
  std::map<std::string, std::vector<WeightedSource>> pools;  // Each by source name; none is empty.
  std::optional<SmarthostConfig> smarthost;                  // None: to each domain's own mail exchangers.
  std::vector<base::Duration> retry_intervals;  // Never empty; the last one repeats. 20 m, 40 m, 1 h, 2 h, 4 h.
  std::map<std::string, std::vector<base::Duration>, std::less<>> retry_by_class;  // Instead, after such failures.
  std::vector<DkimKey> dkim;
  std::vector<std::string> shaping_files;
  std::vector<std::string> bounce_rule_files;  // See bounce_rules.h.
  std::vector<std::string> suppression_files;
  std::vector<std::string> learned_classes;   // Of bounces whose addresses join the host's suppression list.
  std::optional<std::string> metrics_listen;  // "ADDRESS:PORT" or "[IPV6]:PORT", checked. None: nobody is served.
  std::optional<std::string> notify_command;  // For /bin/sh. None: nobody is told.
  std::optional<std::string> token_key_file;  // None: "token.key" in the state folder.
  bool allow_private_destinations = false;

  Config();
};

// A source of a pool, with everything the engine needs to know of it.
struct PoolMember {
  SourceConfig source;
  std::uint32_t weight = 1;
};

// Errors (kInvalidArgument): all that were found, one per line, each "PATH:LINE: what is wrong; what would be right".
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view path);
// Also: the file cannot be read.
absl::StatusOr<Config> LoadConfig(const std::string& path);

// The sources of a pool, by name. An empty `pool` means all sources with equal weight; without any source it is the one
// unnamed source "default", for which the kernel chooses the address. Errors: there is no such pool.
absl::StatusOr<std::vector<PoolMember>> PoolMembers(const Config& config, std::string_view pool);

// How the source introduces itself (RFC 5321 section 4.1.1.1): its own ehlo_domain, else that of [smtp], else the
// host's name where it is fully qualified, else its public or source address as a literal. Errors: none of these is
// known.
absl::StatusOr<std::string> EhloDomain(const Config& config, const SourceConfig& source, std::string_view host_name);

}  // namespace config
