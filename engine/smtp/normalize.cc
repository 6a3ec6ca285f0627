#include "engine/smtp/normalize.h"

#include <algorithm>

#include "engine/base/text.h"

namespace smtp {
namespace {

constexpr std::size_t kTextMax = 200;

bool IsVariable(std::string_view word) {
  const bool has_digit = std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  const std::size_t dot = word.find('.');
  const bool dotted = dot != std::string_view::npos && dot + 1 < word.size() && dot > 0;
  return has_digit || dotted || word.find('@') != std::string_view::npos;
}

}  // namespace

std::string NormalizeReplyText(std::string_view text) {
  constexpr std::string_view kSeparators = " \t<>()[]{}\"',;:=";
  std::string out;
  while (!text.empty() && out.size() < kTextMax) {
    const std::size_t end = text.find_first_of(kSeparators);
    const std::string_view word = text.substr(0, end);
    out += IsVariable(word) ? "#" : base::LowerAscii(word);
    text.remove_prefix(word.size());
    if (text.empty()) break;
    if (!(text[0] == ' ' && !out.empty() && out.back() == ' ')) out.push_back(text[0]);
    text.remove_prefix(1);
  }
  if (out.size() > kTextMax) out.resize(kTextMax);
  return out;
}

}  // namespace smtp
