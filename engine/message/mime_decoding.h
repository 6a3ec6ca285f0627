// Reading what others encoded: the encodings of RFC 2045 and the encoded-words of RFC 2047. For templates at load.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace message {

// Nullopt: what stands there is no base64. White space is skipped.
std::optional<std::string> DecodeBase64(std::string_view text);

// Nullopt: an "=" that begins neither a soft line break nor two hexadecimal digits. Line ends are CRLF.
std::optional<std::string> DecodeQuotedPrintable(std::string_view text);

// Header text with its encoded-words decoded, as UTF-8. Nullopt: an encoded-word is not in UTF-8 or US-ASCII, or is
// damaged.
std::optional<std::string> DecodeHeaderText(std::string_view text);

}  // namespace message
