// Parameters of Content-Type and Content-Disposition with any text as their value (RFC 2045 section 5.1, RFC 2231).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace message {

// Appends "; name=value" to a field whose present line has `column` octets, folded where that keeps lines within 78: a
// quoted-string where the value is ASCII and fits into a line, else in the extended form of RFC 2231, in numbered
// sections where one line does not hold it. Controls in the value become spaces (AppendCleanText).
void AppendParameter(std::string_view name, std::string_view value, std::size_t column, std::string& out);

}  // namespace message
