// The operator's rules for replies: regular expressions in the syntax of Perl, which KumoMTA's rule files are written
// in. Each is searched in the reply as one line, "550 5.1.1 no such user"; the first that fits decides.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/smtp/classification.h"
#include "engine/smtp/reply.h"

namespace smtp {

struct ReplyRule {
  std::string classification;  // As ToString(Classification) writes it.
  std::string pattern;
  std::string place;  // Where the rule stands, for error lines.
};

// Constant once made; any thread may ask.
class RuleSet {
 public:
  RuleSet();  // Without rules.
  static const RuleSet& None();
  ~RuleSet();
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;

  // Errors (kInvalidArgument): all that were found, one per line, "PLACE: what is wrong; what would be right".
  static absl::StatusOr<RuleSet> Compile(absl::Span<const ReplyRule> rules);

  // None: no rule fits. A rule that takes too long with this reply does not fit: receivers choose the text.
  std::optional<Classification> Find(const Reply& reply) const;

 private:
  struct Compiled;
  std::vector<Compiled> rules_;
};

}  // namespace smtp
