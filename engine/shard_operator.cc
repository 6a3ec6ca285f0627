// The part of a shard that serves the operator: what it tells of itself, and pauses that a person sets and takes away.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ledger/record.h"
#include "engine/shard.h"

namespace engine {

using delivery::Destination;
using delivery::Site;

namespace {

constexpr std::size_t kHeldMax = 10'000;  // Named in an answer; the rest is counted.

}  // namespace

// ---- answers ----

void Shard::AnswerStatus(std::uint64_t question) {
  delivery::ShardAnswer answer;
  answer.question = question;
  for (const auto& [key, site] : sites_) {
    if (!site->HasDestinations()) continue;
    if (answer.held.size() < kHeldMax) {
      if (std::optional<delivery::HeldQueue> held = site->HeldNow()) answer.held.push_back(*std::move(held));
    } else if (site->IsHeldNow()) {
      ++answer.held_more;
    }
    if (answer.limited.size() < kHeldMax) {
      if (std::optional<delivery::LimitedQueue> limited = site->LimitedNow())
        answer.limited.push_back(*std::move(limited));
    } else if (site->IsLimitedNow()) {
      ++answer.limited_more;
    }
  }
  const base::Instant now = seams_.clock.Now();
  std::optional<base::Instant> next;
  for (const auto& [key, destination] : destinations_) {
    if (!destination->timer.IsSet()) continue;
    const base::Instant at = std::max(now, destination->timer.at());
    if (destination->site == nullptr && destination->dns_backoff != base::Duration()) {
      if (answer.held.size() >= kHeldMax) {
        ++answer.held_more;
        continue;
      }
      answer.held.push_back({.queue = destination->name,
                             .provider = "",
                             .source = job_.sources[SourceOf(key)].name,
                             .reason = "without an answer from the DNS",
                             .sample = "",
                             .until = seams_.clock.WallNow() + (at - now)});
    } else if (destination->site == nullptr || !destination->site->IsPaused()) {
      next = std::min(next.value_or(at), at);
    }
  }
  if (next.has_value()) answer.next_retry = seams_.clock.WallNow() + (*next - now);
  if (options_.index == 0) answer.pauses = budgets_.holds();
  seams_.links.Answer(options_.index, std::move(answer));
}

void Shard::AnswerMetrics(std::uint64_t question) {
  delivery::ShardAnswer answer;
  answer.question = question;
  answer.metrics.outcomes = commits_.groups();
  for (const auto& [key, destination] : destinations_) {
    if (destination->site == nullptr) continue;
    const std::string& provider = destination->site->provider();
    answer.metrics.pending[provider.empty() ? std::string(delivery::kOtherProvider) : provider].Add(
        destination->queue.counts());
  }
  seams_.links.Answer(options_.index, std::move(answer));
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
