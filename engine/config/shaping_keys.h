// The keys of shaping files: those that are in effect, and those that KumoMTA knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/config/limits.h"

namespace config {

// Where the value of a key goes; its type says how the value is read.
using LimitField =
    std::variant<std::uint32_t Limits::*, std::optional<std::uint32_t> Limits::*, std::optional<base::Rate> Limits::*,
                 base::Duration Limits::*, bool Limits::*, AddressSet Limits::*, IpLookupStrategy Limits::*,
                 TlsMode Limits::*, std::vector<std::uint32_t> Limits::*, Overflow Limits::*>;

// Nullopt: not a key that is in effect for (source, site).
std::optional<LimitField> FindLimitField(std::string_view key);
// A key of KumoMTA's that has no effect in this version.
bool IsKumoKey(std::string_view key);
// All keys of a block, for "did you mean".
std::vector<std::string_view> AllShapingKeys();

}  // namespace config
