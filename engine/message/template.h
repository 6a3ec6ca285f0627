// A Mustache template: all that the specification requires (interpolation, sections, inverted sections, comments, set
// delimiters, partials). Compiled once and rendered often. Inheritance is refused, lambdas and dynamic names are not
// there. A compiled template is constant and may be shared by threads.
//
// Truth in sections: null, false, the empty text, the empty list and an absent name are false; all else is true.
// Absent names: an interpolated name must be there (or OnMissing says that nothing stands for it); a section asks
// whether it is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/message/spec.h"
#include "engine/message/value.h"

namespace message {

enum class Escape : std::uint8_t {
  kHtml,  // {{name}} has & < > " ' as entities; {{{name}}} and {{&name}} are raw.
  kNone,
};

// One name in a template.
struct FieldUse {
  std::string name;  // "city.name"
  std::string file;
  std::uint32_t line = 1;
  bool is_section = false;  // {{#name}} or {{^name}}; else interpolated.
  bool in_section = false;  // Within a section it may be a key of that section's item instead of a field of the row.
  std::string_view TopLevel() const { return std::string_view(name).substr(0, name.find('.')); }
};

// A partial that does not exist.
struct UnknownPartial {
  std::string name;
  std::string file;
  std::uint32_t line = 1;
};

class Template {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20;           // Of template text, with its partials.
  static constexpr std::size_t kMaxDepth = 32;                             // Sections and partials within each other.
  static constexpr std::size_t kMaxRenderedBytes = std::size_t{32} << 20;  // Of one rendering, before escaping.
  static constexpr std::size_t kMaxFragments = 200'000;                    // Texts and values in one rendering.
  static constexpr std::size_t kMaxSteps = 10'000'000;  // Tags, texts and keys looked at in one rendering.

  // `first_line` is the line of text's first character in `file`. Errors: InvalidArgument, "FILE:LINE: what is wrong;
  // what would be right". A partial that is not among `partials` is none: it renders as nothing (unknown_partials).
  static absl::StatusOr<Template> Compile(std::string_view text, std::string_view file, std::uint32_t first_line,
                                          Escape escape, absl::Span<const Partial> partials = {});

  // The same for a text of a message. Unknown partials are errors, and so is what is beyond the limits for every row.
  static absl::StatusOr<Template> CompileText(const TemplateText& text, Escape escape,
                                              absl::Span<const Partial> partials);

  // One stretch of output. Borrowed: a text from the template, a value from the scope.
  struct Fragment {
    static constexpr std::uint32_t kValue = 0xFFFFFFFF;
    std::string_view bytes;
    std::uint32_t text = kValue;  // Index into texts(), or kValue.
    bool escape = false;          // The value's & < > " ' must become entities.
  };

  // `scope` are objects; outside sections a name belongs to the first of them that has it, and {{.}} is the scope's
  // only value, which may be of any kind. Replaces `out`. Errors: InvalidArgument (a name is absent or not a text,
  // under kInvalid), ResourceExhausted (beyond the limits above).
  absl::Status Execute(absl::Span<const Value> scope, OnMissing on_missing, std::vector<Fragment>& out) const;
  // The same as one text, with escapes, appended to `out`.
  absl::Status Render(absl::Span<const Value> scope, OnMissing on_missing, std::string& out) const;

  // What Execute would refuse: `the field "x" (FILE:LINE) is absent`, or what is beyond the limits. Nullopt: nothing.
  absl::Status Refusal(absl::Span<const Value> scope, OnMissing on_missing) const;
  // No row whose values are at most so long takes it beyond the limits. Requires: CompileText made it, and it has no
  // sections.
  std::size_t LongestSafeValue() const { return longest_safe_value_; }

  // In the order of the template and then of its partials; a name used twice is there twice. "." is the implicit
  // iterator.
  std::vector<FieldUse> Fields() const;
  const std::vector<UnknownPartial>& unknown_partials() const { return unknown_partials_; }
  // Names of the partials that it and they call, each once.
  const std::vector<std::string>& partials() const { return partials_; }
  bool HasFields() const { return !names_.empty(); }
  bool IsEmpty() const { return nodes_.empty(); }
  bool HasSections() const { return has_sections_; }

  // The constant stretches, by Fragment::text.
  std::size_t text_count() const { return texts_.size(); }
  std::string_view text(std::size_t index) const { return View(texts_[index]); }

 private:
  friend class TemplateCompiler;
  friend class TemplateParser;
  friend class TemplateWalk;

  struct Slice {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Name {
    Slice whole;
    std::uint32_t first_part = 0;  // Into parts_. No parts: the implicit iterator, {{.}}.
    std::uint32_t part_count = 0;
    std::uint32_t file = 0;  // Into files_.
    std::uint32_t line = 1;
    bool is_section = false;
    bool in_section = false;
  };
  struct Node {
    enum class Kind : std::uint8_t { kText, kField, kSection, kInverted, kPartial };
    Kind kind = Kind::kText;
    bool escape = false;
    std::uint32_t index = 0;  // Into texts_, names_ or programs_.
    std::uint32_t end = 0;    // Sections: the first node after the section.
  };
  // The template itself, and each partial with the indentation that it has at some place.
  struct Program {
    std::uint32_t begin = 0;  // In nodes_.
    std::uint32_t end = 0;
    bool too_deep = false;  // It was not read: too many partials around it.
  };

  std::string_view View(Slice slice) const { return std::string_view(source_).substr(slice.begin, slice.size); }

  std::string source_;              // All slices are of this.
  std::vector<std::string> files_;  // That of the template first.
  std::vector<Program> programs_;   // The template itself first.
  std::vector<Node> nodes_;
  std::vector<Slice> texts_;
  std::vector<Name> names_;
  std::vector<Slice> parts_;
  std::vector<UnknownPartial> unknown_partials_;
  std::vector<std::string> partials_;
  bool has_sections_ = false;
  std::size_t longest_safe_value_ = 0;
};

// Appends `text` with & < > " ' as HTML entities.
void AppendHtmlEscaped(std::string_view text, std::string& out);

}  // namespace message
