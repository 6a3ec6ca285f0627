// Domain names as text: lower case, labels separated by dots, without a final dot; the root is "". Pure.
//
// A byte of a label that is not a visible ASCII character, and a dot or backslash within a label, is written "\DDD"
// (RFC 1035 section 5.1), so that text made from a message never contains a control character and two different names
// never read the same.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dns {

// The form above, from what a person or another program wrote ("Example.COM." gives "example.com"). A label may have
// any byte (RFC 2181 section 11). Nullopt: an empty label, a label over 63 bytes, a name over 255 bytes in a message, a
// byte that is to be written "\DDD" and is not, or a backslash that no three digits up to 255 follow.
std::optional<std::string> NormalizeName(std::string_view name);

// The form above, of labels of any bytes separated by dots: what is to be written "\DDD" is. An empty label or one that
// is too long stays, for NormalizeName to refuse.
std::string NameFromBytes(std::string_view bytes);

// A name that a mail exchanger may have: at least one label of letters, digits, "-" and "_"; not an IP address written
// as a name; not localhost or a name below it (RFC 6761 section 6.3).
bool IsHostName(std::string_view name);

// The name at `offset` of a message, following compression pointers (RFC 1035 section 4.1.4); `offset` moves behind it.
// Pointers lead only backwards, so there are no loops. Nullopt: the message is malformed there.
std::optional<std::string> ReadName(std::string_view message, std::size_t& offset);

// Appends the name uncompressed. False, and nothing is appended: NormalizeName would refuse it.
[[nodiscard]] bool AppendName(std::string_view name, std::string& message);

}  // namespace dns
