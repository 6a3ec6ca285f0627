#include "tools/sandbox/smtp_syntax.h"

#include "engine/base/ip_address.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::size_t kLocalPartMax = 64;
constexpr std::size_t kDomainMax = 255;
constexpr std::size_t kMailboxMax = 254;  // A path of 256, with its angle brackets.
constexpr std::size_t kLabelMax = 63;

bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool IsUtf8Byte(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool IsAtext(char c) { return IsAlnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos; }

bool IsDotString(std::string_view text, bool allow_utf8) {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.') {
      if (after_dot) return false;
      after_dot = true;
    } else {
      if (!IsAtext(c) && !(allow_utf8 && IsUtf8Byte(c))) return false;
      after_dot = false;
    }
  }
  return !after_dot;
}

bool IsQuotedString(std::string_view text, bool allow_utf8) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\';
    if (escaped && ++i == text.size()) return false;
    const char c = text[i];
    const bool printable = (c >= ' ' && c <= '~') || (allow_utf8 && IsUtf8Byte(c));
    if (!printable || (c == '"' && !escaped)) return false;
  }
  return true;
}

bool IsLabel(std::string_view label, bool allow_utf8) {
  if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-') return false;
  for (const char c : label) {
    // The underscore is not in the grammar, but in names that receive mail.
    if (!IsAlnum(c) && c != '-' && c != '_' && !(allow_utf8 && IsUtf8Byte(c))) return false;
  }
  return true;
}

bool IsAddressLiteral(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  if (base::StartsWithIgnoreCase(text, "IPv6:")) {
    const auto address = base::IpAddress::Parse(text.substr(5));
    return address && address->IsV6();
  }
  const auto address = base::IpAddress::Parse(text);
  return address && !address->IsV6();
}

bool IsDomain(std::string_view text, bool allow_utf8) {
  if (text.empty() || text.size() > kDomainMax) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    if (!IsLabel(text.substr(0, dot), allow_utf8)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// Where the mailbox that begins at 0 ends, at its closing bracket outside quotes.
std::size_t FindClosingBracket(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '>' && !quoted) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<PathArgument> ParsePathArgument(std::string_view argument, std::string_view keyword) {
  if (!base::StartsWithIgnoreCase(argument, keyword)) return std::nullopt;
  argument.remove_prefix(keyword.size());
  if (argument.empty() || argument.front() != '<') return std::nullopt;
  argument.remove_prefix(1);
  const std::size_t end = FindClosingBracket(argument);
  if (end == std::string_view::npos) return std::nullopt;
  PathArgument path{argument.substr(0, end), argument.substr(end + 1)};
  if (!path.parameters.empty()) {
    if (path.parameters.front() != ' ' || path.parameters.size() == 1) return std::nullopt;
    path.parameters.remove_prefix(1);
  }
  return path;
}

bool IsMailbox(std::string_view text, bool allow_utf8) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || text.size() > kMailboxMax) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (local.size() > kLocalPartMax || (allow_utf8 && !base::IsUtf8(text))) return false;
  if (!IsDotString(local, allow_utf8) && !IsQuotedString(local, allow_utf8)) return false;
  return IsDomain(domain, allow_utf8) || IsAddressLiteral(domain);
}

bool IsHelloName(std::string_view text) { return IsDomain(text, false) || IsAddressLiteral(text); }

std::optional<Parameter> TakeParameter(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  const std::string_view word = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  if (space != std::string_view::npos && rest.empty()) return std::nullopt;
  const std::size_t equals = word.find('=');
  Parameter parameter{word.substr(0, equals), std::nullopt};
  if (equals != std::string_view::npos) parameter.value = word.substr(equals + 1);
  if (parameter.keyword.empty() || !IsAlnum(parameter.keyword.front())) return std::nullopt;
  for (const char c : parameter.keyword) {
    if (!IsAlnum(c) && c != '-') return std::nullopt;
  }
  if (parameter.value) {
    if (parameter.value->empty() || parameter.value->find('=') != std::string_view::npos) return std::nullopt;
  }
  return parameter;
}

std::optional<ChunkArgument> ParseChunkArgument(std::string_view argument) {
  const std::size_t space = argument.find(' ');
  const auto size = base::ParseInteger<std::uint64_t>(argument.substr(0, space));
  if (!size) return std::nullopt;
  ChunkArgument chunk{*size, false};
  if (space != std::string_view::npos) {
    if (!base::EqualsIgnoreCase(argument.substr(space + 1), "LAST")) return std::nullopt;
    chunk.last = true;
  }
  return chunk;
}

}  // namespace sandbox
