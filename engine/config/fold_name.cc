#include "engine/config/fold_name.h"

#include <algorithm>

namespace config {
namespace {

bool IsLetterDigitOrHyphen(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

bool IsDomainName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::string_view label;
  for (std::size_t from = 0; from <= name.size(); from += label.size() + 1) {
    label = name.substr(from, name.find('.', from) - from);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), IsLetterDigitOrHyphen)) return false;
  }
  return label.find_first_not_of("0123456789") != std::string_view::npos;
}

}  // namespace config
