// Canonical forms of header fields and bodies for DKIM (RFC 6376 §3.4), as a receiver computes them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

struct HeaderField {
  std::string_view name;   // As written, without the colon and the space before it.
  std::string_view value;  // Behind the colon, as written, with all folding, without the last CRLF.
  std::string_view raw;    // The whole field, without the last CRLF.
};

struct ParsedMessage {
  std::vector<HeaderField> fields;  // From top to bottom. Lines that are no field are left out.
  std::string_view body;
};
// The views point into `message`.
ParsedMessage ParseMessage(std::string_view message);
// The value of the last field of this name, in any case. Nullopt: there is none.
std::optional<std::string_view> FindField(const ParsedMessage& message, std::string_view name);

enum class Canonicalization { kSimple, kRelaxed };

// Without a CRLF at the end.
std::string CanonicalHeader(const HeaderField& field, Canonicalization form);
std::string CanonicalBody(std::string_view body, Canonicalization form);

}  // namespace sandbox
