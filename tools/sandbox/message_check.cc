#include "tools/sandbox/message_check.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/text.h"
#include "tools/sandbox/message_text.h"

namespace sandbox {
namespace {

constexpr std::string_view kTokenBegin = "v1";
constexpr std::size_t kTokenSize = 34;  // With the begin.

bool IsBase32(char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); }
bool IsWordCharacter(char c) {
  return (base::ToLowerAscii(c) >= 'a' && base::ToLowerAscii(c) <= 'z') || (c >= '0' && c <= '9');
}

// The next token at or behind `at`, which moves behind it. Nullopt: there is none.
std::optional<std::string_view> NextToken(std::string_view text, std::size_t& at) {
  while ((at = text.find(kTokenBegin, at)) != std::string_view::npos) {
    const std::size_t begin = at;
    std::size_t end = begin + kTokenBegin.size();
    while (end < text.size() && IsBase32(text[end])) ++end;
    at = end;
    const bool whole =
        (begin == 0 || !IsWordCharacter(text[begin - 1])) && (end == text.size() || !IsWordCharacter(text[end]));
    if (whole && end - begin == kTokenSize) return text.substr(begin, end - begin);
  }
  return std::nullopt;
}

bool Contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

}  // namespace

std::string FromDomain(std::string_view from) {
  // The address is in the last angle brackets, or all there is. A display name may hold anything.
  const std::size_t open = from.rfind('<');
  std::string_view address = open == std::string_view::npos ? from : from.substr(open + 1);
  address = base::TrimAscii(address.substr(0, address.find('>')));
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? "" : base::LowerAscii(address.substr(at + 1));
}

bool IsAligned(std::string_view domain, std::string_view from_domain) {
  const auto is_under = [](std::string_view name, std::string_view parent) {
    if (!name.ends_with(parent) || parent.find('.') == std::string_view::npos) return false;
    return name.size() == parent.size() || name[name.size() - parent.size() - 1] == '.';
  };
  return is_under(domain, from_domain) || is_under(from_domain, domain);
}

bool MessageCheck::Accept(std::string_view content, const Transaction& transaction, base::WallTime now) {
  const ParsedMessage message = ParseMessage(content);
  const bool is_signed = CheckSignatures(message, now);
  return CheckTokens(message, transaction) && is_signed;
}

bool MessageCheck::CheckSignatures(const ParsedMessage& message, base::WallTime now) {
  const std::string from_domain = FromDomain(FindField(message, "From").value_or(""));
  bool all_valid = true;
  bool aligned = false;
  bool covers_list = !FindField(message, "List-Unsubscribe");
  for (const SignatureVerdict& verdict : verifier_.Verify(message, now.seconds())) {
    if (!verdict.valid()) {
      ++totals_.invalid;
      ++totals_.reasons[std::string(verdict.fault)];
      all_valid = false;
      continue;
    }
    ++totals_.valid;
    if (!IsAligned(verdict.domain, from_domain)) continue;
    aligned = true;
    // RFC 8058 §4: a receiver believes in one click only where both are signed.
    covers_list |=
        Contains(verdict.signed_fields, "list-unsubscribe") &&
        (!FindField(message, "List-Unsubscribe-Post") || Contains(verdict.signed_fields, "list-unsubscribe-post"));
  }
  if (!aligned) ++totals_.missing;
  if (aligned && !covers_list) ++totals_.reasons["List-Unsubscribe or List-Unsubscribe-Post is not signed"];
  return all_valid && aligned && covers_list;
}

bool MessageCheck::CheckTokens(const ParsedMessage& message, const Transaction& transaction) {
  std::size_t at = 0;
  const std::string_view id = FindField(message, "Message-ID").value_or("");
  const std::optional<std::string_view> own = NextToken(id, at);
  if (!own) return true;  // It is not one of ours.
  bool found = false;
  bool foreign = false;
  const std::string text = DecodedText(message);
  for (const std::string_view place : {std::string_view(text), std::string_view(transaction.sender),
                                       FindField(message, "List-Unsubscribe").value_or("")}) {
    at = 0;
    while (const std::optional<std::string_view> token = NextToken(place, at)) {
      found = true;
      foreign |= *token != *own;
    }
  }
  totals_.tokens_foreign += foreign ? 1 : 0;
  totals_.tokens_own += found && !foreign ? 1 : 0;
  return !foreign;
}

}  // namespace sandbox
