#include "tools/sandbox/sandbox.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace sandbox {
namespace {

nlohmann::ordered_json ReasonsJson(const MessageCheck::Totals& check) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [reason, count] : check.reasons) json[reason] = count;
  return json;
}

}  // namespace

Sandbox::Sandbox(io::Reactor& reactor, io::TimerWheel& wheel, io::Clock& clock, Personality personality)
    : personality_(std::move(personality)),
      authority_(CertificateAuthority::Make()),
      tls_(authority_.ok() ? std::make_unique<OpenSslServer>(**authority_) : nullptr),
      zone_(personality_),
      exchanger_({reactor, wheel, clock}, personality_, zone_, tls_.get()),
      dns_(reactor, clock, zone_, personality_.dns.ttl) {}

absl::Status Sandbox::Start(const io::Endpoint& dns) {
  if (!authority_.ok()) return authority_.status();
  const std::string_view bytes = dns.address.bytes();
  if (dns.address.IsV6() || static_cast<unsigned char>(bytes[0]) != 127) {
    return absl::InvalidArgumentError(
        absl::StrCat(dns.ToString(), " is not a loopback address; the sandbox listens on 127.0.0.0/8 only"));
  }
  const absl::StatusOr<io::Endpoint> listening = dns_.Listen(dns);
  if (!listening.ok()) return listening.status();
  const absl::StatusOr<std::uint16_t> smtp = exchanger_.Listen();
  if (!smtp.ok()) return smtp.status();
  ports_ = {*listening, *smtp};
  return absl::OkStatus();
}

std::string Sandbox::ReadyJson(const std::string& ca_file) const {
  nlohmann::ordered_json json;
  json["dns"] = ports_.dns.ToString();
  json["smtp_port"] = ports_.smtp;
  if (!ca_file.empty()) json["ca_file"] = ca_file;
  json["personality"] = personality_.name;
  json["pid"] = getpid();
  return json.dump() + "\n";
}

std::string Sandbox::TotalsJson(const std::string& oracle_file) const {
  const Oracle::Totals& oracle = exchanger_.oracle().totals();
  const Exchanger::Totals& totals = exchanger_.totals();
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["personality"] = personality_.name;
  json["dns_queries"] = dns_.queries();
  json["connections"] = totals.connections;
  json["connections_open_max"] = totals.connections_open_max;
  json["messages"] = totals.messages;
  json["bytes"] = totals.bytes;
  json["hang_ups"] = totals.hang_ups;
  json["handshakes"] = totals.handshakes;
  json["resumed"] = totals.resumed;
  json["encrypted_messages"] = totals.encrypted_messages;
  json["recipients"] = oracle.recipients;
  json["accepted"] = oracle.accepted;
  json["accepted_silent"] = oracle.accepted_silent;
  json["duplicates"] = oracle.duplicates;
  json["temporary_refusals"] = oracle.temporary;
  json["permanent_refusals"] = oracle.permanent;
  const MessageCheck::Totals& check = exchanger_.check();
  json["faulty"] = oracle.faulty;
  json["signatures"] = {
      {"valid", check.valid}, {"invalid", check.invalid}, {"missing", check.missing}, {"reasons", ReasonsJson(check)}};
  json["tokens"] = {
      {"own", check.tokens_own}, {"foreign", check.tokens_foreign}, {"shared", oracle.shared_message_ids}};
  json["violations"] = totals.violations;
  json["violation_kinds"] = totals.violation_kinds;
  json["providers"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < personality_.providers.size(); ++i) {
    const Exchanger::ProviderTotals& provider = exchanger_.provider_totals()[i];
    json["providers"].push_back({{"provider", personality_.providers[i].name},
                                 {"connections", provider.connections},
                                 {"accepted", provider.accepted},
                                 {"accepted_silent", provider.accepted_silent},
                                 {"temporary_refusals", provider.temporary},
                                 {"permanent_refusals", provider.permanent}});
  }
  if (!oracle_file.empty()) json["oracle"] = oracle_file;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace sandbox
