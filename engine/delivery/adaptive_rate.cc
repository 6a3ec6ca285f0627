#include "engine/delivery/adaptive_rate.h"

#include <algorithm>
#include <cmath>

namespace delivery {
namespace {

constexpr double kLeast = 0.2;  // Per second.
constexpr double kBelowAccepted = 0.97;
constexpr double kLeastShare = 0.125;  // Of what was sent, even where next to nothing was accepted.
constexpr std::uint64_t kEnough = 10;  // Messages, to measure by…
constexpr base::Duration kMeasuredLeast = base::Duration::Seconds(1);  // …in this time.
constexpr base::Duration kMeasuredMost = base::Duration::Minutes(1);
constexpr double kFew = 0.0025;  // Of what a rate sends in that time: no reason to give it up, or to learn another.
// So long what came before a decrease may count at the receiver, for what comes after it.
constexpr base::Duration kSettles = base::Duration::Seconds(1);
constexpr double kGrowthLater = 0.01;  // Once the limit is known.
constexpr base::Duration kStep = base::Duration::Seconds(10);
constexpr base::Duration kStaysMost = base::Duration::Minutes(10);
constexpr base::Duration kForgottenAfter = base::Duration::Hours(1);

double FewIn(double per_second) { return per_second * static_cast<double>(kMeasuredMost.seconds()) * kFew; }

}  // namespace

bool AdaptiveRate::OnThrottled(base::Instant written, base::Instant now) {
  complained_at_ = now;
  if (per_second_ > 0 && written < decreased_at_ + kSettles) return false;  // It says nothing new.
  // What was accepted before the first complaint may have been saved up.
  if (!measured_since_.has_value() || now - *measured_since_ > kMeasuredMost) {
    measured_since_ = now;
    accepted_ = throttled_ = 0;
  }
  ++throttled_;
  if (static_cast<double>(throttled_) < FewIn(per_second_)) return false;
  if (before_growth_ > 0) {
    per_second_ = before_growth_;
    growth_ = kGrowthLater;
    stays_ = std::min(stays_ * 2, kStaysMost);
    Stay(now);
    return true;
  }
  if (now - *measured_since_ < kMeasuredLeast || accepted_ + throttled_ < kEnough) return false;
  const double seconds = static_cast<double>((now - *measured_since_).nanoseconds()) / 1e9;
  const double taken =
      std::max(static_cast<double>(accepted_), static_cast<double>(accepted_ + throttled_) * kLeastShare) / seconds;
  if (per_second_ == 0 && static_cast<double>(throttled_) < FewIn(taken)) {
    // It may take much more than what it is sent so far, and have refused what came at one moment. Such complaints add
    // up until they tell of a rate, and then what was accepted in the time since the last of them does.
    measured_since_ = now;
    accepted_ = 0;
    return false;
  }
  // A little less than that; of a rate that is known, most of the difference is chance.
  per_second_ =
      std::max(per_second_ > 0 ? std::min(taken, per_second_ * kBelowAccepted) : taken * kBelowAccepted, kLeast);
  Stay(now);
  return true;
}

void AdaptiveRate::Stay(base::Instant now) {
  before_growth_ = 0;
  measured_since_.reset();
  decreased_at_ = now;
  grows_at_ = now + stays_;
}

bool AdaptiveRate::Grow(base::Instant now) {
  if (per_second_ <= 0 || now < grows_at_) return false;
  if (now - complained_at_ >= kForgottenAfter) {
    *this = AdaptiveRate();
    return true;
  }
  grows_at_ = now + kStep;
  if (now - complained_at_ < kStep) return false;
  before_growth_ = per_second_;
  per_second_ *= 1 + growth_;
  return true;
}

std::optional<base::Rate> AdaptiveRate::rate() const {
  if (per_second_ <= 0) return std::nullopt;
  // In a thousand seconds: the rounding is less than the least rate needs.
  return base::Rate{static_cast<std::uint64_t>(std::lround(std::max(1.0, per_second_ * 1000))),
                    base::Duration::Seconds(1000), std::nullopt};
}

void AdaptiveRate::Restore(double per_second, base::Instant now) {
  per_second_ = std::max(per_second, kLeast);
  complained_at_ = now;
  Stay(now);
}

}  // namespace delivery
