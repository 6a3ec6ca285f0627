// The large mailbox providers, by the names of their mail exchangers: whom budgets and reports take together where no
// shaping file says anything else. They bring no limits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace config {

// The provider that all of these hosts belong to; "": none. Requires: lower case, without a final dot.
std::string_view KnownProvider(absl::Span<const std::string> hosts);

// All that there are, each once or more.
std::vector<std::string_view> KnownProviders();

}  // namespace config
