#include "dns/mx_lookup.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

namespace dns {
namespace {

// A name that can be a mail exchanger: not the root, not "localhost", not an address written as a name.
bool IsUsableHost(std::string_view name) {
  return !name.empty() && name != "localhost" && !base::IpAddress::Parse(name).has_value();
}

Route FromMx(const Answer& answer) {
  Route route;
  route.ttl = answer.ttl;
  if (answer.records.size() == 1 && answer.records[0].name.empty()) {  // RFC 7505 section 3: alone, with the root.
    route.kind = RouteKind::kNullMx;
    return route;
  }
  for (const Record& record : answer.records) {
    if (IsUsableHost(record.name)) route.hosts.push_back({record.name, record.preference});
  }
  std::sort(route.hosts.begin(), route.hosts.end(), [](const MxHost& a, const MxHost& b) {
    return std::tie(a.preference, a.name) < std::tie(b.preference, b.name);
  });
  std::vector<MxHost> once;
  for (MxHost& host : route.hosts) {
    const bool known =
        std::any_of(once.begin(), once.end(), [&host](const MxHost& other) { return other.name == host.name; });
    if (!known && once.size() < MxLookup::kHostsMax) once.push_back(std::move(host));
  }
  route.hosts = std::move(once);
  route.kind = route.hosts.empty() ? RouteKind::kNoAddress : RouteKind::kHosts;
  if (route.hosts.empty()) route.detail = "its MX names no host";
  return route;
}

Route Temporary(const Answer& answer) {
  Route route;
  route.kind = RouteKind::kTemporary;
  route.detail = answer.detail;
  return route;
}

}  // namespace

void MxLookup::LookupMx(std::string_view domain, absl::AnyInvocable<void(const Route&)> callback) {
  std::string name(domain);
  auto on_mx = [this, name, done = std::move(callback)](const Answer& mx) mutable {
    switch (mx.kind) {
      case AnswerKind::kFound:
        done(FromMx(mx));
        return;
      case AnswerKind::kServerFail:
      case AnswerKind::kTimeout:
        done(Temporary(mx));
        return;
      case AnswerKind::kNoDomain: {
        Route route;
        route.kind = RouteKind::kNoDomain;
        route.ttl = mx.ttl;
        route.detail = "the domain does not exist (NXDOMAIN)";
        done(route);
        return;
      }
      case AnswerKind::kNoData:
        break;
    }
    // No MX: the domain itself, if it has an address (RFC 5321 section 5.1).
    const base::Duration ttl = mx.ttl;
    LookupHost(name, /*want_v6=*/true, [name, ttl, then = std::move(done)](const HostAddresses& host) mutable {
      Route route;
      route.implicit = true;
      route.ttl = std::min(ttl, host.ttl);
      route.detail = host.detail;
      if (host.kind == AnswerKind::kFound) {
        route.kind = RouteKind::kHosts;
        route.hosts.push_back({name, 0});
      } else if (host.kind == AnswerKind::kServerFail || host.kind == AnswerKind::kTimeout) {
        route.kind = RouteKind::kTemporary;
      } else {
        route.kind = RouteKind::kNoAddress;
        route.detail = "the domain has neither MX nor address";
      }
      then(route);
    });
  };
  resolver_.Resolve(name, RecordType::kMx, std::move(on_mx));
}

void MxLookup::LookupHost(std::string_view host, bool want_v6,
                          absl::AnyInvocable<void(const HostAddresses&)> callback) {
  std::string name(host);
  auto on_v4 = [this, name, want_v6, done = std::move(callback)](const Answer& v4) mutable {
    HostAddresses found{.kind = v4.kind, .addresses = {}, .ttl = v4.ttl, .detail = v4.detail};
    for (const Record& record : v4.records) found.addresses.push_back(record.address);
    if (!want_v6 || v4.kind == AnswerKind::kNoDomain) {
      done(found);
      return;
    }
    resolver_.Resolve(
        name, RecordType::kAaaa, [found = std::move(found), then = std::move(done)](const Answer& v6) mutable {
          for (const Record& record : v6.records) found.addresses.push_back(record.address);
          if (found.kind != AnswerKind::kFound) {
            // One family found is enough; else the failure that may pass counts more than "none".
            const bool unsure = found.kind == AnswerKind::kServerFail || found.kind == AnswerKind::kTimeout;
            if (v6.kind == AnswerKind::kFound || !unsure) {
              found.kind = v6.kind;
              found.ttl = std::min(found.ttl, v6.ttl);
              found.detail = v6.detail;
            }
          } else if (v6.kind == AnswerKind::kFound) {
            found.ttl = std::min(found.ttl, v6.ttl);
          }
          then(found);
        });
  };
  resolver_.Resolve(name, RecordType::kA, std::move(on_v4));
}

}  // namespace dns
