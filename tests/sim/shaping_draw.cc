#include "tests/sim/shaping_draw.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sim {
namespace {

using Limits = ProviderLimits;
using base::Duration;

// 10 to 110 in a minute, in several words.
base::Rate DrawRate(base::Prng& prng) {
  base::Rate rate{10 + prng.Below(100), Duration::Minutes(1), std::nullopt};
  if (prng.Chance(0.2)) rate = {60 * rate.count + prng.Below(60), Duration::Hours(1), std::nullopt};
  if (prng.Chance(0.2)) rate = {2 + prng.Below(17), Duration::Seconds(10), std::nullopt};
  if (prng.Chance(0.7)) rate.burst_max = 1 + prng.Below(20);
  return rate;
}

std::uint32_t DrawCount(base::Prng& prng, std::uint64_t most) {
  return static_cast<std::uint32_t>(1 + prng.Below(most));
}

Limits DrawLimits(base::Prng& prng, const Limits::Limit& of_all_sites) {
  Limits limits;
  const auto place = [&prng] { return prng.Chance(0.5) ? Limits::kProvider : Limits::kSite; };
  for (int i = 0; i < 2; ++i) {  // Of a site, of the provider, or both.
    if (prng.Chance(0.3)) limits.of[place()].messages = DrawRate(prng);
    if (prng.Chance(0.3)) limits.of[place()].connections = DrawCount(prng, 4);
  }
  if (prng.Chance(0.2)) limits.of[Limits::kProviderTotal].messages = DrawRate(prng);
  if (prng.Chance(0.3)) limits.of[Limits::kProviderTotal].connections = DrawCount(prng, 4);
  if (prng.Chance(0.3)) limits.of[Limits::kSite].connection_rate = DrawRate(prng);
  if (prng.Chance(0.5)) limits.deliveries = DrawCount(prng, 5);
  limits.of[Limits::kSiteTotal] = of_all_sites;
  return limits;
}

SourceLimits DrawLimitsOfSource(base::Prng& prng, const std::string& source) {
  SourceLimits own{source, {}};
  auto& of = own.limits.of;
  if (prng.Chance(0.5)) of[Limits::kSite].messages = DrawRate(prng);
  if (prng.Chance(0.3)) of[Limits::kSite].connections = DrawCount(prng, 4);
  if (prng.Chance(0.3)) of[Limits::kSite].connection_rate = DrawRate(prng);
  if (prng.Chance(0.3)) of[Limits::kProvider].messages = DrawRate(prng);
  if (prng.Chance(0.3)) of[Limits::kProvider].connections = DrawCount(prng, 4);
  if (prng.Chance(0.3)) own.limits.deliveries = DrawCount(prng, 5);
  return own;
}

ReplyRule DrawRule(base::Prng& prng) {
  static constexpr const char* kWords[] = {"try later", "4.2.1 try", "4.3.0 try"};
  static constexpr ReplyRule::Kind kKinds[] = {ReplyRule::Kind::kSuspend, ReplyRule::Kind::kConnections,
                                               ReplyRule::Kind::kRate};
  ReplyRule rule;
  rule.words = kWords[prng.Below(std::size(kWords))];
  if (prng.Chance(0.5)) {
    rule.count = 2 + prng.Below(4);
    rule.period = prng.Chance(0.5) ? Duration::Minutes(1) : Duration::Hours(1);
  }
  rule.lasts = Duration::Minutes(static_cast<std::int64_t>(1 + prng.Below(prng.Chance(0.5) ? 5 : 60)));
  rule.kind = kKinds[prng.Below(std::size(kKinds))];
  rule.connections = 1;  // What a rule sets is no more than what is configured.
  rule.rate = {1 + prng.Below(5), Duration::Minutes(1), std::nullopt};
  if (prng.Chance(0.5)) rule.rate.burst_max = 1;
  return rule;
}

WarmupPlan DrawWarmup(base::Prng& prng, const std::vector<delivery::Source>& sources) {
  WarmupPlan plan;
  std::uint32_t number = 0;
  for (std::uint64_t days = 1 + prng.Below(3); days > 0; --days)
    plan.numbers.push_back(number += static_cast<std::uint32_t>(1 + prng.Below(20)));
  if (sources.size() > 1 && prng.Chance(0.5)) plan.source = sources.front().name;
  plan.warm = prng.Chance(0.5);
  return plan;
}

void AppendLimits(const Limits& limits, std::string& text) {
  struct Keys {
    Limits::Scope scope;
    const char *connections, *messages;
  };
  static constexpr Keys kKeys[] = {{Limits::kSite, "connection_limit", "max_message_rate"},
                                   {Limits::kProvider, "provider_connection_limit", "provider_max_message_rate"},
                                   {Limits::kProviderTotal, "total_connection_limit", "total_message_rate"}};
  for (const Keys& keys : kKeys) {
    const Limits::Limit& limit = limits.of[keys.scope];
    if (limit.connections > 0) absl::StrAppendFormat(&text, "%s = %d\n", keys.connections, limit.connections);
    if (limit.messages.has_value())
      absl::StrAppendFormat(&text, "%s = \"%s\"\n", keys.messages, base::ToString(*limit.messages));
    if (limit.connection_rate.has_value())
      absl::StrAppendFormat(&text, "max_connection_rate = \"%s\"\n", base::ToString(*limit.connection_rate));
  }
  if (limits.deliveries > 0) absl::StrAppendFormat(&text, "max_deliveries_per_connection = %d\n", limits.deliveries);
}

std::string ActionOf(const ReplyRule& rule) {
  switch (rule.kind) {
    case ReplyRule::Kind::kSuspend:
      break;
    case ReplyRule::Kind::kConnections:
      return absl::StrFormat("{SetConfig={name=\"connection_limit\", value=%d}}", rule.connections);
    case ReplyRule::Kind::kRate:
      return absl::StrFormat("{SetConfig={name=\"max_message_rate\", value=\"%s\"}}", base::ToString(rule.rate));
  }
  return "\"Suspend\"";
}

void AppendRule(std::size_t provider, const ReplyRule& rule, std::string& text) {
  absl::StrAppendFormat(&text, "[[provider.\"limited%d\".automation]]\nregex = '%s'\naction = %s\nduration = \"%ds\"\n",
                        provider, rule.words, ActionOf(rule), rule.lasts.seconds());
  if (rule.period != Duration())
    absl::StrAppendFormat(&text, "trigger = {Threshold=\"%d/%s\"}\n", rule.count,
                          rule.period == Duration::Hours(1) ? "h" : "min");
}

std::string TextOf(const WarmupPlan& plan) {
  return absl::StrFormat("warmup = [%s]\noverflow = \"%s\"\n", absl::StrJoin(plan.numbers, ", "),
                         plan.warm ? "warm" : "wait");
}

}  // namespace

DrawnShaping DrawShaping(base::Prng& prng, const sandbox::Personality& personality,
                         const std::vector<delivery::Source>& sources) {
  DrawnShaping drawn;
  // A domain without MX goes to its own host, which is of no provider.
  const auto& faults = personality.dns.shares;
  if (std::any_of(faults.begin(), faults.end(),
                  [](const auto& one) { return one.fault == sandbox::DomainFault::kNoMx; }))
    return drawn;
  if (prng.Chance(0.2)) drawn.of_all_sites.connections = DrawCount(prng, 4);
  if (prng.Chance(0.1)) drawn.of_all_sites.messages = DrawRate(prng);
  for (std::size_t i = 0; i < personality.providers.size(); ++i) {
    if (!prng.Chance(0.5)) continue;
    drawn.limits[i] = DrawLimits(prng, drawn.of_all_sites);
    // Who takes fewer connections than are allowed is to be learned.
    if (personality.providers[i].connections_per_source == 0 && prng.Chance(0.2)) drawn.not_adaptive.push_back(i);
    if (prng.Chance(0.1)) drawn.warmups[i] = DrawWarmup(prng, sources);
    if (prng.Chance(0.3)) drawn.of_sources[i] = DrawLimitsOfSource(prng, sources[prng.Below(sources.size())].name);
    if (!prng.Chance(0.5)) continue;
    std::vector<ReplyRule>& rules = drawn.rules[i];
    for (std::uint64_t n = 1 + prng.Below(2); n > 0; --n) {
      ReplyRule rule = DrawRule(prng);
      // Of two that set the same the one counts that ends last, and a receiver cannot know it of both.
      if (!rules.empty() && rules.front().kind == rule.kind) rule.kind = ReplyRule::Kind::kSuspend;
      rules.push_back(std::move(rule));
    }
  }
  return drawn;
}

void DrawLimitsAnew(base::Prng& prng, DrawnShaping& shaping) {
  for (auto& [provider, limits] : shaping.limits) {
    if (prng.Chance(0.7)) limits = DrawLimits(prng, shaping.of_all_sites);
  }
  for (auto& [provider, own] : shaping.of_sources) {
    if (prng.Chance(0.7)) own = DrawLimitsOfSource(prng, own.source);
  }
}

Limits LimitsOf(const DrawnShaping& shaping, std::size_t provider, std::string_view source) {
  Limits limits = shaping.limits.at(provider);
  const auto found = shaping.of_sources.find(provider);
  if (found == shaping.of_sources.end() || found->second.source != source) return limits;
  const Limits& own = found->second.limits;
  for (std::size_t scope = 0; scope < Limits::kScopes; ++scope) {
    const Limits::Limit& of = own.of[scope];
    if (of.connections > 0) limits.of[scope].connections = of.connections;
    if (of.messages.has_value()) limits.of[scope].messages = of.messages;
    if (of.connection_rate.has_value()) limits.of[scope].connection_rate = of.connection_rate;
  }
  if (own.deliveries > 0) limits.deliveries = own.deliveries;
  return limits;
}

std::string TextOf(const DrawnShaping& shaping) {
  std::string text;
  if (const auto& all = shaping.of_all_sites; all.connections > 0 || all.messages.has_value()) {
    text += "[\"default\"]\n";
    if (all.connections > 0) absl::StrAppendFormat(&text, "total_connection_limit = %d\n", all.connections);
    if (all.messages.has_value())
      absl::StrAppendFormat(&text, "total_message_rate = \"%s\"\n", base::ToString(*all.messages));
  }
  for (const auto& [provider, limits] : shaping.limits) {
    absl::StrAppendFormat(&text, "[provider.\"limited%d\"]\nmatch = [{MXSuffix = \".p%d.example\"}]\n", provider,
                          provider);
    AppendLimits(limits, text);
    const auto& rest = shaping.not_adaptive;
    if (std::find(rest.begin(), rest.end(), provider) != rest.end()) text += "adaptive = false\n";
    std::map<std::string, std::string> of_sources;  // By name; "": of all.
    if (const auto warmup = shaping.warmups.find(provider); warmup != shaping.warmups.end())
      of_sources[warmup->second.source] = TextOf(warmup->second);
    if (const auto own = shaping.of_sources.find(provider); own != shaping.of_sources.end())
      AppendLimits(own->second.limits, of_sources[own->second.source]);
    text += of_sources[""];
    if (const auto rules = shaping.rules.find(provider); rules != shaping.rules.end()) {
      for (const ReplyRule& rule : rules->second) AppendRule(provider, rule, text);
    }
    of_sources.erase("");
    for (const auto& [source, keys] : of_sources)
      absl::StrAppendFormat(&text, "[provider.\"limited%d\".sources.\"%s\"]\n%s", provider, source, keys);
  }
  return text;
}

}  // namespace sim
