#include "engine/config/smarthost_reader.h"

#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/config/fold_name.h"

namespace config {
namespace {

constexpr std::uint16_t kSubmissionPort = 587, kSubmissionsPort = 465;  // RFC 6409, RFC 8314
constexpr const char* kMechanisms[] = {"SCRAM-SHA-256", "PLAIN", "LOGIN"};

void ReadTls(Section& section, const toml::table& table, SmarthostConfig& smarthost) {
  const std::optional<std::string> tls = section.Text("tls");
  if (!tls.has_value() || *tls == "starttls") return;
  if (*tls == "implicit") {
    smarthost.tls = SmarthostConfig::Tls::kImplicit;
  } else {
    section.Wrong(*table.get("tls"), "tls", absl::StrCat("is \"", *tls, "\"; it must be \"starttls\" or \"implicit\""));
  }
}

void ReadMechanism(Section& section, const toml::table& table, SmarthostConfig& smarthost) {
  const std::optional<std::string> name = section.Text("mechanism");
  if (!name.has_value()) return;
  for (const char* known : kMechanisms) {
    if (base::EqualsIgnoreCase(*name, known)) smarthost.mechanism = known;
  }
  const toml::node& where = *table.get("mechanism");
  if (smarthost.secret_is_token) {
    section.Wrong(where, "mechanism", "is not for tokens, which go by XOAUTH2; leave it out");
  } else if (smarthost.mechanism.empty()) {
    section.Wrong(where, "mechanism",
                  absl::StrCat("is \"", *name, "\"; it must be \"SCRAM-SHA-256\", \"PLAIN\" or \"LOGIN\""));
  }
}

void ReadLogin(Section& section, const toml::table& table, const std::string& folder, SmarthostConfig& smarthost) {
  smarthost.username = section.Text("username").value_or("");
  const std::optional<std::string> password = section.Text("password_file"), token = section.Text("token_file");
  smarthost.secret_is_token = token.has_value();
  if (password.has_value() && token.has_value()) {
    section.Wrong(*table.get("token_file"), "token_file", "excludes password_file; use one of the two");
  }
  if (password.has_value() || token.has_value()) {
    smarthost.secret_file = (std::filesystem::path(folder) / (token.has_value() ? *token : *password)).string();
  }
  ReadMechanism(section, table, smarthost);
  const toml::node* username = table.get("username");
  if (username != nullptr && smarthost.secret_file.empty()) {
    section.Wrong(*username, "username", "needs a password; name the file that has it: password_file = \"…\"");
  }
  for (const char* key : {"password_file", "token_file", "mechanism"}) {
    if (username == nullptr && table.contains(key)) section.Wrong(*table.get(key), key, "needs a username");
  }
}

}  // namespace

SmarthostConfig ReadSmarthost(const toml::table& table, const std::string& folder, Problems& problems) {
  Section section(table, "smarthost", problems);
  SmarthostConfig smarthost;
  if (const std::optional<std::string> host = section.Text("host")) {
    smarthost.host = FoldName(*host);
    if (!IsDomainName(smarthost.host)) {
      section.Wrong(*table.get("host"), "host",
                    absl::StrCat("is \"", *host,
                                 "\"; it must be the name that its certificate has, as "
                                 "\"smtp.example.net\""));
    }
  } else if (!table.contains("host")) {
    problems.Add(table, "smarthost has no host; name the server that takes the mail");
  }
  ReadTls(section, table, smarthost);
  const std::uint16_t usual = smarthost.tls == SmarthostConfig::Tls::kImplicit ? kSubmissionsPort : kSubmissionPort;
  smarthost.port = static_cast<std::uint16_t>(section.Integer("port", 1, 65'535).value_or(usual));
  smarthost.verify_certificate = section.Bool("verify_certificate").value_or(true);
  ReadLogin(section, table, folder, smarthost);
  section.Finish();
  return smarthost;
}

}  // namespace config
