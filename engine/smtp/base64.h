// base64 as SASL has it (RFC 4648 section 4): with padding, without line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace smtp {

std::string ToBase64(std::string_view bytes);
// Nullopt: anything that ToBase64 does not write: spaces, missing padding, bits behind the last byte.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace smtp
