#include "engine/smtp/rule_set.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace smtp {
namespace {

constexpr std::uint32_t kMatchLimit = 100'000;  // Steps of one search: no reply holds up the shard.

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

PCRE2_SPTR Bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct RuleSet::Compiled {
  Classification classification;
  std::unique_ptr<pcre2_code, CodeDeleter> code;
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
    int error = 0;
    std::size_t offset = 0;
    std::unique_ptr<pcre2_code, CodeDeleter> code(
        pcre2_compile(Bytes(rule.pattern), rule.pattern.size(), 0, &error, &offset, nullptr));
    if (code == nullptr) {
      char message[256] = {};
      pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
      wrong(rule, absl::StrCat("\"", rule.pattern, "\" is no regular expression: ", message, " (at ", offset, ")"));
      continue;
    }
    set.rules_.push_back({*classification, std::move(code)});
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return set;
}

std::optional<Classification> RuleSet::Find(const Reply& reply) const {
  if (rules_.empty()) return std::nullopt;
  const std::string line = reply.ToString();
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(pcre2_match_data_create(1, nullptr));
  const std::unique_ptr<pcre2_match_context, MatchContextDeleter> limits(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  for (const Compiled& rule : rules_) {
    // 0: it fits, and the one place for what it found is not enough.
    if (pcre2_match(rule.code.get(), Bytes(line), line.size(), 0, 0, data.get(), limits.get()) >= 0)
      return rule.classification;
  }
  return std::nullopt;
}

}  // namespace smtp
