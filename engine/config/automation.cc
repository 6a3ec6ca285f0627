#include "engine/config/automation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/duration_text.h"
#include "engine/base/rate.h"

namespace config {
namespace {

using Kind = AutomationAction::Kind;

constexpr base::Duration kLeast = base::Duration::Seconds(1);
constexpr base::Duration kMost = base::Duration::Hours(24 * 30);

struct NamedAction {
  std::string_view name;
  Kind kind;
};
constexpr NamedAction kActions[] = {
    {"Suspend", Kind::kSuspend}, {"SuspendTenant", Kind::kSuspendTenant}, {"SuspendCampaign", Kind::kSuspendCampaign},
    {"Bounce", Kind::kSuspend},  {"BounceTenant", Kind::kSuspendTenant},  {"BounceCampaign", Kind::kSuspendCampaign},
};

}  // namespace

bool AutomationRule::Fits(std::string_view line) const {
  return std::any_of(patterns.begin(), patterns.end(), [line](const base::Pattern& one) { return one.IsIn(line); });
}

std::string AutomationRule::ActionText() const {
  return absl::StrJoin(actions, ", ",
                       [](std::string* out, const AutomationAction& action) { out->append(action.text); });
}

AutomationRules AutomationReader::Read(const toml::node& node) {
  AutomationRules rules;
  const toml::array* const list = node.as_array();
  if (list == nullptr || !std::all_of(list->begin(), list->end(), [](const toml::node& e) { return e.is_table(); })) {
    problems_.Add(node, absl::StrCat("[", label_, "] automation is no list of rules; write [[", label_,
                                     ".automation]] above each"));
    return rules;
  }
  for (const toml::node& element : *list) rules.push_back(ReadRule(*element.as_table()));
  return rules;
}

std::shared_ptr<const AutomationRule> AutomationReader::ReadRule(const toml::table& table) {
  const std::string name = label_ + ".automation";
  Section section(table, name, problems_);
  auto rule = std::make_shared<AutomationRule>();
  rule->place = problems_.Place(table);
  for (const char* const key : {"regex", "action", "duration"}) {
    if (section.Find(key) == nullptr) problems_.Add(table, absl::StrCat("[", name, "] has no ", key, "; it needs one"));
  }
  if (const toml::node* node = section.Find("regex")) ReadPatterns(*node, section, *rule);
  if (const toml::node* node = section.Find("action")) ReadActions(*node, section, *rule);
  if (const toml::node* node = section.Find("duration")) ReadDuration(*node, section, *rule);
  rule->trigger = "Immediate";
  if (const toml::node* node = section.Find("trigger")) ReadTrigger(*node, section, *rule);
  if (section.Bool("match_internal").value_or(false))
    help_.warn_once(*section.Find("match_internal"), "match_internal",
                    "is without effect: only what receivers say is looked at");
  section.Finish();
  return rule;
}

void AutomationReader::ReadPatterns(const toml::node& node, Section& section, AutomationRule& rule) {
  if (const toml::array* const list = node.as_array(); list != nullptr && !list->empty()) {
    for (const toml::node& element : *list) ReadPattern(element, section, rule);
  } else {
    ReadPattern(node, section, rule);
  }
}

void AutomationReader::ReadPattern(const toml::node& node, Section& section, AutomationRule& rule) {
  const auto* const text = node.as_string();
  if (text == nullptr) return section.Wrong(node, "regex", "must be a regular expression, or a list of them");
  absl::StatusOr<base::Pattern> pattern = base::Pattern::Compile(text->get());
  if (!pattern.ok()) return problems_.Add(node, std::string(pattern.status().message()));
  absl::StrAppend(&rule.regex, rule.regex.empty() ? "" : " | ", text->get());
  rule.patterns.push_back(*std::move(pattern));
}

void AutomationReader::ReadTrigger(const toml::node& node, Section& section, AutomationRule& rule) {
  const auto wrong = [&] {
    section.Wrong(node, "trigger", "must be \"Immediate\" or {Threshold=\"10/hour\"}, of at most 10,000");
  };
  if (const auto* const text = node.as_string()) {
    if (text->get() != "Immediate") wrong();
    return;
  }
  const toml::table* const table = node.as_table();
  const toml::node* const value = table != nullptr && table->size() == 1 ? table->get("Threshold") : nullptr;
  if (value == nullptr || !value->is_string()) return wrong();
  const absl::StatusOr<base::Rate> rate = base::ParseRate(value->ref<std::string>());
  if (!rate.ok() || rate->count < 1 || rate->count > AutomationRule::kCountMax) return wrong();
  rule.threshold = {rate->count, rate->period};
  rule.trigger = value->ref<std::string>();
}

void AutomationReader::ReadDuration(const toml::node& node, Section& section, AutomationRule& rule) {
  const auto* const text = node.as_string();
  const absl::StatusOr<base::Duration> span =
      base::ParseDuration(text == nullptr ? std::string_view() : std::string_view(text->get()));
  if (!span.ok() || *span < kLeast || *span > kMost)
    return section.Wrong(node, "duration", "must be a span of time from 1 second to 30 days, as \"90m\"");
  rule.duration = *span;
  rule.span = text->get();
}

void AutomationReader::ReadActions(const toml::node& node, Section& section, AutomationRule& rule) {
  if (const toml::array* const list = node.as_array(); list != nullptr && !list->empty()) {
    for (const toml::node& element : *list) ReadAction(element, section, rule);
  } else {
    ReadAction(node, section, rule);
  }
}

void AutomationReader::ReadAction(const toml::node& node, Section& section, AutomationRule& rule) {
  if (const toml::table* const table = node.as_table(); table != nullptr && ReadSetting(*table, rule)) return;
  if (const auto* const text = node.as_string()) {
    for (const NamedAction& action : kActions) {
      if (action.name != text->get()) continue;
      if (action.name.starts_with("Bounce"))
        help_.warn_once(node, std::string(action.name),
                        "holds the mail, as Suspend does: nobody bounces for what another recipient was told");
      rule.actions.push_back({action.kind, {}, text->get()});
      return;
    }
  }
  section.Wrong(node, "action",
                "must be \"Suspend\", \"SuspendTenant\", \"SuspendCampaign\", \"Bounce\", \"BounceTenant\", "
                "\"BounceCampaign\", {SetConfig={name=\"KEY\", value=VALUE}} or {SetDomainConfig={…}}, or a list");
}

// False: it is no such action.
bool AutomationReader::ReadSetting(const toml::table& action, AutomationRule& rule) {
  if (action.size() != 1) return false;
  const bool is_domains = action.contains("SetDomainConfig");
  const toml::node* const set = action.get(is_domains ? "SetDomainConfig" : "SetConfig");
  const toml::table* const setting = set == nullptr ? nullptr : set->as_table();
  if (setting == nullptr || setting->size() != 2) return false;
  const toml::node* const name = setting->get("name");
  const toml::node* const value = setting->get("value");
  if (name == nullptr || !name->is_string() || value == nullptr) return false;
  std::optional<Shaping::Change> change = help_.read_key(name->ref<std::string>(), *value);
  if (!change.has_value()) return true;
  std::string text = absl::StrCat(change->setting.key, " = ", change->setting.value, is_domains ? " (domain)" : "");
  rule.actions.push_back({is_domains ? Kind::kSetDomainConfig : Kind::kSetConfig, *std::move(change), std::move(text)});
  return true;
}

}  // namespace config
