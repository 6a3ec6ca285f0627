// A local IP address that mail leaves from, with the name it gives itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/ip_address.h"
#include "engine/config/source_limits.h"

namespace delivery {

struct Source {
  std::string name = "default";            // "default": the unnamed one, where no sources are configured.
  std::optional<base::IpAddress> address;  // None: the kernel chooses.
  std::string ehlo_domain;                 // Never empty.
  std::uint32_t weight = 1;                // Its share of the recipients; at least 1.
  config::SourceLimits limits = {};
};

}  // namespace delivery
