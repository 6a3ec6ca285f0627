#include "engine/config/bounce_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/config/toml_section.h"

namespace config {
namespace {

// The tables of toml++ are sorted by key; the file's order is that of the lines.
struct PlacedRule {
  std::uint32_t line;
  std::uint32_t column;
  BounceRule rule;
};

void ReadClass(std::string_view label, const toml::node& node, Problems& problems, std::vector<PlacedRule>& rules) {
  const toml::array* patterns = node.as_array();
  if (patterns == nullptr) {
    problems.Add(node, absl::StrCat("rules.", std::string(label), " is ", std::string(KindOf(node)),
                                    "; it must be a list of regular expressions"));
    return;
  }
  for (const toml::node& pattern : *patterns) {
    if (!pattern.is_string()) {
      problems.Add(pattern, absl::StrCat("rules.", std::string(label), " has ", std::string(KindOf(pattern)),
                                         "; each must be a regular expression"));
      continue;
    }
    const toml::source_position at = pattern.source().begin;
    rules.push_back({at.line, at.column, {std::string(label), pattern.ref<std::string>(), problems.Place(pattern)}});
  }
}

}  // namespace

absl::StatusOr<std::vector<BounceRule>> ParseBounceRules(std::string_view text, std::string_view path) {
  Problems problems(path);
  std::vector<PlacedRule> placed;
  if (const std::optional<toml::table> root = ParseToml(text, path, problems)) {
    Section top(*root, "", problems);
    const toml::table* const classes = top.Table("rules");
    if (classes == nullptr && problems.empty())
      problems.Add(1, "has no table [rules]; it holds a list of regular expressions for each class");
    if (classes != nullptr) {
      for (auto&& [label, node] : *classes) ReadClass(label.str(), node, problems, placed);
    }
    top.Finish();
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems.ToString());
  std::sort(placed.begin(), placed.end(), [](const PlacedRule& a, const PlacedRule& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  std::vector<BounceRule> rules;
  rules.reserve(placed.size());
  for (PlacedRule& rule : placed) rules.push_back(std::move(rule.rule));
  return rules;
}

absl::StatusOr<std::vector<BounceRule>> LoadBounceRules(absl::Span<const std::string> paths) {
  std::vector<BounceRule> rules;
  std::string errors;
  const auto note = [&errors](const absl::Status& status) {
    absl::StrAppend(&errors, errors.empty() ? "" : "\n", std::string(status.message()));
  };
  for (const std::string& path : paths) {
    std::string text;
    if (const absl::Status read = ReadFile(path, text); !read.ok()) {
      note(read);
      continue;
    }
    absl::StatusOr<std::vector<BounceRule>> more = ParseBounceRules(text, path);
    if (more.ok()) {
      std::move(more->begin(), more->end(), std::back_inserter(rules));
    } else {
      note(more.status());
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return rules;
}

}  // namespace config
