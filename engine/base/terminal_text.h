// Text from outside, for people who look at it on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace base {

// Octets of the character at `i` that changes the direction of those around it, so that they can be read as another
// text: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. 0: another character is there.
std::size_t DirectionControlAt(std::string_view text, std::size_t i);

// `text` with a space for each control character but those `kept`, and for each of the above, and with a question mark
// for each octet that is of no UTF-8.
std::string Harmless(std::string_view text, std::string_view kept = {});

}  // namespace base
