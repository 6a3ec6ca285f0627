#include "engine/message/unsubscribe_link.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/text.h"
#include "engine/message/html_tags.h"

namespace message {
namespace {

constexpr std::string_view kWord = "unsubscribe";

bool SaysIt(std::string_view text) { return base::LowerAscii(text).find(kWord) != std::string::npos; }

bool HasAddress(std::string_view line) {
  const std::string lower = base::LowerAscii(line);
  return lower.find("https://") != std::string::npos || lower.find("http://") != std::string::npos ||
         lower.find("mailto:") != std::string::npos;
}

// What the inside of a character reference such as "amp" or "#x26" stands for; nullopt: nothing that a URL has.
std::optional<char> CharacterOf(std::string_view name) {
  const std::pair<std::string_view, char> names[] = {
      {"amp", '&'}, {"quot", '"'}, {"apos", '\''}, {"lt", '<'}, {"gt", '>'}};
  for (const auto& [known, character] : names) {
    if (name == known) return character;
  }
  if (!name.starts_with("#")) return std::nullopt;
  name.remove_prefix(1);
  const bool is_hex = name.starts_with("x") || name.starts_with("X");
  if (is_hex) name.remove_prefix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, is_hex ? 16 : 10);
  if (error != std::errc{} || end != name.data() + name.size() || number < 0x20 || number > 0x7E) return std::nullopt;
  return static_cast<char>(number);
}

std::string WithoutReferences(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t end = text.front() == '&' ? text.find(';') : std::string_view::npos;
    const auto character = end == std::string_view::npos ? std::nullopt : CharacterOf(text.substr(1, end - 1));
    plain.push_back(character.value_or(text.front()));
    text.remove_prefix(character.has_value() ? end + 1 : 1);
  }
  return plain;
}

}  // namespace

bool HtmlShowsUnsubscribe(std::string_view html, std::string_view uri) {
  const std::string lower = base::LowerAscii(html);
  for (const HtmlTag& tag : HtmlTags(html, 1)) {
    const auto href = tag.Get("href");
    if (!href.has_value() || !base::EqualsIgnoreCase(tag.name, "a")) continue;
    const std::string target = WithoutReferences(base::TrimAscii(*href));
    if (SaysIt(target) || (!uri.empty() && target.starts_with(uri))) return true;
    const auto begin = static_cast<std::size_t>(tag.attributes.data() + tag.attributes.size() - html.data());
    const std::size_t end = std::min(lower.find("</a", begin), lower.size());
    if (SaysIt(std::string_view(lower).substr(begin, end - begin))) return true;
  }
  return false;
}

bool TextShowsUnsubscribe(std::string_view text, std::string_view uri) {
  if (!uri.empty() && text.find(uri) != std::string_view::npos) return true;
  bool said = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = base::TrimAscii(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
    if (line.empty()) continue;
    const bool says = SaysIt(line);
    if (HasAddress(line) && (says || said)) return true;
    said = says;
  }
  return false;
}

}  // namespace message
