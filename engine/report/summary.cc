#include "engine/report/summary.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/terminal_text.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"

namespace report {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kOther = "other";

std::uint64_t Of(const std::uint64_t* by_state, ledger::State state) { return by_state[static_cast<int>(state)]; }

Json Latency(const Histogram& histogram) {
  return {{"p50", histogram.Percentile(0.5)}, {"p99", histogram.Percentile(0.99)}};
}

// What holds the campaign, or a site of it.
void PutHolds(const ledger::CampaignFacts& facts, bool pending, base::WallTime now, Json& json) {
  json["paused"] = Json::array();
  for (const auto& [scope, pause] : facts.pauses) {
    Json samples = Json::array();
    if (!pause.sample.empty()) samples.push_back(pause.sample);
    json["paused"].push_back({{"scope", scope},
                              {"by", pause.by},
                              {"reason", pause.reason},
                              {"since", base::FormatRfc3339(pause.since)},
                              {"sample_replies", samples}});
  }
  json["suspended"] = Json::array();
  for (const auto& [key, suspension] : facts.suspensions) {
    if (suspension.until <= now || !pending) continue;
    json["suspended"].push_back({{"site", key.site},
                                 {"source", key.source},
                                 {"until", base::FormatRfc3339(suspension.until)},
                                 {"reason", suspension.reason},
                                 {"sample_replies", {suspension.sample}}});
    if (suspension.since != base::WallTime()) json["suspended"].back()["since"] = base::FormatRfc3339(suspension.since);
    if (!key.scope.empty()) json["suspended"].back()["scope"] = key.scope;
  }
}

template <typename Groups>
Json PutGroups(const Groups& all, const char* name) {
  Json list = Json::array();
  for (const auto& [key, group] : all) {
    list.push_back({{name, key},
                    {"recipients", group.delivered + group.bounced},
                    {"delivered", group.delivered},
                    {"bounced", group.bounced},
                    {"deferred_attempts", group.deferred_attempts},
                    {"tls", group.tls}});
    const auto most = std::max_element(group.limits.begin(), group.limits.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most != group.limits.end()) list.back()["limited_by"] = most->first;
  }
  return list;
}

}  // namespace

std::string ResponseTemplate(std::string_view text) {
  constexpr std::string_view kSeparators = " <>()[]\"',;:=";
  constexpr std::size_t kTextMax = 160;
  std::string out;
  while (!text.empty() && out.size() < kTextMax) {
    const std::size_t end = text.find_first_of(kSeparators);
    const std::string_view word = text.substr(0, end);
    const bool varies =
        std::any_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || c == '@'; });
    out += varies ? "#" : std::string(word);
    text.remove_prefix(word.size());
    if (text.empty()) break;
    out.push_back(text[0]);
    text.remove_prefix(1);
  }
  if (out.size() > kTextMax) out.resize(kTextMax);  // A word may be as long as a reply.
  return out;
}

Summary::Group& Summary::GroupOf(std::map<std::string, Group, std::less<>>& groups, std::string_view name) {
  const auto known = groups.find(name);
  if (known != groups.end()) return known->second;
  return groups[std::string(groups.size() < kGroupsMax ? name : kOther)];
}

void Summary::CountRate(base::WallTime time) {
  if (time.seconds() != rate_second_) {
    rate_second_ = time.seconds();
    rate_count_ = 0;
  }
  rate_peak_ = std::max(rate_peak_, ++rate_count_);
}

void Summary::CountLimit(const ledger::Outcome& outcome, Group& provider) {
  constexpr std::size_t kLimitsMax = 32;
  const auto known = provider.limits.find(outcome.throttled_by);
  if (known != provider.limits.end()) {
    ++known->second;
  } else if (provider.limits.size() < kLimitsMax) {
    provider.limits[std::string(outcome.throttled_by)] = 1;
  }
}

void Summary::Take(const ledger::Outcome& outcome) {
  last_ = std::max(last_, outcome.time);
  const bool delivered = outcome.kind == ledger::OutcomeKind::kDelivered;
  const bool bounced = outcome.kind == ledger::OutcomeKind::kBounced;
  const bool deferred = outcome.kind == ledger::OutcomeKind::kDeferred;
  if (deferred) {
    ++deferred_attempts_;
    // Without a connection there was no record of the attempt's begin.
    if ((table_[outcome.recipient].flags & ledger::kAttemptOpen) == 0) ++attempts_;
  }
  if (outcome.kind == ledger::OutcomeKind::kHeld && attempts_ > 0) --attempts_;
  if (delivered) {
    bytes_ += outcome.size;
    CountRate(outcome.time);
    if (outcome.connection_use == 1) {
      connect_.Add(outcome.timings.connect);
      if (!outcome.tls_protocol.empty()) tls_.Add(outcome.timings.tls);
    }
    dot_.Add(outcome.timings.dot);
  }
  if (bounced) ++bounces_[std::string(outcome.classification)];
  if (!outcome.site.empty()) {
    for (Group* group : {&GroupOf(providers_, outcome.provider.empty() ? kOther : outcome.provider),
                         &GroupOf(sites_, outcome.site), &GroupOf(sources_, outcome.source)}) {
      group->delivered += delivered ? 1 : 0;
      group->bounced += bounced ? 1 : 0;
      group->deferred_attempts += deferred ? 1 : 0;
      group->tls += delivered && !outcome.tls_protocol.empty() ? 1 : 0;
    }
  }
  if (!outcome.site.empty() && !outcome.throttled_by.empty())
    CountLimit(outcome, GroupOf(providers_, outcome.provider.empty() ? kOther : outcome.provider));
  if (outcome.reply_text.empty() && outcome.reply_code == 0) return;
  std::string text = ResponseTemplate(outcome.reply_text);
  if (responses_.size() >= kTemplatesMax && responses_.find(text) == responses_.end()) text = std::string(kOther);
  Response& response = responses_[text];
  if (response.count++ > 0) return;
  response.code = outcome.reply_code;
  if (outcome.enhanced[0] != 0)
    response.enhanced = absl::StrFormat("%d.%d.%d", outcome.enhanced[0], outcome.enhanced[1], outcome.enhanced[2]);
  response.provider = std::string(outcome.provider);
  response.example = std::string(outcome.reply_text);
}

void Summary::Add(const ledger::Record& record) {
  if (const auto* attempt = std::get_if<ledger::Attempt>(&record)) {
    ++attempts_;
    last_ = std::max(last_, attempt->time);
    table_.Apply(*attempt);
  } else if (const auto* outcome = std::get_if<ledger::Outcome>(&record)) {
    Take(*outcome);
    table_.Apply(*outcome);
  } else if (const auto* state = std::get_if<ledger::CampaignState>(&record)) {
    facts_.Apply(*state);
  } else {
    facts_.Apply(std::get<ledger::SiteState>(record));
  }
}

Summary::Totals Summary::Count() const {
  Totals totals;
  for (ledger::RecipientId id = 0; id < table_.size(); ++id) {
    const ledger::RecipientEntry& entry = table_[id];
    const bool held = !ledger::IsFinal(entry.state) && (entry.flags & ledger::kHeld) != 0;
    totals.held += held ? 1 : 0;
    ++totals.by_state[static_cast<int>(entry.state)];
  }
  return totals;
}

std::string_view StateName(const ledger::CampaignFacts& facts, std::uint64_t pending, bool running) {
  if (facts.kind == ledger::CampaignStateKind::kCancelled) return "cancelled";
  if (pending == 0) return "finished";
  if (facts.kind == ledger::CampaignStateKind::kScheduled) return "scheduled";
  if (running) return "running";
  if (facts.kind == ledger::CampaignStateKind::kPaused) return "paused";
  return facts.runs == 0 ? "prepared" : "interrupted";
}

base::WallTime Summary::End(const Totals& totals, bool running, base::WallTime now) const {
  if (totals.pending() == 0) return std::max(last_, facts_.started_at);
  return running ? now : std::max(last_, facts_.started_at);
}

std::string Summary::ToJson(bool running, base::WallTime now) const {
  const Totals totals = Count();
  const std::uint64_t* by = totals.by_state;
  const std::uint64_t delivered = Of(by, ledger::State::kDelivered);
  Json json;
  json["format"] = 1;
  json["campaign"] = manifest_.campaign;
  if (!manifest_.campaign_name.empty()) json["name"] = manifest_.campaign_name;
  json["state"] = std::string(StateName(facts_, totals.pending(), running));
  json["totals"] = {{"rows", manifest_.rows},
                    {"invalid", manifest_.invalid},
                    {"duplicate", manifest_.duplicate},
                    {"suppressed", manifest_.suppressed},
                    {"recipients", manifest_.recipients},
                    {"delivered", delivered},
                    {"bounced", Of(by, ledger::State::kBounced)},
                    {"expired", Of(by, ledger::State::kExpired)},
                    {"withdrawn", Of(by, ledger::State::kWithdrawn)},
                    {"cancelled", Of(by, ledger::State::kCancelled)},
                    {"in_doubt", Of(by, ledger::State::kInDoubt)},
                    {"pending", totals.pending()}};
  std::uint64_t unattempted = 0, deferred = 0;
  for (ledger::RecipientId id = 0; id < table_.size(); ++id) {
    const ledger::RecipientEntry& entry = table_[id];
    if (ledger::IsFinal(entry.state) || (entry.flags & ledger::kHeld) != 0) continue;
    (entry.state == ledger::State::kDeferred ? deferred : unattempted) += 1;
  }
  json["pending"] = {{"unattempted", unattempted}, {"deferred", deferred}, {"held", totals.held}};
  PutHolds(facts_, totals.pending() > 0, now, json);
  json["attempts"] = {{"total", attempts_}, {"deferred", deferred_attempts_}};
  const base::WallTime end = End(totals, running, now);
  const double elapsed =
      facts_.started_at == base::WallTime() ? 0 : static_cast<double>((end - facts_.started_at).microseconds()) / 1e6;
  json["started_at"] =
      facts_.started_at == base::WallTime() ? Json(nullptr) : Json(base::FormatRfc3339(facts_.started_at));
  json["finished_at"] = totals.pending() == 0 ? Json(base::FormatRfc3339(end)) : Json(nullptr);
  json["elapsed_s"] = elapsed;
  json["messages_per_s"] = elapsed > 0 ? static_cast<double>(delivered) / elapsed : 0.0;
  json["peak_messages_per_s"] = rate_peak_;
  json["bytes"] = bytes_;
  json["providers"] = PutGroups(providers_, "provider");
  json["sites"] = PutGroups(sites_, "site");
  json["sources"] = PutGroups(sources_, "source");
  json["bounces"] = Json::array();
  for (const auto& [name, count] : bounces_) json["bounces"].push_back({{"class", name}, {"count", count}});
  json["responses"] = Json::array();
  for (const auto& [text, response] : responses_) {
    json["responses"].push_back({{"template", text},
                                 {"code", response.code},
                                 {"enhanced", response.enhanced},
                                 {"provider", response.provider},
                                 {"count", response.count},
                                 {"example", response.example}});
  }
  json["latency_us"] = {{"connect", Latency(connect_)}, {"tls", Latency(tls_)}, {"dot", Latency(dot_)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Summary::ToText(bool running, base::WallTime now, std::string_view option) const {
  const Json json = Json::parse(ToJson(running, now));
  const Json& totals = json["totals"];
  std::string out = absl::StrFormat("%s: %s\n", manifest_.campaign, json["state"].get<std::string>());
  if (!manifest_.campaign_name.empty()) absl::StrAppendFormat(&out, "  %s\n", manifest_.campaign_name);
  const auto row = [&out, &totals](const char* name) {
    const auto count = totals[name].get<std::uint64_t>();
    if (count > 0) absl::StrAppendFormat(&out, "  %-11s %10d\n", name, count);
  };
  for (const char* name : {"rows", "invalid", "duplicate", "suppressed"}) row(name);
  absl::StrAppendFormat(&out, "  %-11s %10d\n", "recipients", totals["recipients"].get<std::uint64_t>());
  for (const char* name : {"delivered", "bounced", "expired", "withdrawn", "cancelled", "in_doubt", "pending"})
    row(name);
  if (totals["pending"].get<std::uint64_t>() > 0) {
    const Json& pending = json["pending"];
    absl::StrAppendFormat(&out, "  pending: %d never tried, %d deferred, %d held\n",
                          pending["unattempted"].get<std::uint64_t>(), pending["deferred"].get<std::uint64_t>(),
                          pending["held"].get<std::uint64_t>());
  }
  absl::StrAppendFormat(&out, "  %d attempts in %.1f s, %.0f messages/s (peak %d)\n", attempts_,
                        json["elapsed_s"].get<double>(), json["messages_per_s"].get<double>(), rate_peak_);
  for (const Json& pause : json["paused"]) {
    absl::StrAppendFormat(&out, "  paused since %s: %s\n", pause["since"].get<std::string>(),
                          base::Harmless(pause["reason"].get<std::string>()));
    for (const Json& sample : pause["sample_replies"])
      absl::StrAppendFormat(&out, "    %s\n", base::Harmless(sample.get<std::string>()));
    absl::StrAppendFormat(&out, "    sluice resume %s%s\n", manifest_.campaign, option);
  }
  for (const Json& one : json["suspended"]) {
    absl::StrAppendFormat(&out, "  suspended until %s: %s (%s): %s\n", one["until"].get<std::string>(),
                          one["site"].get<std::string>(), base::Harmless(one["reason"].get<std::string>()),
                          base::Harmless(one["sample_replies"][0].get<std::string>()));
  }
  for (const Json& bounce : json["bounces"]) {
    absl::StrAppendFormat(&out, "  bounced as %s: %d\n", bounce["class"].get<std::string>(),
                          bounce["count"].get<std::uint64_t>());
  }
  if (totals["in_doubt"].get<std::uint64_t>() > 0) {
    absl::StrAppendFormat(
        &out, "  in doubt: accepted or not, it cannot be known. Their rows: sluice remainder %s%s --which in_doubt\n",
        manifest_.campaign, option);
  }
  return out;
}

}  // namespace report
