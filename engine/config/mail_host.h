// A mail exchanger as shaping files match it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/base/ip_address.h"

namespace config {

struct MailHost {
  MailHost(const char* host_name) : name(host_name) {}  // NOLINT(google-explicit-constructor): names are hosts.
  MailHost(std::string host_name, std::vector<base::IpAddress> host_addresses)
      : name(std::move(host_name)), addresses(std::move(host_addresses)) {}

  std::string name;
  std::vector<base::IpAddress> addresses;  // Where somebody asked for them: Shaping::MatchesAddresses.
};

}  // namespace config
