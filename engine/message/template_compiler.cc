#include "engine/message/template_compiler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/message/template_parser.h"

namespace message {
namespace {

absl::Status CheckUtf8(std::string_view text, std::string_view file, std::uint32_t line) {
  if (base::IsUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s:%d: the template is not UTF-8; save the file as UTF-8", file, line));
}

}  // namespace

std::optional<std::uint32_t> TemplateCompiler::ProgramOf(std::string_view name, std::string_view indentation,
                                                         bool in_section) {
  const auto partial =
      std::find_if(partials_.begin(), partials_.end(), [name](const Partial& p) { return p.name == name; });
  if (partial == partials_.end()) return std::nullopt;
  const auto next = static_cast<std::uint32_t>(out_.programs_.size());
  const auto [known, is_new] = known_.emplace(Key(&*partial, indentation, in_section), next);
  if (is_new) {
    out_.programs_.emplace_back();
    calls_.push_back({&*partial, std::string(indentation), in_section, depth_ + 1});
    std::vector<std::string>& names = out_.partials_;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  return known->second;
}

// The indentation stands before each line of the partial's text, whatever its tags make of it.
absl::Status TemplateCompiler::Append(std::string_view text, std::string_view indentation, const TemplateText& where) {
  std::string& source = out_.source_;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const std::size_t size = std::min(line.size() + 1, rest.size());
    if (source.size() + indentation.size() + size > Template::kMaxBytes) {
      return absl::InvalidArgumentError(absl::StrFormat("%s:%d: the template is larger than %d MB with its partials",
                                                        where.file, where.line, Template::kMaxBytes >> 20));
    }
    source.append(indentation).append(rest, 0, size);
    rest.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status TemplateCompiler::Read(std::uint32_t program) {
  const Call call = calls_[program];
  const TemplateText& text = call.partial->text;
  depth_ = call.depth;
  if (depth_ > Template::kMaxDepth) {
    out_.programs_[program].too_deep = true;
    return absl::OkStatus();
  }
  if (absl::Status status = CheckUtf8(text.text, text.file, text.line); !status.ok()) return status;
  const std::size_t begin = out_.source_.size();
  if (absl::Status status = Append(text.text, call.indentation, text); !status.ok()) return status;
  const auto file = static_cast<std::uint32_t>(out_.files_.size());
  out_.files_.push_back(text.file);
  TemplateParser parser(out_, *this, begin, {file, text.line, escape_, call.in_section});
  return parser.Parse(program);
}

absl::Status TemplateCompiler::Compile(std::string_view text, std::string_view file, std::uint32_t first_line) {
  if (text.size() > Template::kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrFormat("%s:%d: the template has %d bytes; at most %d", file, first_line,
                                                      text.size(), Template::kMaxBytes));
  }
  if (absl::Status status = CheckUtf8(text, file, first_line); !status.ok()) return status;
  out_.source_ = text;
  out_.files_.emplace_back(file);
  out_.programs_.emplace_back();
  calls_.emplace_back();
  TemplateParser parser(out_, *this, 0, {0, first_line, escape_, false});
  if (absl::Status status = parser.Parse(0); !status.ok()) return status;
  for (std::uint32_t program = 1; program < out_.programs_.size(); ++program) {
    if (absl::Status status = Read(program); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace message
