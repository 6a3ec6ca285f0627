#include "dns/name.h"

#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::size_t kLabelMax = 63;  // RFC 1035 section 2.3.4.
constexpr std::size_t kNameMax = 253;  // As text; 255 bytes in a message.
constexpr std::size_t kWireNameMax = 255;
constexpr unsigned kPointerBits = 0xC0;

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Of a label: whether it is written as it is.
bool IsPlain(char c) { return c > ' ' && c <= '~' && c != '.' && c != '\\'; }

void AppendByte(char c, std::string& name) {
  if (IsPlain(c)) {
    name.push_back(base::ToLowerAscii(c));
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  name.push_back('\\');
  name.push_back(static_cast<char>('0' + byte / 100));
  name.push_back(static_cast<char>('0' + byte / 10 % 10));
  name.push_back(static_cast<char>('0' + byte % 10));
}

// Appends a label from a message as text.
void AppendLabel(std::string_view label, std::string& name) {
  if (!name.empty()) name.push_back('.');
  for (const char c : label) AppendByte(c, name);
}

// The byte that `text`, which begins with a backslash, stands for. Nullopt: none.
std::optional<char> ReadEscape(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  const std::optional<unsigned> value = base::ParseInteger<unsigned>(text.substr(1, 3));
  if (!value.has_value() || *value > 255) return std::nullopt;
  return static_cast<char>(*value);
}

// Takes the first byte of a label off the text. Nullopt: it is not in the form of names.
std::optional<char> TakeByte(std::string_view& text) {
  if (text.front() != '\\') {
    const char c = text.front();
    if (!IsPlain(c)) return std::nullopt;
    text.remove_prefix(1);
    return c;
  }
  const std::optional<char> byte = ReadEscape(text);
  if (byte.has_value()) text.remove_prefix(4);
  return byte;
}

}  // namespace

std::optional<std::string> NormalizeName(std::string_view name) {
  if (name == ".") return std::string();  // The root, as "" is.
  std::string normal;
  std::size_t label = 0, wire_size = 1;
  while (!name.empty()) {
    if (name.front() == '.') {
      if (label == 0) return std::nullopt;
      name.remove_prefix(1);
      if (name.empty()) return normal;  // The final dot.
      normal.push_back('.');
      label = 0;
      continue;
    }
    const std::optional<char> byte = TakeByte(name);
    if (!byte.has_value()) return std::nullopt;
    wire_size += label == 0 ? 2 : 1;
    if (++label > kLabelMax || wire_size > kWireNameMax) return std::nullopt;
    AppendByte(*byte, normal);
  }
  if (label == 0 && !normal.empty()) return std::nullopt;
  return normal;
}

std::string NameFromBytes(std::string_view bytes) {
  std::string name;
  for (const char c : bytes) c == '.' ? name.push_back(c) : AppendByte(c, name);
  return name;
}

bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (IsLetterOrDigit(c) || c == '-' || c == '_') {
      if (++label > kLabelMax) return false;
    } else {
      return false;
    }
  }
  if (label == 0) return false;
  const std::size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  if (last == "localhost" || name == "localhost.localdomain") return false;
  return last.find_first_not_of("0123456789") !=
         std::string_view::npos;  // No top-level domain is a number: an address.
}

std::optional<std::string> ReadName(std::string_view message, std::size_t& offset) {
  std::string name;
  std::size_t at = offset;
  std::size_t wire_size = 1;
  std::size_t earliest = offset;  // Pointers must lead before everything read so far: each step shortens the rest.
  std::optional<std::size_t> behind;
  while (true) {
    if (at >= message.size()) return std::nullopt;
    const auto length = static_cast<unsigned char>(message[at]);
    if (length == 0) break;
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 1 >= message.size()) return std::nullopt;
      const std::size_t target =
          (static_cast<std::size_t>(length & ~kPointerBits) << 8) | static_cast<unsigned char>(message[at + 1]);
      if (target >= earliest) return std::nullopt;
      if (!behind.has_value()) behind = at + 2;
      earliest = target;
      at = target;
      continue;
    }
    if (length > kLabelMax || message.size() - at <= length) return std::nullopt;
    wire_size += std::size_t{1} + length;
    if (wire_size > kWireNameMax) return std::nullopt;
    AppendLabel(message.substr(at + 1, length), name);
    at += std::size_t{1} + length;
  }
  offset = behind.value_or(at + 1);
  return name;
}

bool AppendName(std::string_view name, std::string& message) {
  const std::optional<std::string> normal = NormalizeName(name);
  if (!normal.has_value()) return false;
  std::string_view rest = *normal;
  while (!rest.empty()) {
    const std::size_t length_at = message.size();
    message.push_back('\0');
    while (!rest.empty() && rest.front() != '.') message.push_back(*TakeByte(rest));
    message[length_at] = static_cast<char>(message.size() - length_at - 1);
    if (!rest.empty()) rest.remove_prefix(1);
  }
  message.push_back('\0');
  return true;
}

}  // namespace dns
