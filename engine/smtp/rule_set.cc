#include "engine/smtp/rule_set.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/pattern.h"
#include "engine/base/text.h"

namespace smtp {

struct RuleSet::Compiled {
  Classification classification;
  base::Pattern pattern;
};

RuleSet::RuleSet() = default;
const RuleSet& RuleSet::None() {
  static const RuleSet kNone;
  return kNone;
}

RuleSet::~RuleSet() = default;
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;

absl::StatusOr<RuleSet> RuleSet::Compile(absl::Span<const ReplyRule> rules) {
  RuleSet set;
  std::string errors;
  const auto wrong = [&errors](const ReplyRule& rule, std::string_view what) {
    absl::StrAppend(&errors, errors.empty() ? "" : "\n", rule.place, ": ", base::AbslView(what));
  };
  for (const ReplyRule& rule : rules) {
    const std::optional<Classification> classification = ParseClassification(rule.classification);
    if (!classification.has_value()) {
      wrong(rule, absl::StrCat("rules.", rule.classification,
                               " is no class; the classes are those of KumoMTA, such as ", "InvalidRecipient"));
      continue;
    }
    absl::StatusOr<base::Pattern> pattern = base::Pattern::Compile(rule.pattern);
    if (!pattern.ok()) {
      wrong(rule, std::string(pattern.status().message()));
      continue;
    }
    set.rules_.push_back({*classification, *std::move(pattern)});
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return set;
}

std::optional<Classification> RuleSet::Find(const Reply& reply) const {
  if (rules_.empty()) return std::nullopt;
  const std::string line = reply.ToString();
  for (const Compiled& rule : rules_) {
    if (rule.pattern.IsIn(line)) return rule.classification;
  }
  return std::nullopt;
}

}  // namespace smtp
