// The text of a message as its reader sees it: the transfer encoding of each part undone (RFC 2045 §6, RFC 2046 §5.1).
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "tools/sandbox/dkim_canonical.h"

namespace sandbox {

// All leaf parts, one after the other. What is malformed is passed on as it is.
std::string DecodedText(const ParsedMessage& message);

std::string DecodeQuotedPrintable(std::string_view text);

}  // namespace sandbox
