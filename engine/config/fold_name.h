// Names of domains and hosts as shaping files compare them.
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

}  // namespace config
