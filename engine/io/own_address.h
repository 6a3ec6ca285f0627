// The addresses that this machine sends from.
#pragma once

#include <optional>

#include "engine/io/io.h"

namespace io {

// What the kernel would choose for a connection to `destination`, by its routes; nothing is sent. None: it knows no
// way.
std::optional<base::IpAddress> OwnAddressTowards(const Endpoint& destination);

// Whether a connection could leave from `address`: 0, else errno (EADDRNOTAVAIL: this machine does not have it).
int ErrorOfSource(const base::IpAddress& address);

}  // namespace io
