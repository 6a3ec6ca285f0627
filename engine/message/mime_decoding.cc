#include "engine/message/mime_decoding.h"

#include <algorithm>
#include <cstdint>

#include "engine/base/text.h"

namespace message {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::ToLowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int Base64Digit(char c) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t digit = kDigits.find(c);
  return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Appends the byte of "=XX" at `i`.
bool AppendHexByte(std::string_view text, std::size_t i, std::string& out) {
  if (text.size() - i < 3) return false;
  const int high = HexDigit(text[i + 1]);
  const int low = HexDigit(text[i + 2]);
  if (high < 0 || low < 0) return false;
  out.push_back(static_cast<char>(high * 16 + low));
  return true;
}

// The Q encoding of RFC 2047 section 4.2.
std::optional<std::string> DecodeQ(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out.push_back(' ');
    } else if (text[i] != '=') {
      out.push_back(text[i]);
    } else if (AppendHexByte(text, i, out)) {
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

struct EncodedWord {
  std::string_view charset, encoding, content;
  std::size_t size = 0;
};

// The encoded-word at the front of `text`; nullopt: there is none.
std::optional<EncodedWord> EncodedWordAt(std::string_view text) {
  if (text.substr(0, 2) != "=?") return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || text.size() < charset_end + 3 || text[charset_end + 2] != '?') {
    return std::nullopt;
  }
  const std::size_t content = charset_end + 3;
  const std::size_t end = text.find("?=", content);
  if (end == std::string_view::npos || text.substr(0, end).find(' ') != std::string_view::npos) return std::nullopt;
  return EncodedWord{text.substr(2, charset_end - 2), text.substr(charset_end + 1, 1),
                     text.substr(content, end - content), end + 2};
}

std::optional<std::string> Decode(const EncodedWord& word) {
  const std::string_view charset = word.charset.substr(0, word.charset.find('*'));  // RFC 2231 section 5: a language.
  if (!base::EqualsIgnoreCase(charset, "utf-8") && !base::EqualsIgnoreCase(charset, "us-ascii")) return std::nullopt;
  if (base::EqualsIgnoreCase(word.encoding, "Q")) return DecodeQ(word.content);
  if (base::EqualsIgnoreCase(word.encoding, "B")) return DecodeBase64(word.content);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (char c : text) {
    if (IsBlank(c) || c == '\r' || c == '\n') continue;
    const int digit = Base64Digit(c);
    if (c == '=') {
      ++padding;
    } else if (digit < 0 || padding > 0) {
      return std::nullopt;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(c == '=' ? 0 : digit);
    if (++digits % 4 != 0) continue;
    for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  if (digits % 4 != 0 || padding > 2 || padding > digits) return std::nullopt;
  out.erase(out.size() - padding);
  return out;
}

std::optional<std::string> DecodeQuotedPrintable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsBlank(text[i])) {  // At a line's end blanks came on the way (RFC 2045 section 6.7 (3)).
      const std::size_t next = text.find_first_not_of(" \t", i);
      if (next == std::string_view::npos) break;
      if (text[next] == '\r' || text[next] == '\n') {
        i = next - 1;
        continue;
      }
    }
    if (text[i] != '=') {
      out.push_back(text[i]);
      continue;
    }
    const std::size_t next = text.find_first_not_of(" \t", i + 1);
    if (next == std::string_view::npos) break;
    if (text.substr(next, 2) == "\r\n") {
      i = next + 1;
    } else if (AppendHexByte(text, i, out)) {
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string> DecodeHeaderText(std::string_view text) {
  std::string out;
  bool after_word = false;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t word_begin = std::min(text.find_first_not_of(" \t", i), text.size());
    const std::string_view gap = text.substr(i, word_begin - i);
    const std::optional<EncodedWord> word = EncodedWordAt(text.substr(word_begin));
    if (!(word.has_value() && after_word)) out.append(gap);  // RFC 2047 section 6.2.
    after_word = word.has_value();
    if (word.has_value()) {
      const std::optional<std::string> decoded = Decode(*word);
      if (!decoded.has_value()) return std::nullopt;
      out.append(*decoded);
      i = word_begin + word->size;
    } else {
      i = std::min(text.find_first_of(" \t", word_begin), text.size());
      out.append(text.substr(word_begin, i - word_begin));
    }
  }
  return base::IsUtf8(out) ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace message
