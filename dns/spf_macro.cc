#include "dns/spf_macro.h"

#include <algorithm>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::string_view kLetters = "slodiphv";
constexpr std::string_view kDelimiters = ".-+,/_=";
constexpr std::size_t kNameMax = 253;
constexpr std::size_t kPartsMax = 128;  // Section 7.3: an implementation supports at least so many.

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return base::ToLowerAscii(c) >= 'a' && base::ToLowerAscii(c) <= 'z'; }
bool IsAlphaNumeric(char c) { return IsDigit(c) || IsAlpha(c); }

// "%{...}", taken apart.
struct Macro {
  char letter = 's';  // Lower case.
  bool escape = false;
  std::size_t parts = kPartsMax;  // So many from the right.
  bool reverse = false;
  std::string_view delimiters = ".";
  std::size_t size = 0;  // Of its text.
};

// The macro at the beginning of `text`, which begins with "%{". Nullopt: it is none.
std::optional<Macro> ParseMacro(std::string_view text) {
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos || end < 3) return std::nullopt;
  Macro macro;
  macro.size = end + 1;
  macro.letter = base::ToLowerAscii(text[2]);
  macro.escape = macro.letter != text[2];
  if (kLetters.find(macro.letter) == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(3, end - 3);
  std::size_t digits = 0;
  while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
  if (digits > 0) {
    std::size_t parts = 0;
    for (const char c : rest.substr(0, digits))
      parts = std::min(kPartsMax, parts * 10 + static_cast<std::size_t>(c - '0'));
    if (parts == 0) return std::nullopt;
    macro.parts = parts;
    rest.remove_prefix(digits);
  }
  if (!rest.empty() && base::ToLowerAscii(rest.front()) == 'r') {
    macro.reverse = true;
    rest.remove_prefix(1);
  }
  if (rest.find_first_not_of(kDelimiters) != std::string_view::npos) return std::nullopt;
  if (!rest.empty()) macro.delimiters = rest;
  return macro;
}

// How long what begins with "%" is; 0: no macro.
std::size_t MacroSize(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] == '%' || text[1] == '_' || text[1] == '-') return 2;
  if (text[1] != '{') return 0;
  const std::optional<Macro> macro = ParseMacro(text);
  return macro.has_value() ? macro->size : 0;
}

std::string Transform(const Macro& macro, std::string_view value) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = value.find_first_of(macro.delimiters);
    parts.push_back(value.substr(0, at));
    if (at == std::string_view::npos) break;
    value.remove_prefix(at + 1);
  }
  if (macro.reverse) std::reverse(parts.begin(), parts.end());
  const std::size_t first = parts.size() - std::min(parts.size(), macro.parts);
  std::string text;
  for (std::size_t i = first; i < parts.size(); ++i) text.append(i == first ? "" : ".").append(parts[i]);
  return text;
}

std::string EscapeUrl(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsAlphaNumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped.push_back(c);
    } else {
      escaped.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return escaped;
}

// A label that a top-level domain may have: letters, digits and "-" inside, and not digits alone.
bool IsTopLabel(std::string_view label) {
  if (label.empty() || !IsAlphaNumeric(label.front()) || !IsAlphaNumeric(label.back())) return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return IsAlphaNumeric(c) || c == '-'; }) &&
         std::any_of(label.begin(), label.end(), [](char c) { return !IsDigit(c); });
}

// Calls `literal` for each character outside of macros and `macro` for each macro, until one returns false.
bool Visit(std::string_view text, absl::FunctionRef<bool(char)> literal,
           absl::FunctionRef<bool(std::string_view)> macro) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      if (!literal(text[at])) return false;
      ++at;
      continue;
    }
    const std::size_t size = MacroSize(text.substr(at));
    if (size == 0 || !macro(text.substr(at, size))) return false;
    at += size;
  }
  return true;
}

}  // namespace

bool IsSpfMacroString(std::string_view text) {
  return Visit(
      text, [](char c) { return c > ' ' && c <= '~'; }, [](std::string_view) { return true; });
}

bool IsSpfDomainSpec(std::string_view text) {
  if (text.empty() || !IsSpfMacroString(text)) return false;
  bool ends_with_macro = false;
  Visit(
      text,
      [&ends_with_macro](char) {
        ends_with_macro = false;
        return true;
      },
      [&ends_with_macro](std::string_view) { return ends_with_macro = true; });
  if (ends_with_macro) return true;
  if (text.back() == '.') text.remove_suffix(1);
  const std::size_t dot = text.rfind('.');
  return dot != std::string_view::npos && IsTopLabel(text.substr(dot + 1));
}

std::string ExpandSpfMacros(std::string_view text, absl::FunctionRef<std::string(char letter)> value) {
  std::string expanded;
  const bool is_macro_string = Visit(
      text,
      [&expanded](char c) {
        expanded.push_back(c);
        return true;
      },
      [&](std::string_view macro) {
        if (macro[1] != '{') {
          expanded.append(macro[1] == '%' ? "%" : macro[1] == '_' ? " " : "%20");
          return true;
        }
        const std::optional<Macro> parsed = ParseMacro(macro);
        const std::string transformed = Transform(*parsed, value(parsed->letter));
        expanded.append(parsed->escape ? EscapeUrl(transformed) : transformed);
        return true;
      });
  CHECK(is_macro_string);
  return expanded;
}

std::string ShortenToName(std::string expanded) {
  if (!expanded.empty() && expanded.back() == '.') expanded.pop_back();
  std::string_view name = expanded;
  while (name.size() > kNameMax) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  return std::string(name);
}

}  // namespace dns
