#include "tests/sim/rate_count.h"

#include <algorithm>

#include "engine/base/check.h"

namespace sim {
namespace {

constexpr MessageParts kEverything = MessageParts(1) << 100;

MessageParts EachNs(const base::Rate& rate) {
  const MessageParts period = rate.period.nanoseconds();
  CHECK(period > 0 && kMessage % period == 0);
  return MessageParts(rate.count) * (kMessage / period);
}

// Where none is stated, it is what the rate gives in 10 ms, and one at least (tools/README.md, Shaping files).
MessageParts BurstOf(const base::Rate& rate) {
  if (rate.burst_max.has_value()) return MessageParts(*rate.burst_max) * kMessage;
  const MessageParts given = EachNs(rate) * base::Duration::Milliseconds(10).nanoseconds();
  return std::max(kMessage, given / kMessage * kMessage);
}

}  // namespace

void RateHistory::Set(const std::optional<base::Rate>& rate, base::Instant now) {
  if (!spans_.empty() && rate == rate_) return;
  rate_ = rate;
  Span span{.since = now, .has_rate = rate.has_value()};
  if (rate.has_value()) {
    span.each_ns = EachNs(*rate);
    span.burst = BurstOf(*rate);
  }
  if (!spans_.empty()) {
    const Span& before = spans_.back();
    span.given = Given(now);
    if (!span.has_rate) {
      span.given += kEverything;
    } else if (before.has_rate && span.each_ns < before.each_ns) {  // Rounded up.
      span.given += largest_burst_ * (before.each_ns - span.each_ns) / before.each_ns + 1;
    }
  }
  largest_burst_ = span.has_rate ? std::max(largest_burst_, span.burst) : 0;
  spans_.push_back(span);
}

const RateHistory::Span& RateHistory::At(base::Instant at) const {
  const auto after = std::find_if(spans_.begin() + 1, spans_.end(), [at](const Span& span) { return span.since > at; });
  return *(after - 1);
}

MessageParts RateHistory::Given(base::Instant until) const {
  const Span& span = At(until);
  return span.given + span.each_ns * (until - span.since).nanoseconds();
}

MessageParts RateHistory::LargestBurst(base::Instant from, base::Instant to) const {
  MessageParts largest = At(from).burst;
  for (const Span& span : spans_) {
    if (span.since > from && span.since <= to) largest = std::max(largest, span.burst);
  }
  return largest;
}

Arrivals::Verdict Arrivals::Add(const RateHistory& rates, base::Instant now, base::Duration longest) {
  if (!rates.HasRate(now)) return Verdict::kFine;  // No window with this moment in it has a limit.
  const base::Instant left = now - longest;        // Or later.
  if (rates.HasRate(left)) {
    const MessageParts start = count_ - rates.Given(left);
    least_ = std::min(least_.value_or(start), start);
  }
  count_ += kMessage;
  if (!least_.has_value()) return Verdict::kFine;
  const MessageParts more = *least_ - (count_ - rates.Given(now) - rates.LargestBurst(left, now));
  return more < 0 ? Verdict::kTooMany : more < kMessage ? Verdict::kLast : Verdict::kFine;
}

}  // namespace sim
