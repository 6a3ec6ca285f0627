#include "engine/delivery/suspension.h"

#include <algorithm>

namespace delivery {

base::Instant Suspension::Suspend(base::Instant now, Span span, std::string_view reason, std::string_view sample) {
  last_ = last_ == base::Duration() ? span.shortest : std::max(span.shortest, last_ * 2);
  last_ = std::min(last_, span.longest);
  SuspendUntil(now + last_, now, reason, sample);
  return until_;
}

void Suspension::SuspendUntil(base::Instant until, base::Instant now, std::string_view reason,
                              std::string_view sample) {
  if (!IsActive(now)) since_ = now;
  if (until <= until_) return;
  until_ = until;
  reason_ = std::string(reason);
  sample_ = std::string(sample);
}

void Suspension::Forgive() { last_ = base::Duration(); }

void Suspension::Lift(base::Instant now) {
  until_ = std::min(until_, now);
  Forgive();
}

Breaker::Advice Breaker::OnRefusal(std::string_view normalized_text, bool again) {
  if (text_ != normalized_text) {
    text_ = std::string(normalized_text);
    streak_ = 0;
  }
  if (streak_ >= kOpensAt) return Advice::kOpen;
  if (again) return Advice::kBounce;
  ++streak_;
  if (streak_ >= kOpensAt) return Advice::kOpen;
  return streak_ <= kBouncedAtMost ? Advice::kBounce : Advice::kHold;
}

void Breaker::OnDelivery() {
  text_.clear();
  streak_ = 0;
}

}  // namespace delivery
