#include "engine/delivery/tally.h"

namespace delivery {
namespace {

constexpr std::string_view kOther = "other";

}  // namespace

std::string_view MetricName(ledger::OutcomeKind kind) {
  switch (kind) {
    case ledger::OutcomeKind::kDelivered:
      return "delivered";
    case ledger::OutcomeKind::kDeferred:
      return "deferred";
    case ledger::OutcomeKind::kBounced:
      return "bounced";
    case ledger::OutcomeKind::kHeld:
      return "held";
    case ledger::OutcomeKind::kInDoubt:
      return "in_doubt";
    case ledger::OutcomeKind::kExpired:
      return "expired";
    case ledger::OutcomeKind::kWithdrawn:
      return "withdrawn";
    case ledger::OutcomeKind::kCancelled:
      return "cancelled";
    case ledger::OutcomeKind::kResend:
      return "resent";
  }
  return kOther;
}

std::uint32_t Tally::GroupOf(std::string_view provider, std::string_view source, const ledger::Outcome& outcome) {
  if (last_ < groups_.size() && groups_[last_].Is(provider, source, outcome)) return last_;  // As mostly.
  key_.assign(1, static_cast<char>(outcome.kind));
  for (const std::string_view part : {provider, source, outcome.classification}) key_.append(part).push_back('\0');
  if (const auto known = index_.find(std::string_view(key_)); known != index_.end()) return last_ = known->second;
  if (groups_.size() >= kGroupsMax && provider != kOther) return GroupOf(kOther, kOther, outcome);
  OutcomeGroup group;
  group.provider = std::string(provider);
  group.source = std::string(source);
  group.classification = std::string(outcome.classification);
  group.kind = outcome.kind;
  groups_.push_back(std::move(group));
  const auto number = static_cast<std::uint32_t>(groups_.size() - 1);
  index_.emplace(key_, number);
  return last_ = number;
}

Tally::Entry Tally::EntryOf(const ledger::Outcome& outcome) {
  Entry entry;
  entry.group = GroupOf(outcome.provider.empty() ? kOther : outcome.provider,
                        outcome.source.empty() ? kOther : outcome.source, outcome);
  if (outcome.kind != ledger::OutcomeKind::kDelivered) return entry;
  entry.first = outcome.connection_use == 1;
  entry.encrypted = !outcome.tls_protocol.empty();
  entry.connect = outcome.timings.connect;
  entry.tls = outcome.timings.tls;
  entry.dot = outcome.timings.dot;
  return entry;
}

void Tally::Count(const Entry& entry) {
  OutcomeGroup& group = groups_[entry.group];
  ++group.count;
  if (group.kind != ledger::OutcomeKind::kDelivered) return;
  group.dot.Take(entry.dot);
  if (entry.first) group.connect.Take(entry.connect);
  if (entry.first && entry.encrypted) group.tls.Take(entry.tls);
}

void PendingCounts::Add(const PendingCounts& other) {
  unattempted += other.unattempted;
  deferred += other.deferred;
  held += other.held;
  in_flight += other.in_flight;
}

}  // namespace delivery
