#include "engine/delivery/settler.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "engine/delivery/kept_sources.h"
#include "engine/ledger/state.h"
#include "engine/roster/roster.h"

namespace delivery {

namespace {
constexpr std::string_view kExpiredClass = "MessageExpired";
constexpr std::string_view kWithdrawnText = "on a suppression list that has changed since the start";
}  // namespace

std::uint16_t Settler::BeginAttempt(ledger::RecipientId id, std::uint64_t session) {
  const ledger::RecipientEntry& entry = (*job_.states)[id];
  ledger::Attempt attempt;
  attempt.recipient = id;
  attempt.number = static_cast<std::uint16_t>(std::min<std::uint32_t>(entry.attempts + 1u, UINT16_MAX));
  attempt.time = clock_.WallNow();
  attempt.session = session;
  attempt.via = job_.kept_sources == nullptr ? entry.via : job_.kept_sources->InLedger(id, entry.via);
  commits_.batch().Add(attempt);
  attempt.via = entry.via;
  job_.states->Apply(attempt);
  return attempt.number;
}

base::WallTime Settler::EndOf(ledger::RecipientId id) const {
  const ledger::RecipientEntry& entry = (*job_.states)[id];
  const base::WallTime first =
      entry.first_attempt_s == 0 ? clock_.WallNow() : base::WallTime::FromSeconds(entry.first_attempt_s);
  const base::WallTime end = first + job_.max_age;
  return job_.finish_by.has_value() ? std::min(end, *job_.finish_by) : end;
}

bool Settler::IsExpired(ledger::RecipientId id) const {
  const base::WallTime now = clock_.WallNow();
  if (job_.finish_by.has_value() && now >= *job_.finish_by) return true;
  return (*job_.states)[id].first_attempt_s != 0 && now >= EndOf(id);
}

base::WallTime Settler::DueAfter(ledger::RecipientId id, std::uint32_t attempts,
                                 std::string_view classification) const {
  const base::WallTime due =
      clock_.WallNow() +
      job_.retry_plan.After(std::max(1u, attempts), base::StableHash(job_.campaign, id), classification);
  return std::min(due, EndOf(id));
}

void Settler::Write(const ledger::Outcome& outcome) {
  commits_.batch().Add(outcome);
  commits_.Count(outcome);
  if (outcome.kind == ledger::OutcomeKind::kBounced && job_.Learns(outcome.classification))
    commits_.Learn(outcome.recipient);
  job_.states->Apply(outcome);
}

void Settler::Settle(RecipientQueue& queue, ledger::RecipientId id, ledger::Outcome outcome, bool attempted) {
  const ledger::RecipientEntry& entry = (*job_.states)[id];
  outcome.recipient = id;
  outcome.time = clock_.WallNow();
  const bool counts = outcome.kind == ledger::OutcomeKind::kDeferred;
  outcome.number = attempted ? entry.attempts : static_cast<std::uint16_t>(entry.attempts + (counts ? 1 : 0));
  if (outcome.kind == ledger::OutcomeKind::kDeferred)
    outcome.due = DueAfter(id, outcome.number, outcome.classification);
  if (bugs_.pop_retry_twice && outcome.kind == ledger::OutcomeKind::kDelivered && outcome.number == 2) {
    commits_.batch().Add(outcome);
    queue.ReleaseUntil(id, 0);
    return;
  }
  Write(outcome);
  if (outcome.kind == ledger::OutcomeKind::kInDoubt && job_.resend_in_doubt) {
    outcome.kind = ledger::OutcomeKind::kResend;
    outcome.due = outcome.time;
    Write(outcome);
  }
  if (ledger::IsFinal(entry.state)) {
    queue.ReleaseFinal(id);
    return;
  }
  if (IsExpired(id)) {
    Expire(queue, id);
    return;
  }
  queue.ReleaseUntil(id, static_cast<std::uint32_t>(outcome.due.seconds()));
}

void Settler::Expire(RecipientQueue& queue, ledger::RecipientId id) {
  ledger::Outcome outcome;
  outcome.recipient = id;
  outcome.kind = ledger::OutcomeKind::kExpired;
  outcome.number = (*job_.states)[id].attempts;
  outcome.time = clock_.WallNow();
  outcome.classification = kExpiredClass;
  Write(outcome);
  queue.ReleaseFinal(id);
}

bool Settler::IsSuppressed(ledger::RecipientId id) {
  if (suppression_ == nullptr) return false;
  std::string_view reason;  // It was an address when the campaign was prepared.
  return campaign::ParseAddress(job_.roster->Recipient(id).address, address_, reason) &&
         suppression_->Contains(address_.folded, address_.domain);
}

bool Settler::WithdrawSuppressed(RecipientQueue& queue, ledger::RecipientId id) {
  if (!IsSuppressed(id)) return false;
  ledger::Outcome outcome;
  outcome.kind = ledger::OutcomeKind::kWithdrawn;
  outcome.reply_text = kWithdrawnText;
  Settle(queue, id, outcome, /*attempted=*/false);
  return true;
}

bool Settler::SettleUntried(RecipientQueue& queue, ledger::RecipientId id) {
  if (!IsExpired(id)) return WithdrawSuppressed(queue, id);
  Expire(queue, id);
  return true;
}

}  // namespace delivery
