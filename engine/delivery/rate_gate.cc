#include "engine/delivery/rate_gate.h"

#include <algorithm>

#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr base::Duration kTurn = base::Duration::Milliseconds(10);
constexpr base::Duration kLateMost = base::Duration::Milliseconds(5);

}  // namespace

RateGate::RateGate(const Options& options, base::Instant now)
    : options_(options), scale_(std::max<std::uint64_t>(1, options.count)), due_(0) {
  CHECK(options.period > base::Duration() && options.burst_max >= 1);
  due_ = Scaled(now);
  ns_for_each_ = IntervalNs();
}

double RateGate::IntervalNs() const {
  return options_.count == 0 ? 0
                             : static_cast<double>(options_.period.nanoseconds()) / static_cast<double>(options_.count);
}

RateGate::Wide RateGate::Tolerance() const {
  return static_cast<Wide>(options_.period.nanoseconds()) * static_cast<Wide>(options_.burst_max - 1);
}

RateGate::Wide RateGate::DueFrom(base::Instant now) const {
  const Wide half = static_cast<Wide>(options_.period.nanoseconds()) / 2;
  const Wide late = static_cast<Wide>(options_.late_most.nanoseconds()) * static_cast<Wide>(scale_);
  return std::max(due_, Scaled(now) - std::min(half, late));
}

base::Instant RateGate::At(Wide scaled) const {
  if (options_.count == 0) return base::Instant::Never();
  const Wide count = static_cast<Wide>(options_.count);
  return base::Instant::FromNanoseconds(
      static_cast<std::int64_t>(scaled <= 0 ? scaled / count : (scaled + count - 1) / count));
}

base::Instant RateGate::OpensAfter(std::uint64_t before, base::Instant now) const {
  const Wide due = DueFrom(now);
  return At(due - Tolerance() + static_cast<Wide>(before) * static_cast<Wide>(options_.period.nanoseconds()));
}

base::Instant RateGate::RestedAfter(base::Instant now, base::Duration passing) const {
  if (passing == base::Duration()) return At(due_);
  return At(std::max(due_, Scaled(now)) +
            static_cast<Wide>(Available(now, passing)) * static_cast<Wide>(options_.period.nanoseconds()));
}

std::uint64_t RateGate::Available(base::Instant now, base::Duration ahead) const {
  if (options_.count == 0) return 0;
  const Wide room = Scaled(now + ahead) + Tolerance() - DueFrom(now);
  if (room < 0) return 0;
  return static_cast<std::uint64_t>(room / static_cast<Wide>(options_.period.nanoseconds())) + 1;
}

bool RateGate::TryPass(base::Instant now) {
  if (Available(now) == 0) return false;
  if (const double interval = IntervalNs(); ns_for_each_ != interval) {
    const double debt = std::max(0.0, static_cast<double>(due_ - Scaled(now))) / static_cast<double>(scale_);
    const double passed = ns_for_each_ > 0 ? debt / ns_for_each_ : 0;
    ns_for_each_ = passed > 0 ? (debt + interval) / (passed + 1) : interval;
  }
  due_ = DueFrom(now) + static_cast<Wide>(options_.period.nanoseconds());
  return true;
}

void RateGate::SetOptions(const Options& options, base::Instant now) {
  CHECK(options.period > base::Duration() && options.burst_max >= 1);
  const bool was_closed = options_.count == 0;
  options_ = options;
  if (options.count == 0) return;
  const Wide debt = std::max<Wide>(0, due_ - Scaled(now));
  Wide kept = debt * static_cast<Wide>(options.count) / static_cast<Wide>(scale_);  // The same time…
  scale_ = options.count;
  const double interval = IntervalNs();
  if (debt == 0 || ns_for_each_ == 0) {
    ns_for_each_ = interval;
  } else if (!was_closed && interval < ns_for_each_) {  // …or as many at the new rate, where that is less.
    kept = static_cast<Wide>(static_cast<double>(kept) * (interval / ns_for_each_));
    ns_for_each_ = interval;
  }
  due_ = Scaled(now) + kept;
}

RateGate::Options GateOptions(const base::Rate& rate) {
  RateGate::Options options{.count = rate.count, .period = rate.period};
  const double in_a_turn = static_cast<double>(rate.count) *
                           (static_cast<double>(kTurn.nanoseconds()) / static_cast<double>(rate.period.nanoseconds()));
  options.burst_max = rate.burst_max.value_or(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(in_a_turn)));
  if (!rate.burst_max.has_value()) options.late_most = kLateMost;
  return options;
}

}  // namespace delivery
