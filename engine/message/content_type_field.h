// The value of a Content-Type field, read (RFC 2045 section 5.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace message {

struct ContentTypeField {
  std::string type;                                             // "text/html", in lower case.
  std::vector<std::pair<std::string, std::string>> parameters;  // Names in lower case; values without their quotes.

  std::string Get(std::string_view name) const;  // Empty: not there.
  // All but this one, as they are written behind a type, each on a line of its own.
  std::string ParametersWithout(std::string_view name) const;
};

// Nullopt: not a type with parameters. Comments are not understood.
std::optional<ContentTypeField> ParseContentType(std::string_view value);

}  // namespace message
