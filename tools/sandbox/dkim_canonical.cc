#include "tools/sandbox/dkim_canonical.h"

#include "engine/base/text.h"

namespace sandbox {
namespace {

bool IsWsp(char c) { return c == ' ' || c == '\t'; }

// Takes one line off the front, without its CRLF. A last line without one is a line too.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

// Appends `text` with each run of space as one SP, and none at its end.
void AppendCollapsed(std::string_view text, std::string& out) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !IsWsp(text[end])) ++end;
    out.append(text, at, end - at);
    for (at = end; at < text.size() && IsWsp(text[at]);) ++at;
    if (at < text.size()) out.push_back(' ');
  }
}

void AddField(std::string_view raw, ParsedMessage& message) {
  const std::size_t colon = raw.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view name = raw.substr(0, colon);
  while (!name.empty() && IsWsp(name.back())) name.remove_suffix(1);
  if (!name.empty() && name.find_first_of(" \t\r\n") == std::string_view::npos)
    message.fields.push_back({name, raw.substr(colon + 1), raw});
}

}  // namespace

ParsedMessage ParseMessage(std::string_view message) {
  ParsedMessage parsed;
  std::string_view rest = message;
  while (!rest.empty() && !rest.starts_with("\r\n")) {
    std::size_t end = 0;
    do {  // A line that begins with space goes on with the field (RFC 5322 §2.2.3).
      end = rest.find("\r\n", end);
      end = end == std::string_view::npos ? rest.size() : end + 2;
    } while (end < rest.size() && IsWsp(rest[end]));
    std::string_view raw = rest.substr(0, end);
    rest.remove_prefix(end);
    if (raw.ends_with("\r\n")) raw.remove_suffix(2);
    AddField(raw, parsed);
  }
  if (rest.starts_with("\r\n")) parsed.body = rest.substr(2);
  return parsed;
}

std::optional<std::string_view> FindField(const ParsedMessage& message, std::string_view name) {
  for (auto field = message.fields.rbegin(); field != message.fields.rend(); ++field) {
    if (base::EqualsIgnoreCase(field->name, name)) return field->value;
  }
  return std::nullopt;
}

std::string CanonicalHeader(const HeaderField& field, Canonicalization form) {
  if (form == Canonicalization::kSimple) return std::string(field.raw);
  std::string unfolded;
  std::string_view rest = field.value;
  while (!rest.empty()) unfolded.append(TakeLine(rest));
  std::string canonical = base::LowerAscii(field.name) + ":";
  const std::size_t begin = unfolded.find_first_not_of(" \t");
  if (begin != std::string::npos) AppendCollapsed(std::string_view(unfolded).substr(begin), canonical);
  return canonical;
}

std::string CanonicalBody(std::string_view body, Canonicalization form) {
  std::string canonical;
  canonical.reserve(body.size() + 2);
  std::size_t end = 0;  // Behind the last line that is not empty.
  while (!body.empty()) {
    const std::string_view line = TakeLine(body);
    const std::size_t begin = canonical.size();
    if (form == Canonicalization::kSimple) {
      canonical.append(line);
    } else {
      AppendCollapsed(line, canonical);
    }
    const bool has_text = canonical.size() > begin;
    canonical.append("\r\n");
    if (has_text) end = canonical.size();
  }
  canonical.resize(end);
  if (canonical.empty() && form == Canonicalization::kSimple) canonical = "\r\n";  // RFC 6376 §3.4.3
  return canonical;
}

}  // namespace sandbox
