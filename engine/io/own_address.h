// The address that this machine sends from, where nobody says which.
#pragma once

#include <optional>

#include "engine/io/io.h"

namespace io {

// What the kernel would choose for a connection to `destination`, by its routes; nothing is sent. None: it knows no
// way.
std::optional<base::IpAddress> OwnAddressTowards(const Endpoint& destination);

}  // namespace io
