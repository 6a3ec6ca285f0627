#include "tools/sandbox/dkim_tags.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

bool IsTagName(std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = base::ToLowerAscii(name[i]);
    const bool letter = c >= 'a' && c <= 'z';
    if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_'))) return false;
  }
  return true;
}

}  // namespace

std::optional<DkimTags> DkimTags::Parse(std::string_view text) {
  DkimTags list;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string_view spec = text.substr(at, end - at);
    const std::size_t equals = spec.find('=');
    if (equals == std::string_view::npos) {
      if (end == text.size() && base::TrimAscii(spec).empty()) break;  // Behind the last semicolon.
      return std::nullopt;
    }
    const std::string_view name = base::TrimAscii(spec.substr(0, equals));
    if (!IsTagName(name) || list.Find(name)) return std::nullopt;
    list.tags_.push_back(
        {std::string(name), std::string(base::TrimAscii(spec.substr(equals + 1))), {at + equals + 1, end}});
    at = end + 1;
  }
  if (list.tags_.empty()) return std::nullopt;
  return list;
}

std::optional<std::string_view> DkimTags::Find(std::string_view name) const {
  for (const Tag& tag : tags_) {
    if (tag.name == name) return tag.value;
  }
  return std::nullopt;
}

std::optional<DkimTags::Span> DkimTags::FindSpan(std::string_view name) const {
  for (const Tag& tag : tags_) {
    if (tag.name == name) return tag.span;
  }
  return std::nullopt;
}

std::string WithoutSpace(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') out.push_back(c);
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  const std::string compact = WithoutSpace(text);
  std::string bytes;
  if (compact.size() % 4 != 0 || !absl::Base64Unescape(compact, &bytes)) return std::nullopt;
  return bytes;
}

std::vector<std::string> SplitColons(std::string_view text) { return absl::StrSplit(WithoutSpace(text), ':'); }

}  // namespace sandbox
