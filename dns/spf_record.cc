#include "dns/spf_record.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/spf_macro.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dns {
namespace {

using Kind = SpfMechanism::Kind;

constexpr std::string_view kVersion = "v=spf1";
constexpr std::string_view kQualifiers = "+-~?";

struct Name {
  std::string_view name;
  Kind kind;
};
constexpr Name kNames[] = {{"all", Kind::kAll}, {"include", Kind::kInclude}, {"a", Kind::kA},
                           {"mx", Kind::kMx},   {"ptr", Kind::kPtr},         {"ip4", Kind::kIp4},
                           {"ip6", Kind::kIp6}, {"exists", Kind::kExists}};

absl::Status Wrong(std::string_view term, std::string_view why) {
  std::string shown;
  for (const char c : term.substr(0, 80)) shown.push_back(c >= ' ' && c <= '~' ? c : '?');
  return absl::InvalidArgumentError(absl::StrCat("\"", shown, "\" ", base::AbslView(why)));
}

// name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
bool IsModifierName(std::string_view text) {
  const auto is_alpha = [](char c) { return base::ToLowerAscii(c) >= 'a' && base::ToLowerAscii(c) <= 'z'; };
  return !text.empty() && is_alpha(text.front()) && std::all_of(text.begin(), text.end(), [&is_alpha](char c) {
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// A prefix length without leading zeros.
bool ParseBits(std::string_view text, std::uint8_t max, std::uint8_t& bits) {
  const std::optional<unsigned> value = base::ParseInteger<unsigned>(text);
  if (!value.has_value() || *value > max || (text.size() > 1 && text.front() == '0')) return false;
  bits = static_cast<std::uint8_t>(*value);
  return true;
}

// Takes a dual-cidr-length off the end: "/24", "//64" or "/24//64". What only looks like one is left, for the
// domain-spec or its end to be wrong. False: one is out of range.
bool TakeDualCidr(std::string_view& text, SpfMechanism& mechanism) {
  const auto ends_with_digits = [&text](std::size_t& slash) {
    slash = text.rfind('/');
    if (slash == std::string_view::npos || slash + 1 == text.size()) return false;
    return text.find_first_not_of("0123456789", slash + 1) == std::string_view::npos;
  };
  std::size_t slash = 0;
  if (ends_with_digits(slash) && slash > 0 && text[slash - 1] == '/') {
    if (!ParseBits(text.substr(slash + 1), 128, mechanism.bits6)) return false;
    text = text.substr(0, slash - 1);
  }
  if (ends_with_digits(slash)) {
    if (!ParseBits(text.substr(slash + 1), 32, mechanism.bits4)) return false;
    text = text.substr(0, slash);
  }
  return true;
}

absl::Status ReadNetwork(std::string_view term, std::string_view value, SpfMechanism& mechanism) {
  const bool v6 = mechanism.kind == Kind::kIp6;
  const std::size_t slash = value.find('/');
  const auto address = base::IpAddress::Parse(value.substr(0, slash));
  if (!address.has_value() || address->IsV6() != v6)
    return Wrong(term, v6 ? "has no IPv6 address" : "has no IPv4 address");
  mechanism.network = *address;
  if (slash == std::string_view::npos) return absl::OkStatus();
  const bool good = v6 ? ParseBits(value.substr(slash + 1), 128, mechanism.bits6)
                       : ParseBits(value.substr(slash + 1), 32, mechanism.bits4);
  return good ? absl::OkStatus() : Wrong(term, "has no good prefix length");
}

// `value`: what is behind the name, with its ":" or "/".
absl::Status ReadValue(std::string_view term, std::string_view value, SpfMechanism& mechanism) {
  const bool has_colon = !value.empty() && value.front() == ':';
  switch (mechanism.kind) {
    case Kind::kAll:
      return value.empty() ? absl::OkStatus() : Wrong(term, "takes nothing behind its name");
    case Kind::kIp4:
    case Kind::kIp6:
      return has_colon ? ReadNetwork(term, value.substr(1), mechanism) : Wrong(term, "names no network");
    case Kind::kA:
    case Kind::kMx:
      if (!TakeDualCidr(value, mechanism)) return Wrong(term, "has a prefix length out of range");
      break;
    case Kind::kInclude:
    case Kind::kExists:
      if (!has_colon) return Wrong(term, "names no domain");
      break;
    case Kind::kPtr:
      break;
  }
  if (value.empty()) return absl::OkStatus();
  if (!has_colon || !IsSpfDomainSpec(value.substr(1))) return Wrong(term, "names no good domain");
  mechanism.domain_spec = value.substr(1);
  return absl::OkStatus();
}

absl::Status ReadMechanism(std::string_view term, SpfRecord& record) {
  SpfMechanism mechanism;
  mechanism.text = term;
  std::string_view rest = term;
  if (kQualifiers.find(rest.front()) != std::string_view::npos) {
    mechanism.qualifier = rest.front();
    rest.remove_prefix(1);
  }
  const std::size_t end = std::min(rest.find_first_of(":/"), rest.size());
  const auto* const known = std::find_if(std::begin(kNames), std::end(kNames), [&rest, end](const Name& name) {
    return base::EqualsIgnoreCase(name.name, rest.substr(0, end));
  });
  if (known == std::end(kNames)) return Wrong(term, "is no mechanism of SPF");
  mechanism.kind = known->kind;
  if (absl::Status status = ReadValue(term, rest.substr(end), mechanism); !status.ok()) return status;
  record.mechanisms.push_back(std::move(mechanism));
  return absl::OkStatus();
}

absl::Status ReadModifier(std::string_view term, std::size_t equals, SpfRecord& record) {
  const std::string_view name = term.substr(0, equals);
  const std::string_view value = term.substr(equals + 1);
  const bool redirects = base::EqualsIgnoreCase(name, "redirect");
  if (redirects || base::EqualsIgnoreCase(name, "exp")) {
    std::optional<std::string>& place = redirects ? record.redirect : record.explanation;
    if (place.has_value()) return Wrong(term, "is there twice");
    if (!IsSpfDomainSpec(value)) return Wrong(term, "names no good domain");
    place = std::string(value);
    return absl::OkStatus();
  }
  return IsSpfMacroString(value) ? absl::OkStatus() : Wrong(term, "is no good modifier");
}

}  // namespace

bool IsSpf(std::string_view text) {
  if (!base::StartsWithIgnoreCase(text, kVersion)) return false;
  return text.size() == kVersion.size() || text[kVersion.size()] == ' ';
}

absl::StatusOr<SpfRecord> ParseSpf(std::string_view text) {
  CHECK(IsSpf(text));
  SpfRecord record;
  std::string_view rest = text.substr(kVersion.size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view term = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (term.empty()) continue;
    // The first of these characters tells a modifier from a mechanism.
    const std::size_t mark = term.find_first_of("=:/");
    const bool is_modifier =
        mark != std::string_view::npos && term[mark] == '=' && IsModifierName(term.substr(0, mark));
    absl::Status status = is_modifier ? ReadModifier(term, mark, record) : ReadMechanism(term, record);
    if (!status.ok()) return status;
  }
  return record;
}

bool InNetwork(const base::IpAddress& address, const base::IpAddress& network, std::uint8_t bits) {
  if (address.IsV6() != network.IsV6()) return false;
  const std::string_view a = address.bytes(), b = network.bytes();
  CHECK(bits <= a.size() * 8);
  const std::size_t whole = bits / 8;
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const unsigned differing = static_cast<unsigned char>(a[whole]) ^ static_cast<unsigned char>(b[whole]);
  return differing >> (8 - bits % 8) == 0;
}

}  // namespace dns
