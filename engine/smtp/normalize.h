// Reply texts without what differs from one message to the next: for telling "the same words" from other words.
#pragma once

#include <string>
#include <string_view>

namespace smtp {

// Addresses, host names with a dot, numbers, hexadecimal and other identifiers with digits become "#"; ASCII lower
// case; at most 200 bytes.
std::string NormalizeReplyText(std::string_view text);

}  // namespace smtp
