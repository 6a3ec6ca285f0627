// The part of a shard that tells its sites what the operator or a budget wants: pauses, their end, a drain.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/ledger/record.h"
#include "engine/shard.h"
#include "engine/visit_some.h"

namespace engine {

using delivery::Site;
using delivery::SiteKey;

namespace {

constexpr int kToldAtOnce = 1024;  // Sites, in one turn.

}  // namespace

void Shard::GiveOrder(Order::Kind kind) {
  look_from_.reset();  // It would say what was before.
  const bool is_said =
      !orders_.empty() && kind == Order::Kind::kHold && orders_.back().kind == kind && orders_.back().site == SiteKey();
  if (is_said) {  // And nobody has been told yet: each is told all that holds it.
    orders_.back().sites_made = sites_made_;
  } else {
    orders_.push_back({.kind = kind, .sites_made = sites_made_});
  }
}

// At once, whoever has been told; once all have, each of them knows.
bool Shard::IsStopped(const Site& site) const {
  if (phase_ != Phase::kRunning) return true;
  return !orders_.empty() && budgets_.HoldOf(site.provider(), job_.sources[site.key().source].name) != nullptr;
}

void Shard::TellSites() {
  if (orders_.empty()) return;
  Order& order = orders_.front();
  int left = kToldAtOnce;
  const bool is_all_lifted = order.kind != Order::Kind::kResume || options_.index != 0 || LiftRemembered(order, left);
  if (!is_all_lifted) return;
  VisitSome(sites_, order.site, left, [&](const SiteKey& key, Site& site) {
    if (site.id() <= order.sites_made) return TellSite(order, key, site);
    if (order.kind == Order::Kind::kResume) LiftOnHost(key);  // It may have taken up what was remembered meanwhile.
  });
  if (order.site.has_value()) return;
  const std::vector<std::uint64_t> questions = std::move(order.questions);
  orders_.pop_front();
  for (const std::uint64_t question : questions) AnswerWhenDurable(question);
}

void Shard::TellSite(const Order& order, const SiteKey& key, Site& site) {
  switch (order.kind) {
    case Order::Kind::kHold:
      return HoldSite(site);
    case Order::Kind::kDrain:
      return site.Drain();
    case Order::Kind::kResume:
      site.Resume();
      LiftOnHost(key);
  }
}

void Shard::LiftOnHost(const SiteKey& key) {
  seams_.limits.Lift(job_.sources[key.source].name, key.name, delivery::ScopesOf(job_.campaign, job_.tenant),
                     seams_.clock.Now());
}

// What the ledger knows of sites that may not be there yet, and what the host remembers. False: there is more.
bool Shard::LiftRemembered(Order& order, int& left) {
  const std::vector<std::string> scopes = delivery::ScopesOf(job_.campaign, job_.tenant);
  for (; left > 0 && order.suspensions < options_.suspensions.size(); --left) {
    const RestoredSuspension& old = options_.suspensions[order.suspensions++];
    const base::WallTime now = seams_.clock.WallNow();
    commits_.batch().Add(ledger::SiteState{.time = now,
                                           .site = old.site,
                                           .source = old.source,
                                           .until = now,
                                           .reason = "resumed",
                                           .sample = "",
                                           .scope = old.scope});
    seams_.limits.Lift(old.source, old.site, scopes, seams_.clock.Now());
  }
  for (; left > 0 && order.sources < job_.sources.size(); ++order.sources) {
    (void)seams_.limits.LiftSuspensions(job_.sources[order.sources].name, scopes, seams_.clock.Now(), order.remembered,
                                        left);
    if (order.remembered.has_value()) return false;
    order.remembered = "";
  }
  return order.suspensions == options_.suspensions.size() && order.sources == job_.sources.size();
}

void Shard::AnswerWhenTold(std::uint64_t question) {
  if (orders_.empty()) return AnswerWhenDurable(question);
  orders_.back().questions.push_back(question);
}

void Shard::PauseByOperator(delivery::OperatorPause message) {
  const std::vector<delivery::PauseReason>& holds = budgets_.holds();
  const bool known = std::any_of(holds.begin(), holds.end(), [&message](const delivery::PauseReason& hold) {
    return hold.scope == message.reason.scope;
  });
  if (!known) {
    if (!message.reason.scope.IsCampaign()) coordinator_.OnRestored(message.reason);
    Coordinate(std::move(message.reason));
  }
  AnswerWhenTold(message.question);
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
  }
  budgets_.ReleaseAll();
  suspensions_lifted_ = true;
  EndDomainOverrides(base::Instant::Never());
  GiveOrder(Order::Kind::kResume);
  AnswerWhenTold(question);
}

// A part of the campaign stops; the rest goes on.
void Shard::Hold(const delivery::PauseReason& pause) {
  if (options_.index == 0)
    seams_.log.Warning(absl::StrFormat("%s is paused until `sluice resume`: %s%s", pause.scope.ToString(), pause.reason,
                                       pause.sample.empty() ? "" : " (" + pause.sample + ")"));
  budgets_.Hold(pause);
  GiveOrder(Order::Kind::kHold);
}

void Shard::HoldSite(Site& site) {
  const auto* const hold = budgets_.HoldOf(site.provider(), job_.sources[site.key().source].name);
  if (hold != nullptr) return site.Pause(hold->reason);
  if (site.IsPaused()) NoteMove();
  site.EndPause();
  if (!orders_.empty()) WantsPump(site);  // What it could have done meanwhile it was kept from.
}

void Shard::Drain() {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kDraining;
  router_.Stop();
  GiveOrder(Order::Kind::kDrain);
}

// Whoever is not told yet that it drains may have idle sessions.
bool Shard::IsQuiet() const {
  return orders_.empty() && !commits_.IsBusy() && !commits_.WantsTurn() && budget_.used() == 0;
}

}  // namespace engine
