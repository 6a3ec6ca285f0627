// What a source may do over all receivers together, as sluice.toml says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/rate.h"

namespace config {

struct SourceLimits {
  std::optional<std::uint32_t> connection_limit = std::nullopt;  // At once. At least 1.
  std::optional<base::Rate> max_message_rate = std::nullopt;     // Never of zero.
  std::string place = {};                                        // "FILE:LINE" of the source.
  bool Any() const { return connection_limit.has_value() || max_message_rate.has_value(); }
};

}  // namespace config
