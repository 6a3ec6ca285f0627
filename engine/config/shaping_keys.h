// The keys of shaping files: those that are in effect, those that KumoMTA knows, and those that a later version may
// have.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/config/limits.h"

namespace config {

// Where the value of a key goes; its type says how the value is read.
using LimitField = std::variant<std::uint32_t Limits::*, std::optional<std::uint32_t> Limits::*,
                                std::optional<base::Rate> Limits::*, base::Duration Limits::*, bool Limits::*,
                                AddressSet Limits::*, IpLookupStrategy Limits::*, TlsMode Limits::*>;

// Nullopt: not a key that is in effect for (source, site).
std::optional<LimitField> FindLimitField(std::string_view key);
// A key of KumoMTA's that has no effect in this version.
bool IsKumoKey(std::string_view key);
// A key of ours that this version does not have.
bool IsLaterKey(std::string_view key);
// All keys of a block but those of IsLaterKey, for "did you mean".
std::vector<std::string_view> AllShapingKeys();

}  // namespace config
