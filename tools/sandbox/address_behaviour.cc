#include "tools/sandbox/address_behaviour.h"

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "5.1.1" with the class of the reply.
bool IsEnhancedCode(std::string_view text, char reply_class) {
  if (text.size() < 5 || text[0] != reply_class || text[1] != '.') return false;
  int dots = 0;
  bool after_dot = false;
  for (const char c : text) {
    if (!IsDigit(c) && (c != '.' || after_dot)) return false;
    after_dot = c == '.';
    dots += after_dot ? 1 : 0;
  }
  return dots == 2 && !after_dot;
}

}  // namespace

std::string ReplyAskedByAddress(std::string_view recipient) {
  const std::size_t at = recipient.rfind('@');
  const std::string_view local = recipient.substr(0, at);
  if (base::EqualsIgnoreCase(local, "tempfail")) return "450 4.2.1 Mailbox busy, as its name says";
  if (base::EqualsIgnoreCase(local, "permfail")) return "550 5.1.1 No such user, as its name says";
  const bool coded = local.size() >= 4 && (local[0] == '4' || local[0] == '5') && IsDigit(local[1]) &&
                     IsDigit(local[2]) && local[3] == '-';
  if (!coded) return "";
  const std::string_view code = local.substr(0, 3);
  std::string_view enhanced = local.substr(4);
  enhanced = enhanced.substr(0, enhanced.find('-'));
  const std::string general = absl::StrCat(base::AbslView(code.substr(0, 1)), ".0.0");
  if (!IsEnhancedCode(enhanced, code[0])) enhanced = general;
  return absl::StrCat(base::AbslView(code), " ", base::AbslView(enhanced), " As the address asks");
}

}  // namespace sandbox
