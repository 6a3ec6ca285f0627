#include "engine/message/template_parser.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/message/template_compiler.h"

namespace message {
namespace {

// As it may be shown in an error line: short, and one line.
std::string Shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string shown(text.substr(0, kLongest));
  while (!shown.empty() && !base::IsUtf8(shown)) shown.pop_back();  // A character that was cut, or what is not UTF-8.
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text.size() > kLongest ? shown + "..." : shown;
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Sections, comments and the like print nothing, so a line that holds only them is no line of the output. Neither is
// that of a partial: it brings its own lines.
bool MayStandAlone(char sigil) {
  return sigil != 0 && std::string_view("#^/!=>").find(sigil) != std::string_view::npos;
}

}  // namespace

TemplateParser::TemplateParser(Template& out, TemplateCompiler& compiler, std::size_t begin, Context context)
    : out_(out),
      compiler_(compiler),
      source_(std::string_view(out.source_).substr(begin)),
      context_(context),
      line_(context.first_line) {}

absl::Status TemplateParser::Parse(std::uint32_t program) {
  out_.programs_[program].begin = static_cast<std::uint32_t>(out_.nodes_.size());
  while (true) {
    const std::size_t begin = source_.find(open_, position_);
    if (begin == std::string_view::npos) break;
    Tag tag;
    if (absl::Status status = ReadTag(begin, tag); !status.ok()) return status;
    TakeTextBefore(tag);
    if (absl::Status status = ApplyTag(tag); !status.ok()) return status;
  }
  AddText(position_, source_.size());
  out_.programs_[program].end = static_cast<std::uint32_t>(out_.nodes_.size());
  if (!open_sections_.empty()) {
    const OpenSection& open = open_sections_.back();
    return Error(open.line, absl::StrFormat("the section \"%s\" is never closed; add %s/%s%s where it ends",
                                            Shown(open.name), open_, Shown(open.name), close_));
  }
  return absl::OkStatus();
}

absl::Status TemplateParser::ReadTag(std::size_t begin, Tag& tag) {
  tag.begin = begin;
  tag.line = LineOf(begin);
  std::size_t content = begin + open_.size();
  const char first = content < source_.size() ? source_[content] : '\0';
  std::string close = close_;
  if (first != '\0' && std::string_view("#^/!=&>{<$").find(first) != std::string_view::npos) {
    tag.sigil = first;
    ++content;
    if (first == '{') close = "}" + close_;
    if (first == '=') close = "=" + close_;
  }
  const std::size_t stop = source_.find(close, content);
  if (stop == std::string_view::npos) {
    return Error(tag.line, absl::StrFormat("the tag \"%s\" is never closed; it must end with %s",
                                           Shown(source_.substr(begin, source_.find('\n', begin) - begin)), close));
  }
  tag.content = base::TrimAscii(source_.substr(content, stop - content));
  tag.end = stop + close.size();
  return absl::OkStatus();
}

void TemplateParser::TakeTextBefore(const Tag& tag) {
  std::size_t text_end = tag.begin;
  std::size_t next = tag.end;
  indentation_ = {};
  if (MayStandAlone(tag.sigil)) {
    std::size_t before = tag.begin;
    while (before > position_ && (source_[before - 1] == ' ' || source_[before - 1] == '\t')) --before;
    const bool at_line_start = before == 0 || source_[before - 1] == '\n';
    std::size_t after = tag.end;
    while (after < source_.size() && (source_[after] == ' ' || source_[after] == '\t')) ++after;
    const bool at_end = after == source_.size();
    if (source_.substr(after, 2) == "\r\n") ++after;
    if (at_line_start && (at_end || source_[after] == '\n')) {
      text_end = before;
      indentation_ = source_.substr(before, tag.begin - before);
      next = at_end ? after : after + 1;
    }
  }
  AddText(position_, text_end);
  position_ = next;
}

absl::Status TemplateParser::ApplyTag(const Tag& tag) {
  switch (tag.sigil) {
    case '!':
      return absl::OkStatus();
    case '=':
      return SetDelimiters(tag);
    case '#':
    case '^':
      return OpenNode(tag);
    case '/':
      return CloseSection(tag);
    case '>':
      return CallPartial(tag);
    case '<':
    case '$':
      return Error(tag.line,
                   absl::StrFormat("the tag \"%c%s\": template inheritance is not supported; put its text here",
                                   tag.sigil, Shown(tag.content)));
    default: {
      Template::Node node;
      node.kind = Template::Node::Kind::kField;
      node.escape = context_.escape == Escape::kHtml && tag.sigil == 0;
      if (absl::Status status = AddName(tag, false, node.index); !status.ok()) return status;
      out_.nodes_.push_back(node);
      return absl::OkStatus();
    }
  }
}

absl::Status TemplateParser::OpenNode(const Tag& tag) {
  if (open_sections_.size() == Template::kMaxDepth) {
    return Error(tag.line,
                 absl::StrFormat("the section \"%s\" is nested too deeply; at most %d sections within each other",
                                 Shown(tag.content), Template::kMaxDepth));
  }
  Template::Node node;
  node.kind = tag.sigil == '#' ? Template::Node::Kind::kSection : Template::Node::Kind::kInverted;
  if (absl::Status status = AddName(tag, true, node.index); !status.ok()) return status;
  open_sections_.push_back({static_cast<std::uint32_t>(out_.nodes_.size()), tag.content, tag.line});
  out_.nodes_.push_back(node);
  out_.has_sections_ = true;
  return absl::OkStatus();
}

absl::Status TemplateParser::CallPartial(const Tag& tag) {
  if (tag.content.empty()) {
    return Error(tag.line, absl::StrFormat("a partial without a name; write %s> name%s", open_, close_));
  }
  const bool in_section = context_.in_section || !open_sections_.empty();
  const std::optional<std::uint32_t> program = compiler_.ProgramOf(tag.content, indentation_, in_section);
  if (!program.has_value()) {
    out_.unknown_partials_.push_back({Shown(tag.content), out_.files_[context_.file], tag.line});
    return absl::OkStatus();
  }
  Template::Node node;
  node.kind = Template::Node::Kind::kPartial;
  node.index = *program;
  out_.nodes_.push_back(node);
  return absl::OkStatus();
}

absl::Status TemplateParser::CloseSection(const Tag& tag) {
  if (open_sections_.empty()) {
    return Error(tag.line,
                 absl::StrFormat("\"/%s\" closes a section that is not open; open it with %s#%s%s, or remove this",
                                 Shown(tag.content), open_, Shown(tag.content), close_));
  }
  const OpenSection open = open_sections_.back();
  if (open.name != tag.content) {
    return Error(tag.line,
                 absl::StrFormat("\"/%s\" stands where the section \"%s\" of line %d is open; close that one first",
                                 Shown(tag.content), Shown(open.name), open.line));
  }
  out_.nodes_[open.node].end = static_cast<std::uint32_t>(out_.nodes_.size());
  open_sections_.pop_back();
  return absl::OkStatus();
}

absl::Status TemplateParser::AddName(const Tag& tag, bool is_section, std::uint32_t& index) {
  if (tag.content.empty()) {
    return Error(tag.line, absl::StrFormat("a tag without a name; write %sfield%s", open_, close_));
  }
  if (tag.content.find_first_of("\r\n") != std::string_view::npos) {
    return Error(tag.line,
                 absl::StrFormat("the tag \"%s\" goes over several lines; a name stands on one line, is a %s missing?",
                                 Shown(tag.content), close_));
  }
  Template::Name name;
  name.whole = SliceOf(tag.content);
  name.file = context_.file;
  name.line = tag.line;
  name.is_section = is_section;
  name.in_section = context_.in_section || !open_sections_.empty();
  name.first_part = static_cast<std::uint32_t>(out_.parts_.size());
  if (tag.content != ".") {
    std::string_view rest = tag.content;
    while (true) {
      const std::size_t dot = rest.find('.');
      const std::string_view part = base::TrimAscii(rest.substr(0, dot));
      if (part.empty()) {
        return Error(tag.line, absl::StrFormat("the name \"%s\" has an empty part; write it as in {{city.name}}",
                                               Shown(tag.content)));
      }
      out_.parts_.push_back(SliceOf(part));
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
  }
  name.part_count = static_cast<std::uint32_t>(out_.parts_.size()) - name.first_part;
  index = static_cast<std::uint32_t>(out_.names_.size());
  out_.names_.push_back(name);
  return absl::OkStatus();
}

absl::Status TemplateParser::SetDelimiters(const Tag& tag) {
  const std::size_t gap = tag.content.find_first_of(" \t\r\n");
  const std::string_view open = tag.content.substr(0, gap);
  const std::string_view close =
      gap == std::string_view::npos ? std::string_view() : base::TrimAscii(tag.content.substr(gap));
  const bool bad = open.empty() || close.empty() || tag.content.find('=') != std::string_view::npos ||
                   std::any_of(close.begin(), close.end(), IsSpace);
  if (bad) {
    return Error(tag.line,
                 absl::StrFormat("the delimiters \"%s\" are not two words; write {{=<%% %%>=}}", Shown(tag.content)));
  }
  open_ = open;
  close_ = close;
  return absl::OkStatus();
}

void TemplateParser::AddText(std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  Template::Node node;
  node.index = static_cast<std::uint32_t>(out_.texts_.size());
  out_.texts_.push_back(SliceOf(source_.substr(begin, end - begin)));
  out_.nodes_.push_back(node);
}

Template::Slice TemplateParser::SliceOf(std::string_view part) const {
  return {static_cast<std::uint32_t>(part.data() - out_.source_.data()), static_cast<std::uint32_t>(part.size())};
}

std::uint32_t TemplateParser::LineOf(std::size_t position) {
  const auto from = source_.begin() + static_cast<std::ptrdiff_t>(line_position_);
  const auto to = source_.begin() + static_cast<std::ptrdiff_t>(position);
  line_ += static_cast<std::uint32_t>(std::count(from, to, '\n'));
  line_position_ = position;
  return line_;
}

absl::Status TemplateParser::Error(std::uint32_t line, std::string_view what) const {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", out_.files_[context_.file], line, what));
}

}  // namespace message
