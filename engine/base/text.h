// Small text helpers that the standard library lacks. ASCII only: nothing here depends on a locale.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace base {

// The one bridge to Abseil functions that want absl::string_view, which is not the standard type in this Abseil.
inline absl::string_view AbslView(std::string_view text) { return absl::string_view(text.data(), text.size()); }

constexpr char ToLowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string LowerAscii(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);

// Without the space, TAB, CR and LF at both ends.
std::string_view TrimAscii(std::string_view text);

// Well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool IsUtf8(std::string_view text);

// Octets of the control character at `i` (C0, DEL, C1, the Unicode line and paragraph separators); 0: another character
// is there.
inline std::size_t ControlAt(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U; };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return 1;
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return 2;
  if (byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9)) return 3;
  return 0;
}
bool HasControl(std::string_view text);

// The whole of `text` as a decimal number. Nullopt: anything else, or out of range.
template <typename Integer>
std::optional<Integer> ParseInteger(std::string_view text) {
  Integer value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// How many single-character edits turn `a` into `b` (Levenshtein); for "did you mean".
std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, for "did you mean"; empty when none is near.
template <typename Range>
std::string_view Nearest(std::string_view word, const Range& candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() / 2 + 2;
  for (std::string_view candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace base
