#include "engine/campaign/address.h"

#include <idn2.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/ip_address.h"
#include "engine/base/text.h"

namespace campaign {
namespace {

// RFC 5321 section 4.5.3.1.
constexpr std::size_t kLocalMax = 64, kDomainMax = 255, kLabelMax = 63, kAddressMax = 254;

constexpr bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
// Characters of a dot-atom, and of labels.
struct Characters {
  constexpr Characters() {
    for (int i = 0; i < 256; ++i) {
      const char c = static_cast<char>(i);
      local[i] = i >= 0x80 || c == '.' || IsAlnum(c) ||
                 std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
      label[i] = IsAlnum(c) || c == '-' || c == '_';
    }
  }
  bool local[256] = {}, label[256] = {};
};
constexpr Characters kCharacters;
bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// dot-atom or quoted-string (RFC 5321 section 4.1.2).
std::string_view CheckLocal(std::string_view local) {
  if (local.empty()) return "nothing before the @";
  if (local.size() > kLocalMax) return "more than 64 octets before the @";
  if (local.front() == '"') {
    if (local.size() < 2 || local.back() != '"') return "a quote that does not end";
    for (std::size_t i = 1; i + 1 < local.size(); ++i) {
      if (local[i] == '"') return "a quote within quotes";
      if (local[i] == '\\' && (++i + 1 >= local.size() || static_cast<unsigned char>(local[i]) >= 0x80))
        return "a backslash that quotes nothing";
    }
    return "";
  }
  if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos)
    return "a dot too many before the @";
  if (!std::all_of(local.begin(), local.end(), [](char c) { return kCharacters.local[static_cast<unsigned char>(c)]; }))
    return "a character that needs quotes";
  return "";
}

// Letters, digits and hyphens, in at least two labels (RFC 5321 section 2.3.5).
std::string_view CheckDomain(std::string_view domain) {
  if (domain.size() > kDomainMax) return "a domain longer than 255 octets";
  if (domain.find('.') == std::string_view::npos) return "a domain without a dot";
  for (std::string_view rest = domain;;) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty()) return "an empty label in the domain";
    if (label.size() > kLabelMax) return "a label of the domain longer than 63 octets";
    if (label.front() == '-' || label.back() == '-') return "a label that begins or ends with a hyphen";
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return kCharacters.label[static_cast<unsigned char>(c)]; })) {
      return "a character that no domain has";
    }
    if (label.size() == rest.size()) break;
    rest.remove_prefix(label.size() + 1);
  }
  // Of those that consist of such labels, only IPv4's: they end with a digit.
  const bool ends_with_digit = domain.back() >= '0' && domain.back() <= '9';
  if (ends_with_digit && base::IpAddress::Parse(domain).has_value()) return "an IP address where a domain belongs";
  return "";
}

}  // namespace

std::string ToALabels(std::string_view domain) {
  if (IsAscii(domain)) return base::LowerAscii(domain);
  const std::string text(domain);
  char* encoded = nullptr;
  if (idn2_to_ascii_8z(text.c_str(), &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) return "";
  std::string result = base::LowerAscii(encoded);
  idn2_free(encoded);
  return result;
}

bool ParseAddress(std::string_view text, Address& address, std::string_view& reason) {
  text = base::TrimAscii(text);
  reason = "";
  if (text.empty()) reason = "no address";
  if (base::HasControl(text)) reason = "a control character";
  if (!IsAscii(text) && !base::IsUtf8(text)) reason = "not UTF-8";
  const std::size_t at = text.rfind('@');
  if (reason.empty() && at == std::string_view::npos) reason = "no @";
  if (!reason.empty()) return false;
  const std::string_view local = text.substr(0, at);
  std::string_view domain = text.substr(at + 1);
  reason = CheckLocal(local);
  if (reason.empty() && domain.empty()) reason = "nothing after the @";
  if (reason.empty() && domain.front() == '[') reason = "an address literal, which is not supported";
  if (!reason.empty()) return false;
  if (domain.back() == '.') domain.remove_suffix(1);
  if (IsAscii(domain)) {
    address.domain.assign(domain);
    for (char& c : address.domain) c = base::ToLowerAscii(c);
  } else {
    address.domain = ToALabels(domain);
    if (address.domain.empty()) reason = "a domain that is not valid";
  }
  if (reason.empty()) reason = CheckDomain(address.domain);
  if (reason.empty() && local.size() + 1 + address.domain.size() > kAddressMax) reason = "longer than 254 octets";
  if (!reason.empty()) return false;
  address.needs_smtputf8 = !IsAscii(local);
  address.wire.assign(local).append("@").append(address.domain);
  address.folded.assign(address.wire);
  for (char& c : address.folded) c = base::ToLowerAscii(c);
  return true;
}

}  // namespace campaign
