#include "engine/reply_rules.h"

#include <utility>
#include <vector>

#include "engine/config/bounce_rules.h"

namespace engine {

absl::StatusOr<smtp::RuleSet> LoadReplyRules(absl::Span<const std::string> paths) {
  absl::StatusOr<std::vector<config::BounceRule>> found = config::LoadBounceRules(paths);
  if (!found.ok()) return found.status();
  std::vector<smtp::ReplyRule> rules;
  rules.reserve(found->size());
  for (config::BounceRule& rule : *found)
    rules.push_back({std::move(rule.classification), std::move(rule.pattern), std::move(rule.place)});
  return smtp::RuleSet::Compile(rules);
}

}  // namespace engine
