#include "dns/dmarc_record.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::string_view kVersion = "DMARC1";
// Of RFC 7489; RFC 9989 has them no more, and receivers ignore them.
constexpr std::string_view kRemoved[] = {"pct", "rf", "ri"};
constexpr std::size_t kOdditiesMax = 10;

std::optional<DmarcPolicy> PolicyOf(std::string_view text) {
  for (const DmarcPolicy policy : {DmarcPolicy::kNone, DmarcPolicy::kQuarantine, DmarcPolicy::kReject}) {
    if (base::EqualsIgnoreCase(text, ToString(policy))) return policy;
  }
  return std::nullopt;
}

std::string Shown(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, 40)) shown.push_back(c >= ' ' && c <= '~' ? c : '?');
  return shown;
}

struct Tag {
  std::string name;  // Lower case.
  std::string_view value;
};

class Reader {
 public:
  DmarcRecord Read(std::string_view tags) {
    while (!tags.empty()) {
      const std::size_t end = std::min(tags.find(';'), tags.size());
      const std::string_view text = base::TrimAscii(tags.substr(0, end));
      tags.remove_prefix(std::min(end + 1, tags.size()));
      const std::size_t equals = text.find('=');
      if (text.empty()) continue;
      if (equals == std::string_view::npos) {
        Odd(absl::StrCat("\"", Shown(text), "\" is no tag"));
        continue;
      }
      ReadTag({base::LowerAscii(base::TrimAscii(text.substr(0, equals))), base::TrimAscii(text.substr(equals + 1))});
    }
    return std::move(record_);
  }

 private:
  void Odd(std::string what) {
    if (record_.oddities.size() < kOdditiesMax) record_.oddities.push_back(std::move(what));
  }
  void OddValue(const Tag& tag) { Odd(absl::StrCat(tag.name, "=", Shown(tag.value), " means nothing")); }

  void ReadPolicy(const Tag& tag, std::optional<DmarcPolicy>& policy) {
    policy = PolicyOf(tag.value);
    if (policy.has_value()) return;
    OddValue(tag);
    if (&policy != &record_.policy) record_.wrong_policy = true;
  }
  // One of its URIs, which commas separate, is enough.
  void ReadReports(const Tag& tag) {
    for (std::string_view rest = tag.value; !rest.empty();) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      const std::string_view uri = base::TrimAscii(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (base::StartsWithIgnoreCase(uri, "mailto:") && uri.find('@') != std::string_view::npos)
        record_.has_reports = true;
    }
    if (!record_.has_reports) OddValue(tag);
  }
  // One of two letters.
  void ReadFlag(const Tag& tag, char set, char unset, bool& flag) {
    const char letter = tag.value.size() == 1 ? base::ToLowerAscii(tag.value.front()) : '\0';
    flag = letter == set;
    if (letter != set && letter != unset) OddValue(tag);
  }
  void ReadPsd(const Tag& tag) {
    using Psd = DmarcRecord::Psd;
    const char letter = tag.value.size() == 1 ? base::ToLowerAscii(tag.value.front()) : '\0';
    record_.psd = letter == 'y' ? Psd::kYes : letter == 'n' ? Psd::kNo : Psd::kUnknown;
    if (record_.psd == Psd::kUnknown && letter != 'u') OddValue(tag);
  }

  void ReadTag(const Tag& tag) {
    const bool is_new = names_.insert(tag.name).second;
    if (!is_new && record_.repeated.empty()) record_.repeated = Shown(tag.name);
    if (tag.name == "p") {
      ReadPolicy(tag, record_.policy);
    } else if (tag.name == "sp") {
      ReadPolicy(tag, record_.subdomains);
    } else if (tag.name == "np") {
      ReadPolicy(tag, record_.nonexistent);
    } else if (tag.name == "adkim") {
      ReadFlag(tag, 's', 'r', record_.strict_dkim);
    } else if (tag.name == "aspf") {
      ReadFlag(tag, 's', 'r', record_.strict_spf);
    } else if (tag.name == "t") {
      ReadFlag(tag, 'y', 'n', record_.testing);
    } else if (tag.name == "psd") {
      ReadPsd(tag);
    } else if (tag.name == "rua") {
      ReadReports(tag);
    } else if (std::find(std::begin(kRemoved), std::end(kRemoved), tag.name) != std::end(kRemoved)) {
      Odd(absl::StrCat(tag.name, "= has no effect any more (RFC 9989)"));
    }  // fo= and ruf= are about reports; other tags are ignored (section 4.7).
  }

  DmarcRecord record_;
  std::set<std::string> names_;
};

}  // namespace

std::string_view ToString(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::kNone:
      return "none";
    case DmarcPolicy::kQuarantine:
      return "quarantine";
    case DmarcPolicy::kReject:
      return "reject";
  }
  return "none";
}

std::optional<DmarcRecord> ParseDmarc(std::string_view text) {
  const std::size_t end = std::min(text.find(';'), text.size());
  const std::string_view first = text.substr(0, end);
  const std::size_t equals = first.find('=');
  if (equals == std::string_view::npos || base::TrimAscii(first.substr(0, equals)) != "v" || first.front() != 'v')
    return std::nullopt;
  if (base::TrimAscii(first.substr(equals + 1)) != kVersion) return std::nullopt;
  return Reader().Read(text.substr(end));
}

}  // namespace dns
