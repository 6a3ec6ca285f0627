// Reads Mustache source into a Template's nodes, one program at a time. Used by TemplateCompiler only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/message/template.h"

namespace message {

class TemplateCompiler;

class TemplateParser {
 public:
  struct Context {
    std::uint32_t file = 0;  // Into files_.
    std::uint32_t first_line = 1;
    Escape escape = Escape::kNone;
    bool in_section = false;  // There is one around the whole text.
  };
  // Reads the source of `out` from `begin` on, to the end that it has now.
  TemplateParser(Template& out, TemplateCompiler& compiler, std::size_t begin, Context context);

  // Adds the nodes of a program.
  absl::Status Parse(std::uint32_t program);

 private:
  struct Tag {
    char sigil = 0;            // # ^ / ! = & { and so on; 0: plain interpolation.
    std::size_t begin = 0;     // Of the opening delimiter.
    std::size_t end = 0;       // After the closing delimiter.
    std::string_view content;  // Trimmed.
    std::uint32_t line = 1;
  };
  struct OpenSection {
    std::uint32_t node = 0;
    std::string_view name;
    std::uint32_t line = 1;
  };

  absl::Status ReadTag(std::size_t begin, Tag& tag);
  absl::Status ApplyTag(const Tag& tag);
  absl::Status OpenNode(const Tag& tag);
  absl::Status CallPartial(const Tag& tag);
  absl::Status CloseSection(const Tag& tag);
  absl::Status AddName(const Tag& tag, bool is_section, std::uint32_t& index);
  absl::Status SetDelimiters(const Tag& tag);
  // Adds the text before the tag and moves past the tag; a tag that stands alone takes its line with it.
  void TakeTextBefore(const Tag& tag);
  void AddText(std::size_t begin, std::size_t end);
  Template::Slice SliceOf(std::string_view part) const;
  std::uint32_t LineOf(std::size_t position);
  absl::Status Error(std::uint32_t line, std::string_view what) const;

  Template& out_;
  TemplateCompiler& compiler_;
  const std::string_view source_;
  const Context context_;
  std::string open_ = "{{";
  std::string close_ = "}}";
  std::size_t position_ = 0;       // Where the text after the last tag begins.
  std::size_t line_position_ = 0;  // line_ is the line of this place.
  std::uint32_t line_;
  std::string_view indentation_;  // Of the tag at hand, where it stands alone.
  std::vector<OpenSection> open_sections_;
};

}  // namespace message
