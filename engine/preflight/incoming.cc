#include "engine/preflight/incoming.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dns/mx_lookup.h"

namespace preflight {
namespace {

using dns::AnswerKind;
using Kind = Incoming::Kind;

// Whether a host can be reached from outside. Nullopt: the DNS does not say. `why`: then, and where it cannot.
std::optional<bool> IsReachable(dns::Lookup& lookup, const std::string& host, bool allows_private, std::string& why) {
  std::optional<std::string> silent;
  std::string refused;
  for (const dns::RecordType type : {dns::RecordType::kA, dns::RecordType::kAaaa}) {
    const dns::Answer answer = lookup.Ask(host, type);
    if (dns::IsTemporary(answer)) silent = answer.detail;
    for (const dns::Record& record : answer.records) {
      if (allows_private || !record.address.IsPrivate()) return true;
      refused = record.address.ToString();
    }
  }
  if (silent.has_value()) {
    why = absl::StrFormat("no answer about %s: %s", host, *silent);
    return std::nullopt;
  }
  why = refused.empty() ? "has no address" : absl::StrCat("has no public address (", refused, ")");
  return false;
}

}  // namespace

Incoming LookForIncoming(dns::Lookup& lookup, const std::string& domain, bool allows_private) {
  const dns::Answer mx = lookup.Ask(domain, dns::RecordType::kMx);
  if (dns::IsTemporary(mx)) return {Kind::kNoAnswer, "", mx.detail};
  if (mx.kind == AnswerKind::kNoDomain) return {Kind::kNone, "", "does not exist"};
  const std::optional<dns::Route> route = dns::RouteFromMx(mx);
  if (!route.has_value()) {
    std::string why;
    const std::optional<bool> reachable = IsReachable(lookup, domain, allows_private, why);
    if (!reachable.has_value()) return {Kind::kNoAnswer, "", why};
    return *reachable ? Incoming{Kind::kAddress, "", ""} : Incoming{Kind::kNone, "", "has no MX and " + why};
  }
  if (route->kind != dns::RouteKind::kHosts) return {Kind::kNone, "", "takes no mail"};
  std::string silent, first;
  for (const dns::MxHost& host : route->hosts) {
    std::string why;
    const std::optional<bool> reachable = IsReachable(lookup, host.name, allows_private, why);
    if (reachable.value_or(false)) return {Kind::kExchanger, host.name, ""};
    if (!reachable.has_value()) silent = why;
    if (first.empty()) first = absl::StrFormat("has the mail exchanger %s, which %s", host.name, why);
  }
  if (!silent.empty()) return {Kind::kNoAnswer, "", silent};
  return {Kind::kNone, route->hosts.front().name, first};
}

}  // namespace preflight
