#include "engine/message/content_type_field.h"

#include <algorithm>

#include "engine/base/text.h"

namespace message {
namespace {

// RFC 2045 section 5.1: tspecials, space and what is not printable ASCII end a token.
bool IsTokenChar(char c) {
  return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

std::string_view TakeToken(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsTokenChar);
  const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(token.size());
  return token;
}

void SkipSpace(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size())); }

// Nullopt: the quote does not end, or quotes what cannot stand in a header.
std::optional<std::string> TakeQuoted(std::string_view& text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return out;
    }
    if (text[i] == '\\' && ++i == text.size()) break;
    if (text[i] < ' ' || text[i] > '~') return std::nullopt;
    out.push_back(text[i]);
  }
  return std::nullopt;
}

}  // namespace

std::string ContentTypeField::Get(std::string_view name) const {
  for (const auto& [known, value] : parameters) {
    if (known == name) return value;
  }
  return "";
}

std::string ContentTypeField::ParametersWithout(std::string_view name) const {
  std::string out;
  for (const auto& [known, value] : parameters) {
    if (known == name) continue;
    if (known.back() == '*' &&
        std::all_of(value.begin(), value.end(),
                    IsTokenChar)) {  // RFC 2231 section 7: an extended value is no quoted-string.
      out.append(";\r\n ").append(known).append("=").append(value);
      continue;
    }
    out.append(";\r\n ").append(known).append("=\"");
    for (char c : value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out;
}

std::optional<ContentTypeField> ParseContentType(std::string_view value) {
  ContentTypeField field;
  SkipSpace(value);
  const std::string_view type = TakeToken(value);
  if (type.empty() || !value.starts_with("/")) return std::nullopt;
  value.remove_prefix(1);
  const std::string_view subtype = TakeToken(value);
  if (subtype.empty()) return std::nullopt;
  field.type = base::LowerAscii(type) + "/" + base::LowerAscii(subtype);
  while (true) {
    SkipSpace(value);
    if (value.empty()) return field;
    if (value[0] != ';') return std::nullopt;
    value.remove_prefix(1);
    SkipSpace(value);
    if (value.empty()) return field;  // A ";" at the end is harmless.
    const std::string_view name = TakeToken(value);
    if (name.empty() || !value.starts_with("=")) return std::nullopt;
    value.remove_prefix(1);
    std::optional<std::string> text = value.starts_with("\"") ? TakeQuoted(value) : std::string(TakeToken(value));
    if (!text.has_value()) return std::nullopt;
    field.parameters.emplace_back(base::LowerAscii(name), *std::move(text));
  }
}

}  // namespace message
