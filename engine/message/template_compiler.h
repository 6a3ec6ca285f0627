// Puts a template together: its own text, and the partials that it and they call, each with the indentation that it has
// where it is called. Used by Template::Compile only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"

namespace message {

class TemplateCompiler {
 public:
  // Fills `out`, which is empty.
  TemplateCompiler(Template& out, Escape escape, absl::Span<const Partial> partials)
      : out_(out), escape_(escape), partials_(partials) {}

  absl::Status Compile(std::string_view text, std::string_view file, std::uint32_t first_line);

  // For the parser: the program of a partial, which is read later. Nullopt: there is no such partial.
  std::optional<std::uint32_t> ProgramOf(std::string_view name, std::string_view indentation, bool in_section);

 private:
  // What a program is made from. A call within a section has a program of its own, for what its names may mean.
  struct Call {
    const Partial* partial = nullptr;
    std::string indentation;
    bool in_section = false;
    std::size_t depth = 0;  // Of the partials around it.
  };
  using Key = std::tuple<const Partial*, std::string, bool>;

  absl::Status Read(std::uint32_t program);
  absl::Status Append(std::string_view text, std::string_view indentation, const TemplateText& where);

  Template& out_;
  const Escape escape_;
  const absl::Span<const Partial> partials_;
  std::vector<Call> calls_;  // By program.
  std::map<Key, std::uint32_t> known_;
  std::size_t depth_ = 0;  // Of the program at hand.
};

}  // namespace message
