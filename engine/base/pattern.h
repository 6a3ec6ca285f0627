// Regular expressions in the syntax of Perl (PCRE2), which KumoMTA's files are written in too. Bytes, no UTF-8 mode.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace base {

// Constant once made; any thread may ask. Copies share what was compiled.
class Pattern {
 public:
  // Errors (kInvalidArgument): what is wrong with it, without a place.
  static absl::StatusOr<Pattern> Compile(std::string_view text);

  // Whether it is found in the text. One that takes too long with this text is not: others choose the text.
  bool IsIn(std::string_view text) const;

 private:
  struct Code;
  explicit Pattern(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

}  // namespace base
