#include "engine/message/html_tags.h"

#include <algorithm>

#include "engine/base/text.h"

namespace message {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f";

bool IsLetter(char c) { return base::ToLowerAscii(c) >= 'a' && base::ToLowerAscii(c) <= 'z'; }

// Where the tag that begins at `begin` ends: its ">" outside quotes.
std::size_t EndOfTag(std::string_view html, std::size_t begin) {
  char quote = '\0';
  for (std::size_t i = begin; i < html.size(); ++i) {
    if (quote != '\0') {
      if (html[i] == quote) quote = '\0';
    } else if (html[i] == '"' || html[i] == '\'') {
      quote = html[i];
    } else if (html[i] == '>') {
      return i;
    }
  }
  return html.size();
}

}  // namespace

std::optional<std::string_view> HtmlTag::Get(std::string_view attribute) const {
  std::string_view rest = attributes;
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n\f/"), rest.size()));
    if (rest.empty()) return std::nullopt;
    const std::size_t name_end = std::max<std::size_t>(1, std::min(rest.find_first_of(" \t\r\n\f/="), rest.size()));
    const std::string_view found = rest.substr(0, name_end);
    rest.remove_prefix(name_end);
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
    std::string_view value;
    if (rest.starts_with("=")) {
      rest.remove_prefix(1);
      rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
      const bool quoted = rest.starts_with("\"") || rest.starts_with("'");
      const std::size_t begin = quoted ? 1 : 0;
      const std::size_t end =
          quoted ? std::min(rest.find(rest[0], 1), rest.size()) : std::min(rest.find_first_of(kSpace), rest.size());
      value = rest.substr(std::min(begin, end), end - std::min(begin, end));
      rest.remove_prefix(std::min(end + begin, rest.size()));
    }
    if (base::EqualsIgnoreCase(found, attribute)) return value;
  }
}

std::vector<HtmlTag> HtmlTags(std::string_view html, std::uint32_t first_line) {
  std::vector<HtmlTag> tags;
  std::uint32_t line = first_line;
  std::size_t counted = 0;
  for (std::size_t i = html.find('<'); i != std::string_view::npos; i = html.find('<', i)) {
    if (html.substr(i, 4) == "<!--") {
      i = std::min(html.find("-->", i), html.size());
      continue;
    }
    if (++i == html.size() || !IsLetter(html[i])) continue;
    line += static_cast<std::uint32_t>(std::count(html.begin() + static_cast<std::ptrdiff_t>(counted),
                                                  html.begin() + static_cast<std::ptrdiff_t>(i), '\n'));
    counted = i;
    const std::size_t end = EndOfTag(html, i);
    const std::string_view tag = html.substr(i, end - i);
    const std::size_t name = std::min(tag.find_first_of(" \t\r\n\f/"), tag.size());
    tags.push_back({tag.substr(0, name), tag.substr(name), line});
    i = end;
  }
  return tags;
}

}  // namespace message
