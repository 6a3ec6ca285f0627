#include "dns/spf_merge.h"

#include <algorithm>
#include <string_view>

#include "dns/spf_record.h"
#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::string_view kMildest = "?~-";  // What may be said of everybody else, the mildest first.

class Merger {
 public:
  bool Add(const SpfRecord& record) {
    bool has_all = false;
    for (const SpfMechanism& mechanism : record.mechanisms) {
      if (mechanism.kind == SpfMechanism::Kind::kAll) {
        if (!AddAll(mechanism.qualifier)) return false;
        has_all = true;
        break;  // What is behind it never counts (section 5.1).
      }
      if (mechanism.qualifier != '+') return false;
      AddTerm(mechanism.text.starts_with('+') ? mechanism.text.substr(1) : mechanism.text);
    }
    if (record.redirect.has_value() && !has_all) AddTerm("include:" + *record.redirect);
    if (explanation_.empty()) explanation_ = record.explanation.value_or("");
    return true;
  }

  std::string Text() const {
    std::string text = "v=spf1";
    for (const std::string& term : terms_) text += " " + term;
    text += all_.has_value() ? std::string{' ', kMildest[*all_]} + "all" : " ~all";
    if (!explanation_.empty()) text += " exp=" + explanation_;
    return text;
  }

 private:
  bool AddAll(char qualifier) {
    const std::size_t place = kMildest.find(qualifier);
    if (place == std::string_view::npos) return false;
    all_ = std::min(all_.value_or(place), place);
    return true;
  }
  void AddTerm(const std::string& term) {
    const bool is_there = std::any_of(terms_.begin(), terms_.end(), [&term](const std::string& known) {
      return base::EqualsIgnoreCase(known, term);
    });
    if (!is_there) terms_.push_back(term);
  }

  std::vector<std::string> terms_;
  std::optional<std::size_t> all_;  // Index into kMildest.
  std::string explanation_;
};

}  // namespace

std::optional<std::string> MergeSpf(const std::vector<std::string>& records) {
  Merger merger;
  for (const std::string& text : records) {
    if (!IsSpf(text)) return std::nullopt;
    const absl::StatusOr<SpfRecord> record = ParseSpf(text);
    if (!record.ok() || !merger.Add(*record)) return std::nullopt;
  }
  return merger.Text();
}

}  // namespace dns
