#include "engine/message/header_encoding.h"

#include <algorithm>
#include <array>

#include "engine/base/text.h"
#include "engine/message/transfer_encoding.h"

namespace message {
namespace {

constexpr std::size_t kLine = 78;
constexpr std::size_t kEncodedLine = 76;  // RFC 2047 section 2: a line that holds an encoded-word.
constexpr std::size_t kLongestKept = 900;
constexpr std::size_t kLongestGap = 60;  // Runs of spaces beyond this are kept by encoding them.
constexpr std::string_view kFold = "\r\n ";
constexpr std::string_view kEncodedStart = "=?utf-8?";
constexpr std::size_t kAroundEncoded = kEncodedStart.size() + 2 + 2;  // The letter with its "?", and "?=".
constexpr char kHex[] = "0123456789ABCDEF";

constexpr bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsAtext(char c) {
  return IsAlnum(c) || (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// Octets of the UTF-8 character at `i`; 0: the byte there begins none.
std::size_t CharacterAt(std::string_view text, std::size_t i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  return text.size() - i >= length && base::IsUtf8(text.substr(i, length)) ? length : 0;
}

// RFC 2047 section 5 (3): what stands for itself in a Q encoded-word, even in a phrase.
bool IsQLiteral(char c) { return IsAlnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/'; }

std::size_t QSize(std::string_view text) {
  std::size_t size = 0;
  for (char c : text) size += IsQLiteral(c) || c == ' ' ? 1 : 3;
  return size;
}

// Of the text of one encoded-word, in the shorter encoding.
std::size_t EncodedSize(std::string_view text) { return std::min(QSize(text), Base64Size(text.size())); }

void AppendQ(std::string_view text, std::string& out) {
  for (char c : text) {
    if (c == ' ') {
      out.push_back('_');
    } else if (IsQLiteral(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      const char encoded[] = {'=', kHex[byte >> 4], kHex[byte & 15]};
      out.append(encoded, 3);
    }
  }
}

// How many octets at the front of `text`, of whole characters, take at most `room` octets in the encoding.
std::size_t FittingPrefix(std::string_view text, bool q, std::size_t room) {
  std::size_t end = 0;
  std::size_t used = 0;
  while (end < text.size()) {
    const std::size_t length = std::max<std::size_t>(CharacterAt(text, end), 1);
    used = q ? used + QSize(text.substr(end, length)) : Base64Size(end + length);
    if (used > room) break;
    end += length;
  }
  return end;
}

// Whether the text can be folded as it is: every word, with the spaces before it, fits into a line, and the first one
// behind what is on the line already. (A fold before the first word would look like a space at the start of the text to
// some readers.)
bool CanFold(std::string_view text, std::size_t column, std::size_t line) {
  if (column + 1 + std::min(text.find(' '), text.size()) > line) return false;
  std::size_t gap = 1;
  std::size_t word = 0;
  for (char c : text) {
    if (c != ' ') {
      ++word;
    } else if (word > 0) {
      gap = 1;
      word = 0;
    } else {
      ++gap;
    }
    if (gap + word > line || gap > kLongestGap) return false;
  }
  return true;
}

// Appends `text`, folded at its spaces, all of which are kept.
std::size_t AppendFolded(std::string_view text, std::size_t column, std::string& out) {
  std::size_t i = 0;
  std::size_t gap = 1;  // The space that goes before the first word.
  while (i < text.size()) {
    const std::size_t word_begin = std::min(text.find_first_not_of(' ', i), text.size());
    gap += word_begin - i;
    const std::size_t word_end = std::min(text.find(' ', word_begin), text.size());
    const std::size_t length = gap + (word_end - word_begin);
    if (i > 0 && column + length > kLine) {
      out.append("\r\n");
      column = 0;
    }
    out.append(gap, ' ').append(text, word_begin, word_end - word_begin);
    column += length;
    gap = 0;
    i = word_end;
  }
  return column;
}

bool IsAtoms(std::string_view text) {
  return text.find("  ") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || IsAtext(c); });
}

std::size_t QuotedSize(std::string_view text) {
  return text.size() + 2 + static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
           return c == '"' || c == '\\';
         }));
}

void AppendQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// Appends what goes before a word of so many octets, a space or a fold.
std::size_t AppendGap(std::size_t size, std::size_t column, std::string& out, std::size_t line = kLine) {
  if (column > 1 && column + 1 + size > line) {
    out.append(kFold);
    return 1;
  }
  out.push_back(' ');
  return column + 1;
}

bool IsDomainName(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '.'; });
}

bool IsLocalPart(std::string_view text, bool utf8_allowed) {
  if (text.empty() || text.size() > 64) return false;
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAtext(c) || c == '.' || (utf8_allowed && static_cast<unsigned char>(c) >= 0x80);
  });
}

using OctetSet = std::array<bool, 256>;

constexpr OctetSet kUriOctets = [] {
  OctetSet set{};
  for (std::size_t octet = '!'; octet <= '~'; ++octet) set[octet] = true;
  for (const char c : std::string_view("\"<>\\^`{|}")) set[static_cast<std::size_t>(c)] = false;
  return set;
}();
constexpr OctetSet kUnreservedOctets = [] {
  OctetSet set{};
  for (std::size_t octet = '0'; octet <= 'z'; ++octet) set[octet] = IsAlnum(static_cast<char>(octet));
  for (const char c : std::string_view("-._~")) set[static_cast<std::size_t>(c)] = true;
  return set;
}();

// Appends `text` with each octet that is not in `kept` percent-encoded.
void AppendPercentExcept(const OctetSet& kept, std::string_view text, std::string& out) {
  while (!text.empty()) {
    const auto end =
        std::find_if(text.begin(), text.end(), [&](char c) { return !kept[static_cast<unsigned char>(c)]; });
    const auto size = static_cast<std::size_t>(end - text.begin());
    out.append(text, 0, size);
    if (size == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[size]);
    const char encoded[] = {'%', kHex[byte >> 4], kHex[byte & 15]};
    out.append(encoded, 3);
    text.remove_prefix(size + 1);
  }
}

}  // namespace

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void AppendCleanText(std::string_view text, std::string& out) {
  const std::size_t begin = out.size();
  const auto plain_end = std::find_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
  const auto plain = static_cast<std::size_t>(plain_end - text.begin());
  out.append(text, 0, plain);
  for (std::size_t i = plain; i < text.size();) {
    std::size_t run = 0;
    while (i + run < text.size()) {
      const std::size_t control = base::ControlAt(text, i + run);
      if (control == 0) break;
      run += control;
    }
    if (run > 0) {
      out.push_back(' ');
      i += run;
    } else if (const std::size_t length = CharacterAt(text, i); length > 0) {
      out.append(text, i, length);
      i += length;
    } else {
      out.append("\xEF\xBF\xBD");
      ++i;
    }
  }
  while (out.size() > begin && out.back() == ' ') out.pop_back();
  out.erase(begin, std::min(out.find_first_not_of(' ', begin), out.size()) - begin);
}

std::size_t AppendWord(std::string_view word, std::size_t column, std::string& out) {
  column = AppendGap(word.size(), column, out);
  out.append(word);
  return column + word.size();
}

std::size_t AppendEncodedWords(std::string_view text, std::size_t column, std::string& out) {
  const bool q = QSize(text) <= Base64Size(text.size());
  while (!text.empty()) {
    const std::size_t used = column + 1 + kAroundEncoded;
    std::size_t take = used < kEncodedLine ? FittingPrefix(text, q, kEncodedLine - used) : 0;
    if (take == 0) {
      out.append("\r\n");
      column = 0;
      take = FittingPrefix(text, q, kEncodedLine - 1 - kAroundEncoded);
    }
    const std::size_t begin = out.size();
    out.push_back(' ');
    out.append(kEncodedStart).append(q ? "Q?" : "B?");
    if (q) {
      AppendQ(text.substr(0, take), out);
    } else {
      AppendBase64(text.substr(0, take), out);
    }
    out.append("?=");
    column += out.size() - begin;
    text.remove_prefix(take);
  }
  return column;
}

std::size_t AppendUnstructured(std::string_view text, std::size_t column, bool keep_long_words, std::string& out) {
  const bool as_it_is = IsAscii(text) && text.find("=?") == std::string_view::npos &&
                        CanFold(text, column, keep_long_words ? kLongestKept : kLine);
  return as_it_is ? AppendFolded(text, column, out) : AppendEncodedWords(text, column, out);
}

std::size_t AppendMailbox(std::string_view name, std::string_view address, std::size_t column, std::string& out) {
  if (name.empty()) return AppendWord(address, column, out);
  const bool plain = IsAscii(name) && name.find("=?") == std::string_view::npos;
  std::size_t line = kLine;
  if (plain && IsAtoms(name) && CanFold(name, column, kLine)) {
    column = AppendFolded(name, column, out);
  } else if (const std::size_t size = QuotedSize(name); plain && size < kLine) {
    column = AppendGap(size, column, out) + size;
    AppendQuoted(name, out);
  } else {
    // One encoded-word is better than two: some readers put a space between the words of a phrase.
    const std::size_t whole = EncodedSize(name) + kAroundEncoded;
    if (column + 1 + whole > kEncodedLine && 1 + whole <= kEncodedLine) {
      out.append("\r\n");
      column = 0;
    }
    column = AppendEncodedWords(name, column, out);
    line = kEncodedLine;
  }
  const std::size_t size = address.size() + 2;
  column = AppendGap(size, column, out, line) + size;
  out.append("<").append(address).append(">");
  return column;
}

void AppendUri(std::string_view text, std::string& out) { AppendPercentExcept(kUriOctets, text, out); }

void AppendPercentEncoded(std::string_view text, std::string& out) {
  AppendPercentExcept(kUnreservedOctets, text, out);
}

bool IsPlainAddress(std::string_view text, bool utf8_allowed) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.size() > 254) return false;
  return IsLocalPart(text.substr(0, at), utf8_allowed) && IsDomainName(text.substr(at + 1));
}

bool IsHarmlessAddress(std::string_view text, bool utf8_allowed) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() || text.size() > 320) return false;
  if (base::HasControl(text)) return false;
  return utf8_allowed ? base::IsUtf8(text) : IsAscii(text);
}

}  // namespace message
