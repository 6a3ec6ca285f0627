#include "engine/preflight/incoming.h"

#include <optional>

#include "dns/mx_lookup.h"

namespace preflight {

using dns::AnswerKind;
using Kind = Incoming::Kind;

Incoming LookForIncoming(dns::Lookup& lookup, const std::string& domain) {
  const dns::Answer mx = lookup.Ask(domain, dns::RecordType::kMx);
  if (dns::IsTemporary(mx)) return {Kind::kNoAnswer, "", mx.detail};
  if (mx.kind == AnswerKind::kNoDomain) return {Kind::kNone, "", "does not exist"};
  if (const std::optional<dns::Route> route = dns::RouteFromMx(mx)) {
    if (route->kind != dns::RouteKind::kHosts) return {Kind::kNone, "", "takes no mail"};
    return {Kind::kExchanger, route->hosts.front().name, ""};
  }
  const dns::Answer v4 = lookup.Ask(domain, dns::RecordType::kA), v6 = lookup.Ask(domain, dns::RecordType::kAaaa);
  if (v4.kind == AnswerKind::kFound || v6.kind == AnswerKind::kFound) return {Kind::kAddress, "", ""};
  if (dns::IsTemporary(v4) || dns::IsTemporary(v6)) return {Kind::kNoAnswer, "", v4.detail + v6.detail};
  return {Kind::kNone, "", "has neither MX nor address"};
}

}  // namespace preflight
