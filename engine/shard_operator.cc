// The part of a shard that serves the operator: what it tells of itself, and pauses that a person sets and takes away.

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/ledger/record.h"
#include "engine/shard.h"

namespace engine {

using delivery::Destination;
using delivery::Site;

namespace {

constexpr std::size_t kHeldMax = 10'000;  // Named in an answer; the rest is counted.
constexpr int kLookedAtOnce = 4096;       // Sites and destinations, in one turn.

std::string_view NameOf(const Site& site) {
  return site.provider().empty() ? delivery::kOtherProvider : std::string_view(site.provider());
}

// Visits those behind `after`, `left` at most, and notes how far it came. True: those were the last.
template <typename Key, typename Value, typename Visit>
bool VisitSome(const std::map<Key, std::unique_ptr<Value>>& all, std::optional<Key>& after, int& left,
               const Visit& visit) {
  auto next = after.has_value() ? all.upper_bound(*after) : all.begin();
  const auto begin = next;
  for (; left > 0 && next != all.end(); --left, ++next) visit(*next->second);
  if (next != begin) after = std::prev(next)->first;
  return next == all.end();
}

}  // namespace

// ---- answers ----

void Shard::AnswerStatus(std::uint64_t question) { surveys_.emplace_back().answer.question = question; }

void Shard::AnswerMetrics(std::uint64_t question) {
  Survey& survey = surveys_.emplace_back();
  survey.answer.question = question;
  survey.of_metrics = true;
}

void Shard::Look(const Site& site, delivery::ShardAnswer& answer) const {
  if (!site.HasDestinations()) return;
  if (answer.held.size() < kHeldMax) {
    if (std::optional<delivery::HeldQueue> held = site.HeldNow()) answer.held.push_back(*std::move(held));
  } else if (site.IsHeldNow()) {
    ++answer.held_more;
  }
  std::optional<delivery::LimitedQueue> limited = site.LimitedNow();
  if (!limited.has_value()) return;
  answer.limited_providers[std::string(NameOf(site))][limited->limit].Add(
      {.sites = 1, .since = limited->since, .until = limited->until, .sample = limited->sample});
  if (answer.limited.size() < kHeldMax) {
    answer.limited.push_back(*std::move(limited));
  } else {
    ++answer.limited_more;
  }
}

void Shard::Look(const Destination& destination, Survey& survey) const {
  delivery::ShardAnswer& answer = survey.answer;
  if (survey.of_metrics) {
    if (destination.site == nullptr) return;
    auto& pending = answer.metrics.pending;
    auto known = pending.find(NameOf(*destination.site));
    if (known == pending.end()) known = pending.try_emplace(std::string(NameOf(*destination.site))).first;
    known->second.Add(destination.queue.counts());
    return;
  }
  if (!destination.timer.IsSet()) return;
  const base::Instant now = seams_.clock.Now();
  const base::Instant at = std::max(now, destination.timer.at());
  if (destination.site != nullptr || destination.dns_backoff == base::Duration()) {
    const bool is_paused = destination.site != nullptr && destination.site->IsPaused();
    if (!is_paused) survey.next_retry = std::min(survey.next_retry.value_or(at), at);
  } else if (answer.held.size() >= kHeldMax) {
    ++answer.held_more;
  } else {
    const base::WallTime wall = seams_.clock.WallNow();
    answer.held.push_back({.queue = destination.name,
                           .provider = "",
                           .source = job_.sources[SourceOf(destination.key)].name,
                           .reason = "without an answer from the DNS",
                           .sample = "",
                           .since = wall - (now - destination.dns_since),
                           .until = wall + (at - now)});
  }
}

void Shard::AnswerSurveys() {
  if (surveys_.empty()) return;
  Survey& survey = surveys_.front();
  delivery::ShardAnswer& answer = survey.answer;
  int left = kLookedAtOnce;
  const auto look_at_site = [&](const Site& site) { Look(site, answer); };
  const auto look_at_destination = [&](const Destination& destination) { Look(destination, survey); };
  if (!survey.of_metrics && !VisitSome(sites_, survey.site, left, look_at_site)) return;
  if (!VisitSome(destinations_, survey.destination, left, look_at_destination)) return;
  const base::Instant now = seams_.clock.Now();
  if (survey.of_metrics) answer.metrics.outcomes = commits_.groups();
  if (survey.next_retry.has_value())
    answer.next_retry = seams_.clock.WallNow() + (std::max(now, *survey.next_retry) - now);
  if (!survey.of_metrics && seams_.is_dns_held_by_rate && seams_.is_dns_held_by_rate())
    answer.unasked = router_.waiting();
  if (!survey.of_metrics && options_.index == 0) answer.pauses = budgets_.holds();
  seams_.links.Answer(options_.index, std::move(answer));
  surveys_.pop_front();
}

// What is said then is told only when it is written down.
void Shard::AnswerWhenDurable(std::uint64_t question) {
  answers_next_.push_back(question);
  if (answers_due_.empty()) OnRecordsDurable();
}

void Shard::OnRecordsDurable() {
  for (const std::uint64_t question : std::exchange(answers_due_, {})) {
    delivery::ShardAnswer answer;
    answer.question = question;
    seams_.links.Answer(options_.index, std::move(answer));
  }
  if (answers_next_.empty()) return;
  answers_due_ = std::exchange(answers_next_, {});
  if (commits_.IsBusy()) {
    commits_.Wait(*this);
  } else {
    OnRecordsDurable();
  }
}

// ---- pauses ----

void Shard::PauseByOperator(delivery::OperatorPause message) {
  const std::vector<delivery::PauseReason>& holds = budgets_.holds();
  const bool known = std::any_of(holds.begin(), holds.end(), [&message](const delivery::PauseReason& hold) {
    return hold.scope == message.reason.scope;
  });
  if (!known) {
    if (!message.reason.scope.IsCampaign()) coordinator_.OnRestored(message.reason);
    Coordinate(std::move(message.reason));
  }
  AnswerWhenDurable(message.question);
}

// A campaign that pauses as a whole is on its way to its end, and is resumed then.
void Shard::ResumeByOperator(std::uint64_t question) {
  if (pause_ != nullptr || phase_ != Phase::kRunning) {
    delivery::ShardAnswer answer;
    answer.question = question;
    answer.ends = true;
    seams_.links.Answer(options_.index, std::move(answer));
    return;
  }
  if (options_.index == 0) {  // The others hear of it from here, in order with the pauses.
    for (std::uint32_t shard = 1; shard < options_.count; ++shard)
      seams_.links.Post(shard, delivery::OperatorResume{question});
    coordinator_.OnResumed();
    commits_.batch().Add(ledger::CampaignState{.kind = ledger::CampaignStateKind::kResumed,
                                               .time = seams_.clock.WallNow(),
                                               .scope = ledger::kWholeCampaign,
                                               .by = "operator",
                                               .reason = "",
                                               .sample = ""});
    for (const RestoredSuspension& old : options_.suspensions) {  // Of sites that may not be there yet.
      const base::WallTime now = seams_.clock.WallNow();
      commits_.batch().Add(ledger::SiteState{.time = now,
                                             .site = old.site,
                                             .source = old.source,
                                             .until = now,
                                             .reason = "resumed",
                                             .sample = "",
                                             .scope = old.scope});
      seams_.limits.Lift(old.source, old.site, delivery::ScopesOf(job_.campaign, job_.tenant), seams_.clock.Now());
    }
    for (const delivery::Source& source : job_.sources) {  // Nor are those that the host remembers.
      seams_.limits.LiftSuspensions(source.name, delivery::ScopesOf(job_.campaign, job_.tenant), seams_.clock.Now());
    }
  }
  budgets_.ReleaseAll();
  suspensions_lifted_ = true;
  EndDomainOverrides(base::Instant::Never());
  for (const auto& [key, site] : sites_) {
    site->Resume();
    seams_.limits.Lift(job_.sources[key.source].name, key.name, delivery::ScopesOf(job_.campaign, job_.tenant),
                       seams_.clock.Now());
  }
  AnswerWhenDurable(question);
}

}  // namespace engine
