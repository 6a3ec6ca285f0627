// The part of a shard that is about the whole campaign: facts for the coordinator, its end, and what it waits for.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/shard.h"
#include "engine/visit_some.h"

namespace engine {

using delivery::DestinationKey;
using delivery::Site;

namespace {

constexpr base::Duration kWatchEvery = base::Duration::Minutes(1);
constexpr int kLookedAtOnce = 4096;         // Sites, or destinations, in each turn.
constexpr int kExpiredAtOnce = 512;         // Destinations in each turn…
constexpr std::size_t kSweptAtOnce = 1024;  // …and so many new ones beside those whose sweep goes on.

std::string Describe(const delivery::HeldQueue& held, base::WallTime now) {
  const std::string when = held.until.has_value() ? absl::StrFormat("again in %d s", (*held.until - now).seconds())
                                                  : "until `sluice resume`";
  return absl::StrFormat("%s is %s, %s%s", held.queue, held.reason, when,
                         held.sample.empty() ? "" : " (" + held.sample + ")");
}

// A site that sends no more today is not held, and waits all the same.
std::optional<delivery::HeldQueue> WarmupWaitOf(const Site& site) {
  const std::optional<delivery::LimitedQueue> limited = site.LimitedNow();
  if (!limited.has_value() || limited->limit != delivery::kWarmupLimit) return std::nullopt;
  delivery::HeldQueue wait;
  wait.queue = limited->queue;
  wait.reason = "sending no more today, by its source's warm-up";
  wait.until = limited->until;
  return wait;
}

bool IsBlocked(const delivery::Destination& destination) {
  const Site* const site = destination.site;
  return site != nullptr && site->IsPaused() && !site->HasTransactions();
}

}  // namespace

// Facts go by mailbox, on shard 0 too: a pause ends sessions, and it may be one of these that tells the fact.

void Shard::OnDomain(std::uint64_t domain, bool missing) {
  seams_.links.Post(0, delivery::DomainFact{domain, missing});
}

// One line in an hour, however many hosts there are: with those of its domains there may be thousands.
void Shard::OnHostUnanswered(const std::string& failure) {
  const base::Instant now = seams_.clock.Now();
  if (now < tells_host_from_) return;
  tells_host_from_ = now + base::Duration::Hours(1);
  seams_.log.Warning(absl::StrFormat(
      "DNS gives no answer for the mail exchanger %s; its mail is held, and it is asked again", failure));
}

void Shard::OnSenderRefused(std::string_view site, std::string_view normalized_text, bool invalid_sender,
                            std::string_view sample) {
  seams_.links.Post(0, delivery::SenderRefusedFact{std::string(site), std::string(normalized_text), std::string(sample),
                                                   invalid_sender});
}

void Shard::OnFirstAttempt(std::string_view provider) { budgets_.CountAttempt(provider); }

void Shard::OnBudgetEvent(delivery::BudgetEvent event, std::string_view provider, std::string_view source,
                          std::string_view sample) {
  budgets_.Tell(event, provider, source, sample);
}

void Shard::OnSigningFailed(std::string_view why) {
  seams_.links.Post(0, delivery::SigningFailedFact{std::string(why)});
}

void Shard::OnMessageFailed(std::uint64_t row, std::string_view why) {
  seams_.links.Post(0, delivery::MessageFailedFact{row, std::string(why)});
}

void Shard::OnSmarthostUnusable(std::string_view reason, std::string_view sample) {
  seams_.links.Post(0, delivery::SmarthostUnusableFact{std::string(reason), std::string(sample)});
}

void Shard::Coordinate(std::optional<delivery::PauseReason> pause) {
  if (!pause.has_value() || pause_ != nullptr) return;
  pause->since = seams_.clock.WallNow();
  for (std::uint32_t shard = 1; shard < options_.count; ++shard)
    seams_.links.Post(shard, delivery::PauseCampaign{*pause, false});
  Pause({*pause, true});
}

void Shard::Pause(const delivery::PauseCampaign& message) {
  if (pause_ != nullptr) return;
  if (message.record) {
    ledger::CampaignState record;
    record.kind = message.reason.cancels ? ledger::CampaignStateKind::kCancelled : ledger::CampaignStateKind::kPaused;
    record.time = message.reason.since;
    const std::string scope = message.reason.scope.ToString();
    record.scope = scope;
    record.by = message.reason.by;
    record.reason = message.reason.reason;
    record.sample = message.reason.sample;
    commits_.batch().Add(record);
    if (job_.on_part_paused != nullptr && !message.reason.scope.IsCampaign()) job_.on_part_paused(message.reason);
  }
  if (!message.reason.scope.IsCampaign()) {
    Hold(message.reason);
    return;
  }
  pause_ = std::make_unique<delivery::PauseReason>(message.reason);
  Drain();
}

// ---- whether everything that is left to do here is paused ----

void Shard::LookIfBlocked() {
  if (!look_from_.has_value()) look_from_ = DestinationKey();
  if (phase_ != Phase::kRunning || router_.HasUnfed() || !orders_.empty()) return NoteMove();
  const auto last = destinations_.find(unblocked_);
  if (last != destinations_.end() && !IsBlocked(*last->second)) NoteMove();
}

// Looks at some in each turn.
void Shard::LookOn() {
  int left = kLookedAtOnce;
  bool is_blocked = true;
  const auto look = [&](const DestinationKey& key, const delivery::Destination& destination) {
    if (!is_blocked || IsBlocked(destination)) return;
    is_blocked = false;
    unblocked_ = key;
  };
  if (!look_from_.has_value()) return;
  VisitSome(destinations_, look_from_, left, look);
  if (!is_blocked) {
    look_from_ = DestinationKey();
    NoteMove();
  } else if (!look_from_.has_value()) {
    budgets_.TellBlocked(true);
  }
}

// There is something to do, or somebody comes whom a look that is under way may have left behind.
void Shard::NoteMove() {
  if (!look_from_.has_value()) return;
  look_from_.reset();
  budgets_.TellBlocked(false);
}

// ---- the end ----

void Shard::ExpireEveryone() {
  if (phase_ != Phase::kRunning) return;
  if (seams_.clock.WallNow() < *job_.finish_by) {  // The wall clock stepped back.
    seams_.timers.Set(finish_timer_, seams_.clock.Now() + (*job_.finish_by - seams_.clock.WallNow()));
    return;
  }
  is_over_ = expires_ = true;
  expire_from_ = DestinationKey();
}

void Shard::Expire(delivery::Destination& destination) {
  delivery::Sweep sweep;
  sweep.kind = ledger::OutcomeKind::kExpired;
  sweeper_.Start(destination, std::move(sweep));
}

bool Shard::WantsToExpire() const {
  return expires_ && phase_ == Phase::kRunning && (expire_from_.has_value() || sweeper_.size() < kSweptAtOnce);
}

// Some in each turn: there may be a million. Whoever's turn is yet to come is sent nothing: Settler::SettleUntried.
void Shard::ExpireSome() {
  if (!WantsToExpire()) return;
  int left = kExpiredAtOnce;
  VisitSome(destinations_, expire_from_, left,
            [this](const DestinationKey&, delivery::Destination& destination) { Expire(destination); });
  const auto make = [this, &left](const DestinationKey& key) -> delivery::Destination& {
    --left;
    delivery::Destination& made = MakeDestination(key);  // Which expires it.
    made.place = delivery::Destination::Place::kRouting;
    return made;
  };
  while (left > 0 && sweeper_.size() < kSweptAtOnce) {
    const std::optional<DestinationKey> key = router_.TakeUnfed();
    if (!key.has_value()) {
      expires_ = false;
      return;
    }
    for (const std::uint16_t via : make(*key).elsewhere) make({key->domain, key->share, via});
  }
}

// ---- what it waits for ----

void Shard::SetWatch() { seams_.timers.Set(watch_timer_, seams_.clock.Now() + kWatchEvery); }

void Shard::Watch() {
  SetWatch();
  const std::uint64_t attempts = durable().finals() + durable().deferred + durable().held;
  if (std::exchange(attempts_seen_, attempts) != attempts || phase_ != Phase::kRunning || destinations_.empty()) return;
  waits_ = {.site = delivery::SiteKey(), .example = ""};
}

// Looks at some sites in each turn.
void Shard::WatchSome() {
  if (!waits_.site.has_value()) return;
  int left = kLookedAtOnce;
  VisitSome(sites_, waits_.site, left, [this](const delivery::SiteKey&, const Site& site) {
    std::optional<delivery::HeldQueue> wait = site.HeldNow();
    if (!wait.has_value()) wait = WarmupWaitOf(site);
    if (wait.has_value() && waits_.held++ == 0) waits_.example = Describe(*wait, seams_.clock.WallNow());
  });
  if (waits_.site.has_value()) return;
  if (router_.unanswered() > 0) {
    seams_.log.Info(
        absl::StrFormat("waiting: the DNS gives no answer for %d domains; they are asked again", router_.unanswered()));
  }
  if (waits_.held > 0) {
    const std::string more = waits_.held > 1 ? absl::StrFormat(" (and %d more sites)", waits_.held - 1) : "";
    seams_.log.Info(absl::StrFormat("waiting: %s%s", waits_.example, more));
  } else if (router_.unanswered() == 0) {
    seams_.log.Info("waiting for the next retries of deferred recipients");
  }
}

}  // namespace engine
