// Makes message content transparent for DATA: a line that begins with a dot gains one (RFC 5321 section 4.5.2).
#pragma once

#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace smtp {

// Appends the pieces of `content`, with dots added as pieces of their own, and the end of data (".", after a CRLF where
// the content lacks its last one) to `out`. The pieces borrow from `content`. Lines may span pieces.
void AppendDotStuffed(absl::Span<const std::string_view> content, std::vector<std::string_view>& out);

}  // namespace smtp
