#include "tools/sandbox/message_text.h"

#include <algorithm>
#include <optional>

#include "engine/base/text.h"
#include "tools/sandbox/dkim_tags.h"

namespace sandbox {
namespace {

constexpr int kDepthMax = 8;  // Of multiparts within each other.

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The boundary that a Content-Type names; "": it is no multipart.
std::string Boundary(std::string_view content_type) {
  if (!base::StartsWithIgnoreCase(base::TrimAscii(content_type), "multipart/")) return "";
  const std::size_t at = base::LowerAscii(content_type).find("boundary=");
  if (at == std::string::npos) return "";
  std::string_view value = content_type.substr(at + std::string_view("boundary=").size());
  if (value.starts_with("\"")) {
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find('"')));
  }
  return std::string(value.substr(0, value.find_first_of("; \t\r\n")));
}

void AppendDecoded(std::string_view encoding, std::string_view body, std::string& out) {
  encoding = base::TrimAscii(encoding);
  if (base::EqualsIgnoreCase(encoding, "quoted-printable")) {
    out += DecodeQuotedPrintable(body);
  } else if (base::EqualsIgnoreCase(encoding, "base64")) {
    const std::optional<std::string> bytes = DecodeBase64(body);
    out += bytes ? *bytes : std::string(body);
  } else {
    out += body;
  }
  out += "\r\n";
}

void AppendPart(const ParsedMessage& part, int depth, std::string& out) {
  const std::string boundary = Boundary(FindField(part, "Content-Type").value_or(""));
  if (boundary.empty() || depth >= kDepthMax) {
    return AppendDecoded(FindField(part, "Content-Transfer-Encoding").value_or(""), part.body, out);
  }
  const std::string delimiter = "--" + boundary;
  std::string_view rest = part.body;
  std::optional<std::string_view> open;  // The part under way, from its first byte to the end of the message.
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    const std::size_t line_size = end == std::string_view::npos ? rest.size() : end + 2;
    if (line.starts_with(delimiter)) {
      if (open) AppendPart(ParseMessage(open->substr(0, open->size() - rest.size())), depth + 1, out);
      open = rest.substr(line_size);
      if (line.substr(delimiter.size()).starts_with("--")) return;
    }
    rest.remove_prefix(line_size);
  }
  if (open) AppendPart(ParseMessage(*open), depth + 1, out);
}

}  // namespace

std::string DecodeQuotedPrintable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t plain = std::min(text.find('=', at), text.size());
    out.append(text, at, plain - at);
    at = plain;
    if (at == text.size()) break;
    if (at + 2 >= text.size()) {
      out.push_back(text[at]);
    } else if (text.substr(at + 1, 2) == "\r\n") {
      at += 2;  // A soft line break.
    } else if (HexDigit(text[at + 1]) >= 0 && HexDigit(text[at + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2])));
      at += 2;
    } else {
      out.push_back('=');
    }
  }
  return out;
}

std::string DecodedText(const ParsedMessage& message) {
  std::string text;
  AppendPart(message, 0, text);
  return text;
}

}  // namespace sandbox
