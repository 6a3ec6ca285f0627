#include "engine/smtp/base64.h"

#include "absl/strings/escaping.h"
#include "engine/base/text.h"

namespace smtp {

std::string ToBase64(std::string_view bytes) { return absl::Base64Escape(base::AbslView(bytes)); }

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  // Abseil reads more than one spelling; only one is right.
  if (!absl::Base64Unescape(base::AbslView(text), &bytes) || ToBase64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace smtp
