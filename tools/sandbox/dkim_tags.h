// Lists of tags, as in DKIM signatures and key records (RFC 6376 §3.2). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

class DkimTags {
 public:
  // Nullopt: malformed, or a tag is there twice.
  static std::optional<DkimTags> Parse(std::string_view text);
  // The value without the space around it. Nullopt: there is no such tag.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::string_view Get(std::string_view name, std::string_view otherwise) const {
    return Find(name).value_or(otherwise);
  }
  // Where the value of the tag begins and ends in the parsed text, with the space around it.
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::optional<Span> FindSpan(std::string_view name) const;

 private:
  struct Tag {
    std::string name;
    std::string value;
    Span span;
  };
  std::vector<Tag> tags_;
};

// Without the space (SP, TAB, CR, LF) anywhere.
std::string WithoutSpace(std::string_view text);
// base64 with space anywhere (RFC 6376 §2.10). Nullopt: it is none.
std::optional<std::string> DecodeBase64(std::string_view text);
// "a : b:c" as a list, without the space.
std::vector<std::string> SplitColons(std::string_view text);

}  // namespace sandbox
