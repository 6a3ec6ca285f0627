#include "engine/dkim/header_fields.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "engine/base/text.h"

namespace dkim {
namespace {

enum class Guard {
  kAlways,     // Listed once more than it is there, also where it is not.
  kIfPresent,  // The same, but only where it is there: lists that forward a message set these.
  kNone,       // Signed where it is there.
};
struct Signed {
  std::string_view name;
  Guard guard;
};
// Never the signature itself, Return-Path or Received (section 5.4).
constexpr Signed kSigned[] = {
    {"From", Guard::kAlways},
    {"MIME-Version", Guard::kAlways},
    {"Content-Type", Guard::kAlways},
    {"Content-Transfer-Encoding", Guard::kNone},
    {"Sender", Guard::kNone},
    {"In-Reply-To", Guard::kNone},
    {"References", Guard::kNone},
    {"List-Id", Guard::kIfPresent},
    {"Feedback-ID", Guard::kIfPresent},
    {"List-Unsubscribe-Post", Guard::kIfPresent},
    {"Date", Guard::kAlways},
    {"Reply-To", Guard::kAlways},
    {"Cc", Guard::kAlways},
    {"Subject", Guard::kAlways},
    {"To", Guard::kAlways},
    {"Message-ID", Guard::kAlways},
    {"List-Unsubscribe", Guard::kIfPresent},
};

// Most names differ in length.
bool IsNamed(const Field& field, std::string_view name) {
  return field.name.size() == name.size() && base::EqualsIgnoreCase(field.name, name);
}

}  // namespace

void SplitFields(std::string_view header, std::vector<Field>& fields) {
  fields.clear();
  while (!header.empty() && !header.starts_with("\r\n")) {
    std::size_t end = 0;
    do {  // Lines that begin with white space go on with the field.
      const std::size_t line_end = header.find("\r\n", end);
      end = line_end == std::string_view::npos ? header.size() : line_end + 2;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    const std::string_view text = header.substr(0, end);
    std::string_view name = text.substr(0, text.find(':'));
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    fields.push_back({name, text});
    header.remove_prefix(end);
  }
}

void ChooseNames(absl::Span<const Field> fields, std::vector<std::string_view>& names) {
  names.clear();
  for (const Signed& entry : kSigned) {
    auto count =
        std::count_if(fields.begin(), fields.end(), [&](const Field& field) { return IsNamed(field, entry.name); });
    if (entry.guard == Guard::kAlways || (entry.guard == Guard::kIfPresent && count > 0)) ++count;
    for (; count > 0; --count) names.push_back(entry.name);
  }
}

void SelectFields(absl::Span<const Field> fields, absl::Span<const std::string_view> names,
                  std::vector<std::size_t>& numbers) {
  numbers.clear();
  absl::InlinedVector<bool, 64> taken(fields.size(), false);
  for (const std::string_view name : names) {
    for (std::size_t n = fields.size(); n > 0; --n) {
      if (taken[n - 1] || !IsNamed(fields[n - 1], name)) continue;
      taken[n - 1] = true;
      numbers.push_back(n - 1);
      break;
    }
  }
}

void AppendFields(absl::Span<const Field> fields, absl::Span<const std::string_view> names, Canonicalization mode,
                  std::string& out) {
  std::vector<std::size_t> numbers;
  SelectFields(fields, names, numbers);
  for (const std::size_t number : numbers) AppendCanonicalField(mode, fields[number].text, out);
}

void FieldChoice::Choose(absl::Span<const Field> fields) {
  const bool same = std::equal(fields.begin(), fields.end(), known_.begin(), known_.end(),
                               [](const Field& field, const std::string& name) { return field.name == name; });
  if (same && !names_.empty()) return;
  known_.clear();
  for (const Field& field : fields) known_.emplace_back(field.name);
  ChooseNames(fields, names_);
  SelectFields(fields, names_, numbers_);
}

}  // namespace dkim
