// Finding tags and their attributes in HTML, well enough for lints: no tree, nothing is decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace message {

struct HtmlTag {
  std::string_view name;        // "img", as written.
  std::string_view attributes;  // All between the name and the ">".
  std::uint32_t line = 1;
  // The value without quotes; nullopt: the tag does not have it. `attribute` is in lower case.
  std::optional<std::string_view> Get(std::string_view attribute) const;
};

// Start tags in the order of the text, without those in comments. `first_line` is the line of the text's first
// character.
std::vector<HtmlTag> HtmlTags(std::string_view html, std::uint32_t first_line);

}  // namespace message
