// Names of domains and hosts as configuration and shaping files have them.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/text.h"

namespace config {

// Lower case, without dots at the end.
inline std::string FoldName(std::string_view name) {
  while (!name.empty() && name.back() == '.') name.remove_suffix(1);
  return base::LowerAscii(name);
}

// Labels of letters, digits and inner hyphens; the last one not a number (RFC 5321 section 2.3.5).
bool IsDomainName(std::string_view name);

}  // namespace config
