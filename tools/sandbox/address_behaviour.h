// Recipients whose address says how the sink treats them: tempfail@, permfail@, 450-anything@, 550-5.1.1-anything@.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace sandbox {

// The reply that the local part asks for; "" when it asks for none.
std::string ReplyAskedByAddress(std::string_view recipient);

}  // namespace sandbox
