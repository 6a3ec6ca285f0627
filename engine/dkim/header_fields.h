// A message's header section as DKIM sees it: which of its fields are signed, and in which form (RFC 6376 sections
// 3.7 and 5.4). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "engine/dkim/canonical.h"

namespace dkim {

// One field of a header section, all of it borrowed.
struct Field {
  std::string_view name;  // Without the colon.
  std::string_view text;  // The whole field with its folds and its CRLF.
};

// Splits a header section, up to and without the empty line that ends it. Replaces `fields`.
void SplitFields(std::string_view header, std::vector<Field>& fields);

// The names that h= lists for a message with these fields, in order. From is always there. Fields that are the same in
// all messages of a campaign come first, those of the recipient last, so that the hash of the beginning can be shared.
// A name that stands once more than the message has it can be added by nobody on the way (section 8.15). Replaces
// `names`; they are constants.
void ChooseNames(absl::Span<const Field> fields, std::vector<std::string_view>& names);

// The fields that `names` selects, by their numbers: repeated names take fields from the bottom up, and what there is
// not counts for nothing (section 5.4.2). Replaces `numbers`.
void SelectFields(absl::Span<const Field> fields, absl::Span<const std::string_view> names,
                  std::vector<std::size_t>& numbers);

// Appends the canonical fields that `names` selects.
void AppendFields(absl::Span<const Field> fields, absl::Span<const std::string_view> names, Canonicalization mode,
                  std::string& out);

// What is chosen and selected for one message after another: most have fields of the same names in the same order, and
// nothing is chosen anew.
class FieldChoice {
 public:
  void Choose(absl::Span<const Field> fields);
  absl::Span<const std::string_view> names() const { return names_; }
  absl::Span<const std::size_t> numbers() const { return numbers_; }

 private:
  std::vector<std::string> known_;  // The names of the last message's fields.
  std::vector<std::string_view> names_;
  std::vector<std::size_t> numbers_;
};

}  // namespace dkim
