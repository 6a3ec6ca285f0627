// Reads Mustache source into a Template's nodes. Used by Template::Compile only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/message/template.h"

namespace message {

class TemplateParser {
 public:
  // Parses into `out`, whose source_ and file_ are set and whose other members are empty.
  TemplateParser(Template& out, std::uint32_t first_line, Escape escape);

  absl::Status Parse();

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
  absl::Status CloseSection(const Tag& tag);
  absl::Status AddName(const Tag& tag, bool is_section, std::uint32_t& index);
  absl::Status SetDelimiters(const Tag& tag);
  // Adds the text before the tag and moves past the tag; a tag that stands alone takes its line with it.
  void TakeTextBefore(const Tag& tag);
  void AddText(std::size_t begin, std::size_t end);
  std::uint32_t LineOf(std::size_t position);
  absl::Status Error(std::uint32_t line, std::string_view what) const;

  Template& out_;
  const std::string_view source_;
  const Escape escape_;
  std::string open_ = "{{";
  std::string close_ = "}}";
  std::size_t position_ = 0;       // Where the text after the last tag begins.
  std::size_t line_position_ = 0;  // line_ is the line of this place.
  std::uint32_t line_;
  std::vector<OpenSection> open_sections_;
};

}  // namespace message
