#include "engine/base/terminal_text.h"

#include <algorithm>

#include "engine/base/text.h"

namespace base {

std::size_t DirectionControlAt(std::string_view text, std::size_t i) {
  const std::string_view two = text.substr(i, 2), three = text.substr(i, 3);
  if (two == "\xD8\x9C") return 2;
  const bool is_mark = three == "\xE2\x80\x8E" || three == "\xE2\x80\x8F";
  const bool is_embedding = three >= "\xE2\x80\xAA" && three <= "\xE2\x80\xAE";
  const bool is_isolate = three >= "\xE2\x81\xA6" && three <= "\xE2\x81\xA9";
  return three.size() == 3 && (is_mark || is_embedding || is_isolate) ? 3 : 0;
}

std::string Harmless(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    const std::string_view character = text.substr(i, length);
    if (character.size() < length || !IsUtf8(character)) {
      out.push_back('?');
      ++i;
      continue;
    }
    const bool is_kept = length == 1 && kept.find(text[i]) != std::string_view::npos;
    const bool is_control = ControlAt(text, i) > 0 || DirectionControlAt(text, i) > 0;
    out.append(is_control && !is_kept ? " " : character);
    i += length;
  }
  return out;
}

}  // namespace base
