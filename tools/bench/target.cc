#include "tools/bench/target.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/base/rate.h"
#include "engine/base/text.h"
#include "engine/campaign/address.h"

namespace bench {
namespace {

absl::Status Wrong(std::string_view option, std::string_view value, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(base::AbslView(option), " ", base::AbslView(value), ": ", base::AbslView(why)));
}

// The first IPv4 address of a name.
std::optional<base::IpAddress> LookUp(const std::string& host) {
  if (const auto address = base::IpAddress::Parse(host)) return address->IsV6() ? std::nullopt : address;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, freeaddrinfo);
  const auto* const address = reinterpret_cast<const sockaddr_in*>(list->ai_addr);
  return base::IpAddress::V4(ntohl(address->sin_addr.s_addr));
}

bool IsLoopback(const base::IpAddress& address) { return address.bytes()[0] == 127; }

}  // namespace

absl::StatusOr<Target> FindTarget(const TargetOptions& options) {
  const std::size_t colon = options.host_port.rfind(':');
  const std::string host = options.host_port.substr(0, colon);
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : base::ParseInteger<std::uint16_t>(std::string_view(options.host_port).substr(colon + 1));
  if (!port || *port == 0 || host.empty())
    return Wrong("--target", options.host_port, "write HOST:PORT, such as mail.example.net:25");
  Target target;
  target.name = options.host_port;
  target.to = options.to;
  target.from = options.from.empty() ? options.to : options.from;
  target.rate = options.rate;
  for (const std::string* address : {&target.to, &target.from}) {
    campaign::Address parsed;
    std::string_view reason;
    if (!campaign::ParseAddress(*address, parsed, reason))
      return Wrong(address == &target.to ? "--to" : "--from", *address, reason);
  }
  if (const absl::StatusOr<base::Rate> rate = base::ParseRate(options.rate); !rate.ok() || rate->count == 0)
    return Wrong("--rate", options.rate, "write a rate such as 100/s");
  const std::optional<base::IpAddress> found = LookUp(host);
  if (!found) return Wrong("--target", options.host_port, "the host has no IPv4 address");
  if (!IsLoopback(*found) && !options.permitted) {
    return Wrong(
        "--target", options.host_port,
        "not this machine: with --with-permission you say that whoever runs it, and whoever reads --to, agrees");
  }
  target.at = {*found, *port};
  return target;
}

}  // namespace bench
