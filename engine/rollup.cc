#include "engine/rollup.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/delivery/mail_hosts.h"
#include "engine/dns_asker.h"

namespace engine {
namespace {

constexpr base::Duration kPatience = base::Duration::Seconds(5);

}  // namespace

std::string LookUpRollups(const config::Config& config, config::Shaping& shaping, absl::FunctionRef<bool()> go_on) {
  const std::vector<std::string> domains = shaping.RollupDomains();
  if (domains.empty() || config.smarthost.has_value()) return "";
  const absl::StatusOr<std::unique_ptr<DnsAsker>> asker = DnsAsker::Make(config.dns, kPatience);
  std::vector<dns::Route> routes(domains.size());
  if (asker.ok()) routes = (*asker)->Routes(domains, {}, go_on);
  std::string unknown;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (routes[i].kind == dns::RouteKind::kHosts) shaping.SetRollupHosts(domains[i], delivery::MailHostsOf(routes[i]));
    if (routes[i].kind == dns::RouteKind::kTemporary) unknown += " " + domains[i];
  }
  if (unknown.empty()) return "";
  return absl::StrFormat(
      "the DNS gives no mail exchangers for%s; what the shaping files say there holds for no other domain", unknown);
}

}  // namespace engine
