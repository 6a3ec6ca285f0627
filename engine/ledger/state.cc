#include "engine/ledger/state.h"

#include <algorithm>

namespace ledger {
namespace {

std::uint32_t Seconds(base::WallTime time) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.seconds(), 0, UINT32_MAX - 1));
}

// The domain does not exist, or no way leads there (RFC 3463: X.4.4).
bool IsNoDomain(const Outcome& record) {
  if (record.command != "dns") return false;
  return record.classification == "BadDomain" || (record.enhanced[1] == 4 && record.enhanced[2] == 4);
}

}  // namespace

void StateTable::Apply(const Attempt& record) {
  RecipientEntry& entry = (*this)[record.recipient];
  entry.attempts = record.number;
  entry.via = record.via;
  entry.flags |= kAttemptOpen;
  if (entry.first_attempt_s == 0) entry.first_attempt_s = std::max(1u, Seconds(record.time));
}

void StateTable::Apply(const Outcome& record) {
  RecipientEntry& entry = (*this)[record.recipient];
  entry.flags = static_cast<std::uint8_t>(entry.flags & ~(kAttemptOpen | kHeld | kNoDomain));
  switch (record.kind) {
    case OutcomeKind::kDelivered:
      entry.state = State::kDelivered;
      break;
    case OutcomeKind::kBounced:
      entry.state = State::kBounced;
      break;
    case OutcomeKind::kInDoubt:
      entry.state = State::kInDoubt;
      break;
    case OutcomeKind::kExpired:
      entry.state = State::kExpired;
      break;
    case OutcomeKind::kWithdrawn:
      entry.state = State::kWithdrawn;
      break;
    case OutcomeKind::kCancelled:
      entry.state = State::kCancelled;
      break;
    case OutcomeKind::kDeferred:
      entry.state = State::kDeferred;
      entry.attempts = record.number;
      entry.due_s = Seconds(record.due);
      if (IsNoDomain(record)) entry.flags |= kNoDomain;
      if (entry.first_attempt_s == 0) entry.first_attempt_s = std::max(1u, Seconds(record.time));
      break;
    case OutcomeKind::kHeld:  // As before the attempt.
      if (entry.attempts == record.number && entry.attempts > 0) --entry.attempts;
      entry.state = entry.attempts == 0 ? State::kUnattempted : State::kDeferred;
      entry.due_s = Seconds(record.due);
      entry.flags |= kHeld;
      break;
    case OutcomeKind::kResend:
      entry.state = State::kDeferred;
      entry.due_s = Seconds(record.due);
      entry.flags |= kEverInDoubt;
      break;
  }
}

void CampaignFacts::Apply(const CampaignState& record) {
  if (kind == CampaignStateKind::kCancelled) return;  // For good.
  if (record.kind == CampaignStateKind::kPaused) {
    pauses[std::string(record.scope)] = {std::string(record.by), std::string(record.reason), std::string(record.sample),
                                         record.time};
    if (record.scope != kWholeCampaign) return;
  }
  if (record.kind == CampaignStateKind::kResumed) {
    const auto whole = pauses.find(std::string(kWholeCampaign));
    if (whole != pauses.end() && whole->second.by == kResolverSuspect) resolver_trusted = true;
    pauses.clear();
  }
  if (record.kind == CampaignStateKind::kCancelled) pauses.clear();
  kind = record.kind;
  since = record.time;
  if (record.kind != CampaignStateKind::kRunning) return;
  ++runs;
  if (started_at == base::WallTime()) started_at = record.time;
}

void CampaignFacts::Apply(const SiteState& record) {
  const SuspensionKey key{std::string(record.site), std::string(record.source), std::string(record.scope)};
  if (record.until <= record.time) {
    suspensions.erase(key);
    return;
  }
  const auto known = suspensions.find(key);
  const bool goes_on = known != suspensions.end() && known->second.until > record.time;
  const base::WallTime begun = goes_on ? std::min(known->second.since, record.time) : record.time;
  suspensions[key] = {record.until, std::string(record.reason), std::string(record.sample), begun};
}

}  // namespace ledger
