// The part of a shard that answers the operator: what it tells of itself.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/shard.h"
#include "engine/visit_some.h"

namespace engine {

using delivery::Destination;
using delivery::Site;

namespace {

constexpr std::size_t kHeldMax = 10'000;  // Named in an answer; the rest is counted.
constexpr int kLookedAtOnce = 4096;       // Sites and destinations, in one turn.

std::string_view NameOf(const Site& site) {
  return site.provider().empty() ? delivery::kOtherProvider : std::string_view(site.provider());
}

}  // namespace

// ---- answers ----

void Shard::AnswerStatus(std::uint64_t question) { surveys_.emplace_back().answer.question = question; }

void Shard::AnswerMetrics(std::uint64_t question) {
  Survey& survey = surveys_.emplace_back();
  survey.answer.question = question;
  survey.of_metrics = true;
  survey.site.reset();
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
  VisitSome(sites_, survey.site, left, [&](const delivery::SiteKey&, const Site& site) { Look(site, answer); });
  if (survey.site.has_value()) return;
  VisitSome(destinations_, survey.destination, left,
            [&](const delivery::DestinationKey&, const Destination& destination) { Look(destination, survey); });
  if (survey.destination.has_value()) return;
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

}  // namespace engine
