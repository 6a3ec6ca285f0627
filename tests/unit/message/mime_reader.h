// Reads messages back, for tests: an independent and strict reading of RFC 5322 lines, RFC 2045 encodings and RFC 2047
// words.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace message::testing {

// What is wrong with the bytes as they would go over the wire; empty: nothing.
inline std::string WireFault(std::string_view bytes, bool utf8_allowed) {
  std::size_t line = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (bytes[i] == '\n') return "a bare LF at " + std::to_string(i);
    if (bytes[i] == '\r') {
      if (i + 1 == bytes.size() || bytes[i + 1] != '\n') return "a bare CR at " + std::to_string(i);
      line = 0;
      ++i;
      continue;
    }
    if (byte == 0) return "a NUL at " + std::to_string(i);
    if (byte >= 0x80 && !utf8_allowed) return "an 8-bit byte at " + std::to_string(i);
    if (++line > 998) return "a line beyond 998 octets at " + std::to_string(i);
  }
  return line == 0 ? "" : "no CRLF at the end";
}

inline std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  int padding = 0;
  for (char c : text) {
    if (c == '\r' || c == '\n') continue;
    const std::size_t digit = kDigits.find(c);
    if (c == '=') {
      ++padding;
    } else if (digit == std::string_view::npos || padding > 0) {
      return std::nullopt;
    }
    bits = bits << 6 | (c == '=' ? 0U : static_cast<std::uint32_t>(digit));
    if (++count % 4 == 0) {
      out.push_back(static_cast<char>(bits >> 16 & 255));
      out.push_back(static_cast<char>(bits >> 8 & 255));
      out.push_back(static_cast<char>(bits & 255));
      bits = 0;
    }
  }
  if (count % 4 != 0 || padding > 2) return std::nullopt;
  out.resize(out.size() - static_cast<std::size_t>(padding));
  return out;
}

inline int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;  // RFC 2045 section 6.7 (1): upper case.
}

// Nullopt: a line beyond 76, a stray "=", a raw byte that must be encoded, or a blank before a line's end.
inline std::optional<std::string> DecodeQuotedPrintable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.substr(i, 2) == "\r\n") {
      if (column > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t')) return std::nullopt;
      out.append("\r\n");
      column = 0;
      ++i;
      continue;
    }
    if (text.substr(i, 3) == "=\r\n") {
      if (column + 1 > 76) return std::nullopt;
      column = 0;
      i += 2;
      continue;
    }
    if (c == '=') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
      column += 3;
    } else {
      if (c != '\t' && (c < ' ' || c > '~')) return std::nullopt;
      if (column == 0 && (c == '.' || text.substr(i, 5) == "From ")) return std::nullopt;
      out.push_back(c);
      ++column;
    }
    if (column > 76) return std::nullopt;
  }
  if (column > 0 && (text.back() == ' ' || text.back() == '\t')) return std::nullopt;
  return out;
}

// One encoded-word at the front of `text`, decoded; nullopt: there is none. Its length goes to `size`.
inline std::optional<std::string> DecodeWordAt(std::string_view text, std::size_t& size) {
  if (text.substr(0, 8) != "=?utf-8?" || text.size() < 10 || text[9] != '?') return std::nullopt;
  const std::size_t end = text.find("?=", 10);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view body = text.substr(10, end - 10);
  if (body.find(' ') != std::string_view::npos) return std::nullopt;
  size = end + 2;
  if (size > 75) return std::nullopt;
  if (text[8] == 'B') return DecodeBase64(body);
  std::string with_spaces(body);
  for (char& c : with_spaces) {
    if (c == '_') c = ' ';
  }
  std::string out;
  for (std::size_t i = 0; i < with_spaces.size(); ++i) {
    if (with_spaces[i] != '=') {
      out.push_back(with_spaces[i]);
      continue;
    }
    if (with_spaces.size() - i < 3) return std::nullopt;
    out.push_back(static_cast<char>(HexDigit(with_spaces[i + 1]) * 16 + HexDigit(with_spaces[i + 2])));
    i += 2;
  }
  return out;
}

// A field's value without its folds (RFC 5322 section 2.2.3) and the spaces at its ends.
inline std::string Unfold(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value.substr(i, 2) == "\r\n") {
      ++i;
    } else {
      out.push_back(value[i]);
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  out.erase(0, std::min(out.find_first_not_of(' '), out.size()));
  return out;
}

// Text with its encoded-words decoded; the space between two of them goes (RFC 2047 section 6.2).
inline std::string DecodeWords(std::string_view text) {
  std::string out;
  bool after_word = false;
  std::size_t spaces = 0;
  while (!text.empty()) {
    std::size_t size = 0;
    if (text[0] == ' ') {
      ++spaces;
      text.remove_prefix(1);
      continue;
    }
    const std::optional<std::string> word = DecodeWordAt(text, size);
    if (!(word.has_value() && after_word)) out.append(spaces, ' ');
    spaces = 0;
    if (word.has_value()) {
      out.append(*word);
    } else {
      size = std::min(text.find(' '), text.size());
      out.append(text, 0, size);
    }
    after_word = word.has_value();
    text.remove_prefix(size);
  }
  return out.append(spaces, ' ');
}

struct Entity {
  std::vector<std::pair<std::string, std::string>> fields;  // Names, and values unfolded.
  std::string body;

  std::size_t Count(std::string_view name) const {
    std::size_t count = 0;
    for (const auto& field : fields) count += field.first == name ? 1 : 0;
    return count;
  }
  std::string Get(std::string_view name) const {
    for (const auto& field : fields) {
      if (field.first == name) return field.second;
    }
    return "(no such field)";
  }
};

// Nullopt: a line of the header section is neither a field nor a fold with text.
inline std::optional<Entity> ReadEntity(std::string_view bytes) {
  Entity entity;
  while (true) {
    if (bytes.substr(0, 2) == "\r\n") {
      entity.body = bytes.substr(2);
      return entity;
    }
    std::size_t end = bytes.find("\r\n");
    while (end != std::string_view::npos && end + 2 < bytes.size() && bytes[end + 2] == ' ') {
      const std::size_t next = bytes.find("\r\n", end + 2);
      if (next == std::string_view::npos ||
          bytes.substr(end + 2, next - end - 2).find_first_not_of(' ') == std::string_view::npos) {
        return std::nullopt;
      }
      end = next;
    }
    if (end == std::string_view::npos) return std::nullopt;
    const std::size_t colon = bytes.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > end) return std::nullopt;
    const std::string_view name = bytes.substr(0, colon);
    if (name.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
    entity.fields.emplace_back(name, Unfold(bytes.substr(colon + 1, end - colon - 1)));
    bytes.remove_prefix(end + 2);
  }
}

// The content by its Content-Transfer-Encoding.
inline std::optional<std::string> DecodedBody(const Entity& entity) {
  const std::string encoding = entity.Get("Content-Transfer-Encoding");
  if (encoding == "quoted-printable") return DecodeQuotedPrintable(entity.body);
  if (encoding == "base64") return DecodeBase64(entity.body);
  if (encoding != "7bit") return std::nullopt;
  return entity.body;
}

// The parts of a multipart body (RFC 2046 section 5.1.1). Nullopt: it is not closed, or the type names no boundary.
inline std::optional<std::vector<Entity>> ReadParts(const Entity& entity) {
  const std::string type = entity.Get("Content-Type");
  const std::size_t quote = type.find("boundary=\"");
  if (quote == std::string::npos) return std::nullopt;
  const std::string boundary = "--" + type.substr(quote + 10, type.size() - quote - 11);
  std::vector<Entity> parts;
  std::string body = "\r\n" + entity.body;
  const std::string delimiter = "\r\n" + boundary;
  std::size_t begin = body.find(delimiter);
  while (begin != std::string::npos) {
    begin += delimiter.size();
    if (body.compare(begin, std::string::npos, "--\r\n") == 0) return parts;
    const std::size_t end = body.find(delimiter, begin);
    if (body.compare(begin, 2, "\r\n") != 0 || end == std::string::npos) return std::nullopt;
    std::optional<Entity> part = ReadEntity(std::string_view(body).substr(begin + 2, end - begin - 2));
    if (!part.has_value()) return std::nullopt;
    parts.push_back(*std::move(part));
    begin = end;
  }
  return std::nullopt;
}

}  // namespace message::testing
