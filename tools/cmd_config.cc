// sluice config explain: the limits that hold for mail to a domain, and where each comes from.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "dns/name.h"
#include "engine/base/rate.h"
#include "engine/config/automation.h"
#include "engine/config/shaping.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/dns_asker.h"
#include "engine/rollup.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

constexpr base::Duration kPatience = base::Duration::Seconds(15);

struct Arguments {
  std::string domain, source;
  bool json = false;
};

std::vector<std::string> SourcesOf(const config::Config& config, const std::string& wanted) {
  if (!wanted.empty()) return {wanted};
  std::vector<std::string> names;
  for (const config::SourceConfig& source : config.sources) names.push_back(source.name);
  if (names.empty()) names.emplace_back("default");
  return names;
}

void Print(const nlohmann::ordered_json& json) {
  std::printf("%s\n", json["domain"].get<std::string>().c_str());
  const auto hosts = json["hosts"].get<std::vector<std::string>>();
  std::printf("  mail exchangers  %s\n",
              hosts.empty() ? json["dns"].get<std::string>().c_str() : absl::StrJoin(hosts, " ").c_str());
  if (json.contains("addresses")) {
    for (const auto& [host, addresses] : json["addresses"].items())
      std::printf("  %-16s %s\n", host.c_str(), absl::StrJoin(addresses.get<std::vector<std::string>>(), " ").c_str());
  }
  std::printf("  provider         %s\n", json["provider"].get<std::string>().c_str());
  for (const auto& source : json["sources"]) {
    std::printf("  source %s\n", source["source"].get<std::string>().c_str());
    for (const auto& [key, setting] : source["settings"].items()) {
      std::printf("    %-45s %-26s %s\n", key.c_str(), setting["value"].get<std::string>().c_str(),
                  setting["from"].get<std::string>().c_str());
    }
  }
  for (const auto& rule : json["automation"]) {
    std::printf("  rule %s\n    on %s (%s): %s for %s\n", rule["from"].get<std::string>().c_str(),
                rule["regex"].get<std::string>().c_str(), rule["trigger"].get<std::string>().c_str(),
                rule["action"].get<std::string>().c_str(), rule["duration"].get<std::string>().c_str());
  }
}

nlohmann::ordered_json RulesOf(const config::Shaping& shaping, const std::string& domain,
                               const std::vector<config::MailHost>& hosts) {
  nlohmann::ordered_json rules = nlohmann::ordered_json::array();
  for (const auto& rule : shaping.AutomationFor(domain, hosts)) {
    rules.push_back({{"regex", rule->regex},
                     {"trigger", rule->trigger},
                     {"action", rule->ActionText()},
                     {"duration", rule->span},
                     {"from", rule->place}});
  }
  return rules;
}

// What holds for it over all receivers.
void PutSourceLimits(const config::Config& config, const std::string& source, nlohmann::ordered_json& settings) {
  for (const config::SourceConfig& one : config.sources) {
    if (one.name != source) continue;
    const config::SourceLimits& limits = one.limits;
    if (limits.connection_limit.has_value())
      settings["source_connection_limit"] = {{"value", std::to_string(*limits.connection_limit)},
                                             {"from", limits.place}};
    if (limits.max_message_rate.has_value())
      settings["source_message_rate"] = {{"value", base::ToString(*limits.max_message_rate)}, {"from", limits.place}};
  }
}

int Explain(const Arguments& arguments, Context& context) {
  const absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  std::vector<std::string> warnings;
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Load(config->shaping_files, warnings);
  for (const std::string& warning : warnings) context.log.Warning(warning);
  if (!shaping.ok()) return Fail(context.log, shaping.status(), kExitInvalid);
  if (!dns::IsHostName(arguments.domain))
    return Fail(context.log, absl::InvalidArgumentError("\"" + arguments.domain + "\" is no domain name"),
                kExitInvalid);
  std::vector<config::MailHost> hosts;
  std::string domain = arguments.domain, detail;
  if (config->smarthost.has_value()) {  // It takes the mail for every domain, and the limits are its own.
    domain = config->smarthost->host;
    hosts.emplace_back(domain, std::vector<base::IpAddress>());
  } else {
    const absl::StatusOr<std::unique_ptr<engine::DnsAsker>> asker = engine::DnsAsker::Make(config->dns, kPatience);
    if (!asker.ok()) return Fail(context.log, asker.status(), kExitFailure);
    const dns::Route route = (*asker)->Routes({domain}, delivery::FamiliesFor(*shaping)).front();
    hosts = delivery::MailHostsOf(route);
    detail = route.detail;
    const std::string warning = engine::LookUpRollups(*config, *shaping);
    if (!warning.empty()) context.log.Warning(warning);
  }
  const std::string provider = shaping->ProviderFor(domain, hosts);
  nlohmann::ordered_json json;
  json["domain"] = arguments.domain;
  json["hosts"] = nlohmann::ordered_json::array();
  for (const config::MailHost& host : hosts) {
    json["hosts"].push_back(host.name);
    for (const base::IpAddress& address : host.addresses) json["addresses"][host.name].push_back(address.ToString());
  }
  json["dns"] = detail;
  json["provider"] = provider.empty() ? "other" : provider;
  for (const std::string& source : SourcesOf(*config, arguments.source)) {
    nlohmann::ordered_json settings;
    for (const config::Shaping::Setting& setting : shaping->Explain(domain, hosts, source))
      settings[setting.key] = {{"value", setting.value}, {"from", setting.place}};
    PutSourceLimits(*config, source, settings);
    json["sources"].push_back({{"source", source}, {"settings", settings}});
  }
  json["automation"] = RulesOf(*shaping, domain, hosts);
  if (arguments.json) {
    std::printf("%s\n", json.dump().c_str());
  } else {
    Print(json);
  }
  return kExitOk;
}

}  // namespace

void RegisterConfig(CLI::App& app, Context& context) {
  CLI::App& config = *app.add_subcommand("config", "What the configuration comes to");
  config.require_subcommand(1);
  CLI::App& command = *config.add_subcommand("explain", "The limits for a domain, and the file and line of each");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("DOMAIN", arguments->domain, "A recipient's domain; the DNS is asked for its mail exchangers")
      ->required();
  command.add_option("--source", arguments->source, "Only from this source (default: each of the configuration's)");
  command.add_flag("--json", arguments->json, "One JSON object");
  AddEngineOptions(command, context);
  SetExample(command, "sluice config explain gmail.com");
  command.callback([arguments, &context] { context.exit_code = Explain(*arguments, context); });
}

}  // namespace tools
