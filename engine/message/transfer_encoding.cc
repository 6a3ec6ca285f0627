#include "engine/message/transfer_encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace message {
namespace {

constexpr std::size_t kQuotedLine = 75;  // One less than RFC 2045 section 6.7 (5): the soft break's "=" comes on top.
constexpr std::size_t kBase64Line = 76;
constexpr std::size_t kBase64LineBytes = kBase64Line / 4 * 3;
constexpr char kHex[] = "0123456789ABCDEF";

// By byte: 0 needs no care; 1 is CR or LF; 2 may not stand in 7bit text.
constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 256; ++c) {
    classes[c] = c == '\r' || c == '\n' ? 1 : c == '\t' || (c >= 0x20 && c < 0x7F) ? 0 : 2;
  }
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

// May stand for itself in quoted-printable (RFC 2045 section 6.7 (2) and (3)).
constexpr bool IsLiteral(char c) { return c == '\t' || (c >= ' ' && c <= '~' && c != '='); }

bool IsNewline(std::string_view text, std::size_t i) {
  return text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
}

bool AtEndOfLine(std::string_view text, std::size_t i) { return i + 1 == text.size() || IsNewline(text, i + 1); }

// How far from `i` on bytes stand for themselves and are not at the end of a line if blank.
std::size_t LiteralRun(std::string_view text, std::size_t i) {
  std::size_t end = i;
  while (end < text.size() && IsLiteral(text[end])) ++end;
  // Blanks before a line's end are not literal; blanks in front of an encoded byte are.
  if (end == text.size() || IsNewline(text, end)) {
    if (end > i && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  }
  return end - i;
}

}  // namespace

void AppendWithCrlf(std::string_view text, std::string& out) {
  std::size_t done = 0;
  while (true) {
    const std::size_t i = text.find_first_of("\r\n", done);
    if (i == std::string_view::npos) break;
    out.append(text, done, i - done).append("\r\n");
    done = IsNewline(text, i) ? i + 2 : i + 1;
  }
  out.append(text, done);
}

LineShape ShapeOf(std::string_view text) {
  LineShape shape;
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t byte_class = kClasses[static_cast<unsigned char>(text[i])];
    if (byte_class == 0) continue;
    if (byte_class == 2 || !IsNewline(text, i)) {
      shape.plain = false;
      return shape;
    }
    const std::size_t length = i - line_begin;
    if (shape.has_newline) {
      shape.longest = std::max(shape.longest, length);
    } else {
      shape.head = length;
      shape.has_newline = true;
    }
    line_begin = i + 2;
    ++i;
  }
  shape.tail = text.size() - line_begin;
  if (!shape.has_newline) shape.head = shape.tail;
  return shape;
}

void LineLengths::Add(const LineShape& shape) {
  if (!shape.plain || shape.longest > kMaxLine) fits_ = false;
  line_ += shape.head;
  if (!shape.has_newline) return;
  if (line_ > kMaxLine) fits_ = false;
  line_ = shape.tail;
}

std::size_t AppendQuotedPrintable(std::string_view text, std::size_t column, std::string& out) {
  const auto make_room = [&](std::size_t octets) {
    if (column + octets <= kQuotedLine) return;
    out.append("=\r\n");
    column = 0;
  };
  const auto encode = [&](char c) {
    make_room(3);
    const auto byte = static_cast<unsigned char>(c);
    const char encoded[] = {'=', kHex[byte >> 4], kHex[byte & 15]};
    out.append(encoded, 3);
    column += 3;
  };
  std::size_t i = 0;
  while (i < text.size()) {
    if (IsNewline(text, i)) {
      out.append("\r\n");
      column = 0;
      i += 2;
      continue;
    }
    const std::size_t run = LiteralRun(text, i);
    if (run == 0) {
      encode(text[i++]);
      continue;
    }
    const std::size_t end = i + run;
    while (i < end) {
      make_room(1);
      if (column == 0 && (text[i] == '.' || text.substr(i, 5) == "From ")) {
        encode(text[i++]);
        continue;
      }
      const std::size_t take = std::min(end - i, kQuotedLine - column);
      out.append(text, i, take);
      column += take;
      i += take;
    }
  }
  return column;
}

std::size_t QuotedPrintableSize(std::string_view text) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsNewline(text, i)) {
      size += 2;
      ++i;
    } else if (text[i] == ' ' || text[i] == '\t') {
      size += AtEndOfLine(text, i) ? 3 : 1;
    } else {
      size += IsLiteral(text[i]) ? 1 : 3;
    }
  }
  return size;
}

void AppendBase64(std::string_view bytes, std::string& out) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t begin = out.size();
  out.resize(begin + Base64Size(bytes.size()));
  char* to = out.data() + begin;
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3, to += 4) {
    to[0] = kDigits[from[0] >> 2];
    to[1] = kDigits[(from[0] & 3) << 4 | from[1] >> 4];
    to[2] = kDigits[(from[1] & 15) << 2 | from[2] >> 6];
    to[3] = kDigits[from[2] & 63];
  }
  if (left == 0) return;
  const unsigned second = left == 2 ? from[1] : 0U;
  to[0] = kDigits[from[0] >> 2];
  to[1] = kDigits[(from[0] & 3U) << 4 | second >> 4];
  to[2] = left == 2 ? kDigits[(second & 15) << 2] : '=';
  to[3] = '=';
}

void AppendBase64Lines(std::string_view bytes, std::string& out) {
  while (bytes.size() > kBase64LineBytes) {
    AppendBase64(bytes.substr(0, kBase64LineBytes), out);
    out.append("\r\n");
    bytes.remove_prefix(kBase64LineBytes);
  }
  AppendBase64(bytes, out);
}

}  // namespace message
