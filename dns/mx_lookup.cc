#include "dns/mx_lookup.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "engine/base/text.h"

namespace dns {
namespace {

// The answers for A and AAAA of one host while they come in.
struct Addresses {
  int missing = 0;  // Questions under way.
  std::optional<Answer> a, aaaa;
  MxLookup::HostCallback callback;
};

// Which answer says more about a host that has no address: a temporary failure may hide one.
int Weight(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kNoDomain:
      return 0;
    case AnswerKind::kNoData:
      return 1;
    case AnswerKind::kTimeout:
      return 2;
    case AnswerKind::kServerFail:
      return 3;
    case AnswerKind::kFound:
      return 4;
  }
  return 0;
}

HostAddresses Combine(const std::optional<Answer>& a, const std::optional<Answer>& aaaa) {
  HostAddresses result;
  const Answer* best = nullptr;
  for (const std::optional<Answer>* answer : {&a, &aaaa}) {
    if (!answer->has_value()) continue;
    for (const Record& record : (*answer)->records) result.addresses.push_back(record.address);
    if (best == nullptr || Weight((*answer)->kind) > Weight(best->kind)) {
      best = &**answer;
      result.ttl = best->ttl;
    } else if ((*answer)->kind == best->kind) {
      result.ttl = std::min(result.ttl, (*answer)->ttl);
    }
  }
  for (const std::optional<Answer>* answer : {&aaaa, &a}) {
    if (!answer->has_value() || (*answer)->kind != AnswerKind::kFound) continue;
    if ((*answer)->authenticated || !result.authenticated) result.canonical = (*answer)->canonical;
    result.authenticated = result.authenticated || (*answer)->authenticated;
  }
  result.kind = best->kind;
  result.detail = best->detail;
  return result;
}

Route Simple(RouteKind kind, const Answer& answer) {
  Route route;
  route.kind = kind;
  route.ttl = answer.ttl;
  route.detail = answer.detail;
  route.authenticated = answer.authenticated;
  route.canonical = answer.canonical;
  return route;
}

Route FromRecords(const Answer& answer) {
  Route route = Simple(RouteKind::kHosts, answer);
  route.detail.clear();
  if (answer.records.size() == 1 && answer.records.front().name.empty()) {
    route.kind = RouteKind::kNullMx;
    return route;
  }
  std::string unusable;
  for (const Record& record : answer.records) {
    if (IsHostName(record.name)) {
      route.hosts.push_back({record.name, record.preference});
    } else {
      absl::StrAppend(&unusable, unusable.empty() ? "" : ", ", "\"", record.name, "\"");
    }
  }
  // The better preference of a name that comes twice stays: first by name, then by preference.
  std::sort(route.hosts.begin(), route.hosts.end(), [](const MxHost& a, const MxHost& b) {
    return std::tie(a.name, a.preference) < std::tie(b.name, b.preference);
  });
  route.hosts.erase(std::unique(route.hosts.begin(), route.hosts.end(),
                                [](const MxHost& a, const MxHost& b) { return a.name == b.name; }),
                    route.hosts.end());
  std::stable_sort(route.hosts.begin(), route.hosts.end(),
                   [](const MxHost& a, const MxHost& b) { return a.preference < b.preference; });
  if (route.hosts.size() > MxLookup::kHostsMax) {
    route.detail = absl::StrCat("only ", MxLookup::kHostsMax, " of ", route.hosts.size(), " mail exchangers are used");
    route.hosts.resize(MxLookup::kHostsMax);
  }
  if (!unusable.empty()) {
    if (unusable.size() > 200) unusable = unusable.substr(0, 200) + "...";
    absl::StrAppend(&route.detail, route.detail.empty() ? "" : "; ",
                    "mail exchangers that are not host names: ", unusable);
  }
  if (route.hosts.empty()) route.kind = RouteKind::kNoAddress;
  return route;
}

}  // namespace

std::optional<Route> RouteFromMx(const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::kFound:
      return FromRecords(answer);
    case AnswerKind::kNoData:
      return std::nullopt;
    case AnswerKind::kNoDomain: {
      Route route = Simple(RouteKind::kNoDomain, answer);
      route.detail = "the domain does not exist (NXDOMAIN)";
      return route;
    }
    case AnswerKind::kServerFail:
    case AnswerKind::kTimeout:
      return Simple(RouteKind::kTemporary, answer);
  }
  return std::nullopt;
}

void MxLookup::Ask(std::string_view name, RecordType type, bool anew, Resolver::Callback callback) {
  if (anew) return resolver_.ResolveAnew(name, type, std::move(callback));
  resolver_.Resolve(name, type, std::move(callback));
}

void MxLookup::LookupMx(std::string_view domain, RouteCallback callback, bool anew) {
  Ask(domain, RecordType::kMx, anew,
      [this, anew, alive = alive_, name = base::LowerAscii(domain),
       callback = std::move(callback)](const Answer& answer) mutable {
        if (!*alive) return;
        const std::optional<Route> route = RouteFromMx(answer);
        if (route.has_value()) {
          callback(*route);
        } else {
          LookupImplicit(name, answer, std::move(callback), anew);
        }
      });
}

// RFC 5321 section 5.1: without any MX the domain itself is the host, if it has an address.
void MxLookup::LookupImplicit(const std::string& domain, const Answer& no_mx, RouteCallback callback, bool anew) {
  LookupHost(
      domain, /*want_v6=*/true,
      [domain, mx_ttl = no_mx.ttl, authenticated = no_mx.authenticated, canonical = no_mx.canonical,
       callback = std::move(callback)](const HostAddresses& addresses) mutable {
        Route route;
        route.ttl = std::min(mx_ttl, addresses.ttl);
        route.authenticated = authenticated;  // Of the host's addresses, whoever connects to it hears.
        route.canonical = canonical;
        route.detail = addresses.detail;
        switch (addresses.kind) {
          case AnswerKind::kFound:
            if (IsHostName(domain)) {
              route.kind = RouteKind::kHosts;
              route.implicit = true;
              route.hosts.push_back({domain, 0});
            } else {
              route.kind = RouteKind::kNoAddress;
              route.detail = "the domain has no mail exchanger, and is not a host name itself";
            }
            break;
          case AnswerKind::kNoData:
          case AnswerKind::kNoDomain:
            route.kind = RouteKind::kNoAddress;
            route.detail = "the domain has neither a mail exchanger nor an address";
            break;
          case AnswerKind::kServerFail:
          case AnswerKind::kTimeout:
            route.kind = RouteKind::kTemporary;
            break;
        }
        callback(route);
      },
      anew);
}

void MxLookup::LookupHost(std::string_view host, bool want_v6, HostCallback callback, bool anew) {
  auto state = std::make_shared<Addresses>();
  state->missing = want_v6 ? 2 : 1;
  state->callback = std::move(callback);
  const auto receive = [state, alive = alive_](std::optional<Answer>& place, const Answer& answer) {
    place = answer;
    if (--state->missing > 0 || !*alive) return;
    MxLookup::HostCallback done = std::move(state->callback);
    done(Combine(state->a, state->aaaa));
  };
  Ask(host, RecordType::kA, anew, [state, receive](const Answer& answer) { receive(state->a, answer); });
  if (!want_v6) return;
  Ask(host, RecordType::kAaaa, anew, [state, receive](const Answer& answer) { receive(state->aaaa, answer); });
}

void MxLookup::AddAddresses(const Route& route, Families families, RouteCallback callback) {
  if (route.kind != RouteKind::kHosts || !families.Any()) return callback(route);
  struct Gathered {
    Route route;
    std::size_t missing = 0;  // Questions under way.
    bool has_answer = false;
    std::string failure;
    RouteCallback callback;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->route = route;
  gathered->missing = route.hosts.size() * ((families.v4 ? 1 : 0) + (families.v6 ? 1 : 0));
  gathered->callback = std::move(callback);
  const auto ask = [&](std::size_t host, RecordType type) {
    resolver_.Resolve(route.hosts[host].name, type, [gathered, host, alive = alive_](const Answer& answer) {
      if (!*alive) return;
      for (const Record& record : answer.records) gathered->route.hosts[host].addresses.push_back(record.address);
      const bool failed = answer.kind == AnswerKind::kServerFail || answer.kind == AnswerKind::kTimeout;
      gathered->has_answer = gathered->has_answer || !failed;
      if (failed) gathered->failure = answer.detail;
      if (--gathered->missing > 0) return;
      if (!gathered->has_answer) {
        gathered->route.kind = RouteKind::kTemporary;
        gathered->route.detail = absl::StrCat("no address of its mail exchangers is known: ", gathered->failure);
      }
      RouteCallback done = std::move(gathered->callback);
      done(gathered->route);
    });
  };
  for (std::size_t host = 0; host < route.hosts.size(); ++host) {
    if (families.v4) ask(host, RecordType::kA);
    if (families.v6) ask(host, RecordType::kAaaa);
  }
}

}  // namespace dns
